"""What images are worth beside real ones: every metric, its floors, and the protocol that it was taken by.

Sets of images are looked at in pieces, so that memory grows with their features at most, and with those only
where a metric compares all with all. Every metric is a function of two sets, and its floor is the same
function of two real ones.
"""

import contextlib
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

import gengap
from gengap import metrics
from gengap.data import Dataset, cache
from gengap.data.tfds import progress
from gengap.errors import InputError
from gengap.eyes import Eyes, Images, code
from gengap.metrics import blobs
from gengap.metrics.frechet import merge, moments
from gengap.run import Run

Numbers: TypeAlias = dict[str, Any]

PIECE = 500  # images looked at at a time
NEIGHBOUR = 5  # k of precision, recall, density and coverage
SUBSET = 1000  # images in a subset of KID


class Seen(NamedTuple):
  """What is known of a set of images; what no metric asks for is None."""

  number: int
  sharpness: np.ndarray  # [N]
  label: Any = None  # [N], true classes of real images
  blobs: Any = None  # of images of blobs
  moments: Any = None  # of the features
  features: Any = None  # [N, D]
  logits: Any = None  # [N, K], of the network that the features are of
  named: Any = None  # [N, classes], logits of the classifier


class Scene(NamedTuple):
  """What is compared; `train` where copies of training images are looked for."""

  real: Seen
  fake: Seen
  train: Seen | None = None


def frechet(scene: Scene) -> Numbers:
  """Squared Frechet distance of the features; with those of Inception, the FID."""
  a, b = scene.real.moments, scene.fake.moments
  return {"frechet": metrics.frechet_distance(a.mean, a.covariance, b.mean, b.covariance)}


def kid(scene: Scene) -> Numbers:
  """KID by 100 subsets of 1,000 images, or of as many as there are."""
  real, fake = scene.real.features, scene.fake.features
  return {"kid": metrics.kid(real, fake, subset_size=min(SUBSET, len(real), len(fake)))[0]}


def prdc(scene: Scene) -> Numbers:
  """Precision, recall, density and coverage."""
  return metrics.prdc(scene.real.features, scene.fake.features, NEIGHBOUR)


def inception_score(scene: Scene) -> Numbers:
  """Inception Score of 10 splits, with the classes of the network that the features are of."""
  return {"inception_score": metrics.inception_score(scene.fake.logits)[0]}


def classes(scene: Scene) -> Numbers:
  """Which classes are reached, what each has of its share of the data, and the precision within each."""
  real, fake = scene.real.label, scene.fake.named.argmax(1)
  histogram = np.bincount(real, minlength=scene.fake.named.shape[1])
  found: Numbers = dict(metrics.class_coverage(scene.fake.named, histogram))
  for c in range(len(histogram)):
    pair = scene.real.features[real == c], scene.fake.features[fake == c]
    if min(map(len, pair)) > NEIGHBOUR:
      found[f"precision_{c}"] = metrics.prdc(*pair, NEIGHBOUR)["precision"]
  return found


def sharpness(scene: Scene) -> Numbers:
  """Median variance of the Laplacian."""
  return {"sharpness": float(np.median(scene.fake.sharpness))}


def diversity(scene: Scene) -> Numbers:
  """Root mean square distance between the features of two images."""
  return {"diversity": scene.fake.moments.diversity}


def memorisation(scene: Scene) -> Numbers:
  """Whether images are copies of those trained on."""
  assert scene.train
  return metrics.memorisation(scene.train.features, scene.real.features, scene.fake.features)


def blob_truths(scene: Scene) -> Numbers:
  """Number, size, shape, place and brightness of blobs."""
  return blobs.summary(scene.fake.blobs)


class Metric(NamedTuple):
  """A comparison, and what it asks of both sets."""

  compare: Callable[[Scene], Numbers]
  needs: frozenset[str]


METRICS: dict[str, Metric] = {
  "frechet": Metric(frechet, frozenset({"moments"})),
  "kid": Metric(kid, frozenset({"features"})),
  "prdc": Metric(prdc, frozenset({"features"})),
  "inception_score": Metric(inception_score, frozenset({"logits"})),
  "classes": Metric(classes, frozenset({"features", "named"})),
  "diversity": Metric(diversity, frozenset({"moments"})),
  "memorisation": Metric(memorisation, frozenset({"features", "train"})),
  "sharpness": Metric(sharpness, frozenset()),
  "blobs": Metric(blob_truths, frozenset({"blobs"})),
}


def glance(images: Images, eyes: Eyes, needs: frozenset[str]) -> dict[str, np.ndarray]:
  """Returns what is needed to know of a piece of images, by name: [n, ...] each."""
  found = {"sharpness": metrics.sharpness(images.astype(np.float32) / 127.5 - 1)}
  if "blobs" in needs:
    found |= {f"blobs/{name}": value for name, value in blobs.describe(images).items()}
  if eyes.features and needs & {"moments", "features", "logits"}:
    found["features"] = eyes.features.see(images)
    if "logits" in needs and eyes.features.classify:
      found["logits"] = eyes.features.classify(found["features"])
  if eyes.classifier and eyes.classifier.classify and "named" in needs:
    one = eyes.features and eyes.features.protocol == eyes.classifier.protocol and "features" in found
    seen = found["features"] if one else eyes.classifier.see(images)
    found["named"] = eyes.classifier.classify(seen)
  return found


def look(pieces: Iterable[Images], eyes: Eyes, needs: frozenset[str], label: Any = None) -> Seen:
  """Looks at images piece by piece, and keeps what is needed of them."""
  kept, total = [], None
  for images in pieces:
    part = glance(images, eyes, needs)
    if "features" in part:
      new = moments(part["features"])
      total = merge(total, new) if total else new
      if "features" not in needs:
        del part["features"]
    kept.append(part)
  whole = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}
  described = {name.partition("/")[2]: whole.pop(name) for name in list(whole) if name.startswith("blobs/")}
  return Seen(len(whole["sharpness"]), label=label, blobs=described, moments=total, **whole)


def cut(images: Images, what: str) -> Iterator[Images]:
  """Yields images in pieces, with a progress bar."""
  with progress(f"looking at {what}", len(images)) as bar:
    for start in range(0, len(images), PIECE):
      yield np.asarray(images[start : start + PIECE])
      bar.update(len(images[start : start + PIECE]))


def sampled(run: Run, number: int, seed: int) -> Iterator[Images]:
  """Yields samples of a run in pieces, as uint8.

  Raises:
    InputError: they are not finite.
  """
  with progress(f"looking at samples {seed}", number) as bar:
    for start in range(0, number, PIECE):
      key = jax.random.fold_in(jax.random.key(seed), start)
      images = np.asarray(run.sample(key, min(PIECE, number - start)))
      if not np.isfinite(images).all():
        raise InputError(f"the samples of step {run.step} are not finite; judge an earlier step")
      yield np.rint((images + 1) * 127.5).astype(np.uint8)
      bar.update(len(images))


class Judge:
  """Scores any number of checkpoints against the same real images."""

  def __init__(self, train: Dataset, test: Dataset, eyes: Eyes, names: Iterable[str], number: int):
    """Looks at the real images.

    Args:
      train: what the runs were trained on.
      test: what their samples are compared with.
      eyes: what looks at images.
      names: of METRICS.
      number: of samples, and of real images of each kind as far as there are as many.
    """
    self.eyes, self.number = eyes, number
    self.metrics = {name: METRICS[name] for name in names}
    self.needs: frozenset[str] = frozenset().union(*(metric.needs for metric in self.metrics.values()))
    lots = [np.random.default_rng(seed).permutation(len(d.image)) for seed, d in enumerate((test, train))]
    n = min(number, len(lots[0]), len(lots[1]) // 2)
    self.chosen = {"test": lots[0][:number], "train": lots[1][:n], "rest": lots[1][n : 2 * n]}
    self.real, crc = {}, 0
    for what, index in self.chosen.items():
      data = test if what == "test" else train
      images, label = data.image[np.sort(index)], data.label[np.sort(index)]
      crc = zlib.crc32(images.tobytes(), crc)
      self.real[what] = look(cut(images, what), eyes.remembering(), self.needs, label)
    self.protocol: Numbers = {
      "split": "test",
      "real": self.real["test"].number,
      "samples": number,
      "quantised": "uint8",
      "real_crc32": crc,
      "version": gengap.__version__,
      "features": eyes.features.protocol if eyes.features else None,
      "classifier": eyes.classifier.protocol if eyes.classifier else None,
    }
    self.floors = {name: self.floor(name) for name in self.metrics}

  def floor(self, name: str) -> dict[str, Numbers]:
    """Returns a metric of real images beside real ones, what a perfect generator would have; kept on disk.

    Raises:
      InputError: too few images for it.
    """
    test, train, rest = (self.real[what] for what in ("test", "train", "rest"))
    path = cache.root() / "floors" / f"{fingerprint(self.protocol | {'code': code()})}-{name}.json"
    with contextlib.suppress(OSError, ValueError):  # missing or damaged
      return json.loads(path.read_text())
    if "train" in self.metrics[name].needs:
      scenes = {"test": Scene(rest, test, train)}
    else:
      scenes = {"train": Scene(rest, train), "test": Scene(test, train)}
    found = {what: self.measure(name, scene) for what, scene in scenes.items()}
    cache.keep(path, lambda file: file.write(json.dumps(found).encode()))
    return found

  def compare(self, pieces: Iterable[Images]) -> dict[str, float]:
    """Returns every number of any images [n, H, W, C] uint8, given in pieces; they may come from anywhere."""
    scene = Scene(self.real["test"], look(pieces, self.eyes, self.needs), self.real["train"])
    found = {}
    for name in self.metrics:
      found |= self.measure(name, scene)
    return found

  def measure(self, name: str, scene: Scene) -> Numbers:
    """Returns a metric's numbers.

    Raises:
      InputError: what is compared is not fit for it, such as too few images.
    """
    try:
      return self.metrics[name].compare(scene)
    except InputError as error:
      raise InputError(f"{name} of {scene.fake.number} images beside {scene.real.number}: {error}") from error

  def score(self, run: Run, seeds: Iterable[int]) -> Numbers:
    """Scores a run.

    Args:
      run: its checkpoint.
      seeds: of the samples; each draws its own.

    Returns: The protocol; and by the name of every number its value, the mean over seeds; its spread, their
      standard deviation (of one seed none); the values; and its floors, of training images against others of
      them ("train") and against test images ("test").
    """
    seeds = list(seeds)
    drawn = [self.compare(sampled(run, self.number, seed)) for seed in seeds]
    scores = {}
    for name in dict.fromkeys(name for found in drawn for name in found):
      values = [found[name] for found in drawn if name in found]
      floors = {what: float(f[name]) for by in self.floors.values() for what, f in by.items() if name in f}
      scores[name] = {"value": float(np.mean(values)), "values": values, "floors": floors}
      scores[name] |= {"spread": float(np.std(values, ddof=1))} if len(values) > 1 else {}
    subject = {
      "step": run.step,
      "weights": "ema" if run.config.ema else "last",
      "drawn": "decoder means" if run.method.density else "generator's",
      "seeds": seeds,
    }
    return {
      "protocol": self.protocol,
      "fingerprint": fingerprint(self.protocol),
      "subject": subject,
      "scores": scores,
    }


def fingerprint(protocol: Numbers) -> str:
  """Returns a short name of a protocol: scores of two that differ are not to be compared."""
  return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()[:12]
