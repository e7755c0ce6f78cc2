"""What images are worth beside real ones: every metric, its floor, and the protocol that it was taken by.

The floor of a number is what real images get when they are judged as if they were samples: by the same code,
against the same references, and as many of them where there are as many. It is where a perfect generator is,
and not the best value of the metric. The images are training images that are not among the references
("train"). For a number that depends on a trained classifier they are validation images ("validation"): the
classifier was not trained on them, and a classifier is surer of its own training images than of others.
"""

import contextlib
import hashlib
import json
import math
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

import gengap
from gengap.data import Dataset, cache
from gengap.data.subset import stratified
from gengap.errors import InputError
from gengap.evaluation.extract import Seen, cut, look, sampled
from gengap.evaluation.extractors import Eyes, Images, code
from gengap.evaluation.quantities import Depends
from gengap.evaluation.sample_metrics import METRICS, SPREAD, Numbers, Scene
from gengap.run import Run

PARTS = {  # what a number may depend on -> fields of the protocol
  Depends.FEATURES: ("features",),
  Depends.CLASSIFIER: ("classifier",),
  Depends.REAL: ("split", "real", "real_crc32"),
  Depends.TRAIN: ("train", "train_crc32"),
  Depends.SAMPLES: ("samples",),
}
OF_FEATURES = frozenset({"moments", "features", "logits"})  # names of `Seen`
ALWAYS = ("quantised", "version")  # fields of the protocol that every number depends on


class Sizes(NamedTuple):
  """How many images of each set are compared."""

  samples: int
  real: int  # test images, which samples are compared with
  train: int  # training images, among which copies are looked for


def sizes(number: int, train: Dataset, test: Dataset) -> Sizes:
  """Returns how many images are compared where `number` samples are asked for."""
  real = min(number, len(test.image))
  return Sizes(number, real, min(real, len(train.image) // 2))


def too_few(name: str, there: Sizes) -> str:
  """Returns why there are too few images for a metric; "" where there are enough."""
  metric = METRICS[name]
  words = {"samples": "samples", "real": "test images", "train": "training images to compare with"}
  sets = {"samples", *(kind.value for kind in metric.sets)}
  counts = {what: count for what, count in there._asdict().items() if what in sets}
  least = min(counts, key=lambda what: counts[what])
  if counts[least] >= metric.least:
    return ""
  return f"{name} needs at least {metric.least} {words[least]}, and there are {counts[least]}"


class Judge:
  """Scores any number of checkpoints against the same real images."""

  def __init__(
    self,
    train: Dataset,
    test: Dataset,
    eyes: Eyes,
    names: Iterable[str],
    number: int,
    validation: Dataset | None = None,
  ):
    """Looks at the real images. Where only some are taken, classes keep their shares (`stratified`).

    A metric that lacks something, such as enough images or a classifier, is skipped with its reason.

    Args:
      train: what the runs were trained on.
      test: what their samples are compared with.
      eyes: what looks at images.
      names: of METRICS.
      number: of samples, and of real images of each kind as far as there are as many.
      validation: real images on which neither the runs nor the classifier was trained; None: none are held
        out, and every floor is that of training images.
    """
    self.eyes, self.number, there = eyes, number, sizes(number, train, test)
    reasons = {name: eyes.lack(METRICS[name].needs) or too_few(name, there) for name in names}
    self.skipped = {name: reason for name, reason in reasons.items() if reason}
    self.metrics = {name: METRICS[name] for name, reason in reasons.items() if not reason}
    self.needs: frozenset[str] = frozenset().union(*(m.needs | m.likes for m in self.metrics.values()))
    self.judged = {
      name: "floor validation" if validation and self.classified(name) else "floor train"
      for name in self.metrics
    }
    wanted = {kind.value for metric in self.metrics.values() for kind in metric.sets} | set(
      self.judged.values()
    )
    self.chosen: dict[str, np.ndarray] = {}
    self.real: dict[str, Seen] = {}
    self.crc: dict[str, int] = {}
    for what, (data, index) in self.lots(train, test, there, validation).items():
      if what in wanted:
        self.chosen[what], images = index, data.image[index]
        self.crc[what] = zlib.crc32(images.tobytes())
        pieces = cut(images, f"real images ({what})")
        self.real[what] = look(pieces, eyes.remembering(), self.needs, data.label[index])
    self.protocol: Numbers = {"split": "test", "samples": number, "quantised": "uint8"}
    self.protocol |= {"version": gengap.__version__}
    for what in ("real", "train"):
      if what in self.real:
        self.protocol |= {what: self.real[what].number, f"{what}_crc32": self.crc[what]}
    self.protocol["features"] = eyes.features.protocol if eyes.features else None
    self.protocol["classifier"] = eyes.classifier.protocol if eyes.classifier else None
    self.floors = {name: self.floor(name) for name in self.metrics}

  def classified(self, name: str) -> bool:
    """Whether a metric depends on a network that was trained on the training images."""
    needs, features = METRICS[name].needs, self.eyes.features
    return "named" in needs or bool(features and features.trained and needs & OF_FEATURES)

  def notes(self) -> list[str]:
    """Returns what a reader of the numbers has to know of the sets of images."""
    notes = []
    if "real" in self.real and (real := self.real["real"].number) < self.number:
      notes.append(f"{self.number} samples are compared with {real} test images: there are no more")
    fewer = [what for what in sorted(set(self.judged.values())) if self.real[what].number < self.number]
    notes += [
      f"floors are of {self.real[what].number} {what.removeprefix('floor ')} images, fewer than the "
      f"{self.number} samples: recall, coverage and the Frechet distance are worse of fewer images"
      for what in fewer
    ]
    if any(self.judged[name] == "floor train" and self.classified(name) for name in self.metrics):
      notes.append(
        "no images are held out: floors are of images that the classifier was trained on, and flatter"
      )
    return notes

  def lots(
    self, train: Dataset, test: Dataset, there: Sizes, validation: Dataset | None
  ) -> dict[str, tuple[Dataset, np.ndarray]]:
    """Returns which images of which data each set of real images holds."""
    references = stratified(train.label, there.train, 1)
    others = np.setdiff1d(np.arange(len(train.image)), references)
    lots = {
      "real": (test, stratified(test.label, self.number, 0)),
      "train": (train, references),
      "floor train": (train, others[stratified(train.label[others], self.number, 2)]),
    }
    if validation:
      lots["floor validation"] = validation, stratified(validation.label, self.number, 3)
    return lots

  def floor(self, name: str) -> Numbers:
    """Returns a metric's numbers of real images in the place of samples, by name; kept on disk.

    Where they cannot be computed, {"reason": why}.
    """
    judged = self.judged[name]
    about = self.protocol | {"code": code(), "floor": [judged, self.crc[judged]]}
    path = cache.root() / "floors" / f"{fingerprint(about)}-{name}.json"
    with contextlib.suppress(OSError, ValueError):  # missing or damaged
      if isinstance(kept := json.loads(path.read_text()), dict):
        return kept
    try:
      found = self.measure(name, self.real[judged])
    except InputError as error:
      found = {"reason": str(error)}
    cache.keep(path, lambda file: file.write(json.dumps(found).encode()))
    return found

  def measure(self, name: str, fake: Seen) -> Numbers:
    """Returns a metric's numbers of images in the place of samples.

    Raises:
      InputError: what is compared is not fit for it.
    """
    scene = Scene(self.real.get("real"), fake, self.real.get("train"))
    try:
      return self.metrics[name].compare(scene)
    except InputError as error:
      raise InputError(f"{name}: {error}") from error

  def compare(self, pieces: Iterable[Images]) -> tuple[dict[str, Numbers], dict[str, str]]:
    """Judges any images [n, H, W, C] uint8, given in pieces; they may come from anywhere.

    Returns: The numbers of each metric, by its name; and of those that could not be taken the reason.
    """
    fake, found, reasons = look(pieces, self.eyes, self.needs), {}, dict(self.skipped)
    for name in self.metrics:
      try:
        found[name] = self.measure(name, fake)
      except InputError as error:
        reasons[name] = str(error)
    return found, reasons

  def score(self, run: Run, seeds: Iterable[int]) -> Numbers:
    """Scores a run.

    Args:
      run: its checkpoint.
      seeds: of the samples; each draws its own.

    Returns:
      protocol: the whole of it, and its fingerprint.
      subject: the checkpoint, and how samples and labels are drawn.
      floors: the images in the place of samples that floors are of.
      scores: by the name of every number: value, the mean over seeds (None: there is none, and reason says
        why); values; spread, the standard deviation of a single draw of samples and of references (of one
        seed none, but that of references); floors (see above), with test images as the references; floor_of,
        the split of the images that took the place of samples; and protocol, what this number depends on.
    """
    drawn, reasons, seeds = [], dict(self.skipped), list(seeds)
    try:
      for seed in seeds:
        found, wrong = self.compare(sampled(run, self.number, seed))
        drawn.append(found)
        reasons = wrong | reasons
    except InputError as error:
      reasons = dict.fromkeys(self.metrics, str(error)) | reasons
    scores: Numbers = {}
    for name, metric in METRICS.items():
      if name in reasons:
        scores |= {number: {"value": None, "reason": reasons[name]} for number in metric.names}
      elif name in self.metrics:
        scores |= self.entries(name, [found[name] for found in drawn])
    for entry in scores.values():
      entry["seeds"] = seeds
    return {
      "protocol": self.protocol,
      "fingerprint": fingerprint(self.protocol),
      "subject": subject(run, seeds),
      "floors": {
        what.removeprefix("floor "): {"images": self.real[what].number, "crc32": self.crc[what]}
        for what in sorted(set(self.judged.values()))
      },
      "scores": scores,
    }

  def entries(self, name: str, drawn: list[Numbers]) -> Numbers:
    """Returns what is stored of a metric's numbers, of several draws of samples."""
    floor, split, entries = self.floors[name], self.judged[name].removeprefix("floor "), {}
    for number in dict.fromkeys(n for found in drawn for n in found if not n.endswith(SPREAD)):
      values = [float(found[number]) for found in drawn if number in found]
      redrawn = [found.get(f"{number}{SPREAD}", 0.0) ** 2 for found in drawn]
      entry: Numbers = {"value": float(np.mean(values)), "values": values}
      if not math.isfinite(entry["value"]):
        entry |= {"value": None, "reason": "it is not defined for these images"}
      variance = float(np.mean(redrawn)) + (float(np.var(values, ddof=1)) if len(values) > 1 else 0.0)
      if math.isfinite(variance) and (variance or len(values) > 1):
        entry["spread"] = math.sqrt(variance)
      real = floor.get(number, math.nan)
      entry |= {"floors": {"test": real if math.isfinite(real) else None}, "floor_of": split}
      if not math.isfinite(real):
        entry["floor_reason"] = floor.get("reason", "it is not defined for the real images")
      entries[number] = entry | {"protocol": self.part(name, number)}
    return entries

  def part(self, name: str, number: str) -> Numbers:
    """Returns the part of the protocol that a metric's number depends on."""
    fields = {field for part in METRICS[name].dependence(number) for field in PARTS[part]}
    return {field: value for field, value in self.protocol.items() if field in fields.union(ALWAYS)}


def subject(run: Run, seeds: list[int]) -> Numbers:
  """Returns what is judged: the checkpoint, and how its samples are drawn."""
  return {
    "step": run.step,
    "weights": "ema" if run.config.ema else "last",
    "drawn": "decoder means" if run.method.density else "generator output",
    "labels": run.label_frequencies,
    "seeds": seeds,
  }


def fingerprint(protocol: Numbers) -> str:
  """Returns a short name of a protocol."""
  return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()[:12]
