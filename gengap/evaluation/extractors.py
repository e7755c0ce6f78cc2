"""The networks that look at images when samples are scored, and what depends on them."""

import contextlib
import functools
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from absl import flags

from gengap import arguments, metrics, paths, processes
from gengap.data import Dataset, blobs, cache
from gengap.data.scale import to_float
from gengap.errors import InputError
from gengap.features import batched, inception, weights
from gengap.features.resize import PROTOCOLS
from gengap.log import say
from gengap.method import Kind
from gengap.run import Run, load
from gengap.training.program import load_data

Images: TypeAlias = np.ndarray  # [N, H, W, C] uint8, or float in [-1, 1]

KINDS = ["inception", "classifier", "pixels"]  # of features
THUMBNAIL = 16  # pixels a side, at most


class Eye(NamedTuple):
  """What features of images are taken with."""

  protocol: dict[str, Any]  # what its features depend on
  see: Callable[[Images], np.ndarray]  # -> [N, D]
  classify: Callable[[np.ndarray], np.ndarray] | None  # features [N, D] -> logits; None: it knows no classes
  trained: bool = False  # whether it was trained on the training images of the run's data set


def pixel_eye() -> Eye:
  """Returns what sees pixels in [-1, 1] themselves, in the mean over squares: 16 a side at most."""

  def see(images: Images) -> np.ndarray:
    return thumbnails(images).reshape(len(images), -1)

  return Eye({"network": f"pixels {THUMBNAIL}"}, see, None)


def thumbnails(images: Images) -> np.ndarray:
  """Means over squares of images [N, H, W, C], the last pixels repeated where they are cut: float32."""
  side = -(-max(images.shape[1:3]) // THUMBNAIL)
  small = pixels(np.asarray(images))
  small = np.pad(small, [(0, 0), *((0, -n % side) for n in images.shape[1:3]), (0, 0)], mode="edge")
  n, height, width, channels = small.shape
  return small.reshape(n, height // side, side, width // side, side, channels).mean((2, 4))


def pixels(images: Any) -> Any:
  """Images as float32 in [-1, 1]."""
  return to_float(images) if images.dtype == "uint8" else images


def inception_eye(path: str | pathlib.Path, resize: str = "clean") -> Eye:
  """Returns the Inception network of a file of weights.

  Raises:
    InputError: no such file, or one of another network.
  """
  params = inception.load(path)
  fc = np.asarray(params["fc"]["kernel"], np.float64)
  protocol = {"network": "inception 2048", "weights": weights.sha256(path), "resize": resize}
  see = functools.partial(inception.features, params, protocol=resize)
  return Eye(protocol, see, lambda x: np.asarray(x, np.float64) @ fc)


def classifier_eye(workdir: str, run: Run, test: Dataset) -> Eye:
  """Returns a trained classifier of a run's data set, at its best checkpoint.

  Where the run has only some classes of it, a classifier of all may stand in: its features are taken, and it
  names no classes.

  Raises:
    InputError: no run there, or one of no classifier, or of other data.
  """
  found = load(workdir, "best")
  if Kind.CLASSIFIER not in found.method.kind:
    raise InputError(f"{workdir} holds a run of {found.config.method!r}; a run of 'classifier' is needed")
  data = run.config.dataset
  same = found.config.dataset == data
  part = data.startswith(f"{found.config.dataset}/") and set(test.classes) <= set(
    load_data(found.config, "test").classes
  )
  if not (same or part) or found.spec.shape != run.spec.shape:
    raise InputError(
      f"{workdir} classifies {found.config.dataset} {found.spec.shape}, and the images are of "
      f"{data} {run.spec.shape}; train one with configs/classifier.py:{data} "
      f"--config.image_size={run.spec.shape[0]}"
    )
  head = found.nets["classifier"]["params"]["head"]
  kernel, bias = (np.asarray(head[name], np.float64) for name in ("kernel", "bias"))

  def classify(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64) @ kernel + bias

  look = batched.over_devices(lambda nets, x: found.method.represent["features"](nets, pixels(x)))

  def see(images: Images) -> np.ndarray:
    return look(found.nets, batched.batches(images, 256))

  digest = hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in jax.tree.leaves(found.nets)))
  protocol = {
    "network": f"classifier {kernel.shape[0]}",
    "weights": digest.hexdigest(),
  }
  if not same:
    return Eye(protocol, see, None, True)
  logits = classify(see(test.image))
  protocol |= {
    "accuracy": float(np.mean(logits.argmax(1) == test.label)),
    "calibration_error": metrics.calibration_error(logits, test.label),
  }
  return Eye(protocol, see, classify, True)


class Eyes(NamedTuple):
  """All that looks at images; either network may be missing."""

  features: Eye | None
  classifier: Eye | None
  blobs: bool  # whether the images are of blobs

  def lack(self, needs: frozenset[str]) -> str:
    """Returns why something that a metric needs is not there; "" where all is."""
    if needs & {"moments", "features", "logits"} and not self.features:
      return "it needs a feature extractor: --inception=FILE, --classifier=DIR or --features=pixels"
    if "logits" in needs and not (self.features and self.features.classify):
      return (
        "the feature extractor knows no classes: it needs --features=inception or a classifier of the data"
      )
    if "named" in needs and not self.classifier:
      return "it needs a classifier of the run's classes: --classifier=DIR"
    if "blobs" in needs and not self.blobs:
      return "it is of images of blobs"
    return ""

  def remembering(self) -> "Eyes":
    """Returns eyes that keep on disk what they saw: for real images, which are looked at again and again."""
    return self._replace(
      features=self.features and self.features._replace(see=functools.partial(recall, self.features))
    )


class Sight(NamedTuple):
  """The flags that say what looks at images."""

  features: flags.FlagHolder
  inception: flags.FlagHolder
  resize: flags.FlagHolder
  classifier: flags.FlagHolder


def define_flags(own: flags.FlagValues) -> Sight:
  """Adds the flags that say what looks at images to those of a command."""
  return Sight(
    flags.DEFINE_enum(
      "features", None, KINDS, "Whose; by default Inception's of colour images.", flag_values=own
    ),
    arguments.define_path("inception", "File of Inception's weights; else $GENGAP_INCEPTION.", own),
    flags.DEFINE_enum(
      "resize", "clean", list(PROTOCOLS), "How images are resized for Inception.", flag_values=own
    ),
    arguments.define_path("classifier", "Workdir of a classifier of the run's data set.", own),
  )


def opened(sight: Sight, run: Run, test: Dataset, asked: bool) -> Eyes:
  """Returns what looks at a run's images; without features, and said so, where nobody named any.

  Raises:
    InputError: features are `asked` for and nothing takes them; or what is named is not there.
  """
  named = sight.classifier.value
  classifier = classifier_eye(named, run, test) if named else None
  if (without := unnamed(sight, run)) and asked:
    raise InputError(without)
  if without:
    say(f"without features: {without}")
  eye = None if without else chosen(sight, run, classifier)
  if eye and not colour(run) and "resize" in eye.protocol:
    say("Inception sees three channels: a grey image is shown three times")
  if sight.inception.value and not (eye and "resize" in eye.protocol):
    say("--inception is not used here; --features=inception takes features with it")
  if classifier and not classifier.classify:
    say("the classifier is of more classes than the run: its features are taken, and it names none")
    classifier = None
  if classifier:
    say(f"the classifier names {100 * classifier.protocol['accuracy']:.2f} % of the test images rightly")
  return Eyes(eye, classifier, of_blobs(run))


def kind(sight: Sight, run: Run) -> str:
  """Returns the kind of features to take: the one asked for, else Inception's of colour images."""
  return sight.features.value or ("inception" if colour(run) else "classifier")


def weights_file(sight: Sight) -> str | pathlib.Path:
  """Returns the file of Inception's weights that a flag or the environment names; "" where none does."""
  return sight.inception.value or paths.from_environment("GENGAP_INCEPTION") or ""


def unnamed(sight: Sight, run: Run) -> str:
  """Returns what to do where nothing is named to take features with; "" where something is."""
  if kind(sight, run) == "inception" and not weights_file(sight):
    return (
      "--features=inception needs the network's weights: --inception=FILE, or $GENGAP_INCEPTION; get them "
      "with: python -m gengap.prepare inception --download --out=inception.safetensors"
    )
  if kind(sight, run) == "classifier" and not sight.classifier.value:
    return (
      "--features=classifier needs a trained one: --classifier=DIR; train it with: python -m gengap.main "
      f"--config=configs/classifier.py:{run.config.dataset} --config.image_size={run.spec.shape[0]} "
      "--workdir=DIR"
    )
  return ""


def chosen(sight: Sight, run: Run, classifier: Eye | None) -> Eye:
  """Returns what features are taken with.

  Raises:
    InputError: the weights are not there, or damaged.
  """
  wanted = kind(sight, run)
  if wanted == "inception":
    return inception_eye(weights_file(sight), sight.resize.value)
  return classifier if wanted == "classifier" and classifier else pixel_eye()


def colour(run: Run) -> bool:
  """Whether images have three channels."""
  return run.spec.shape[-1] == 3


def of_blobs(run: Run) -> bool:
  """Whether images are of blobs."""
  return run.config.dataset.partition("/")[0] in blobs.COUNT


def recall(eye: Eye, images: Images) -> np.ndarray:
  """Returns the features of images, from the cache where they are there, that of the first process."""
  about = json.dumps([eye.protocol, images.shape, code()]).encode()
  digest = hashlib.sha256(about + images.tobytes()).hexdigest()
  path = cache.root() / "features" / f"{digest}.npy"
  kept = None
  if processes.is_first():
    with contextlib.suppress(OSError, ValueError, EOFError):  # missing or damaged
      kept = np.load(path)
  if (kept := processes.broadcast_array(kept)) is not None:
    return kept
  found = eye.see(images)
  cache.keep(path, lambda file: np.save(file, found))
  return found


@functools.cache
def code() -> str:
  """Returns a digest of the code that scores, so that results cached by other code are not used."""
  package = pathlib.Path(__file__).parents[1]
  rooms = ("evaluation", "features", "metrics", "networks")
  files = sorted(path for room in rooms for path in package.glob(f"{room}/*.py"))
  return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
