"""The networks that look at images when samples are scored, and what depends on them."""

import contextlib
import functools
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gengap import metrics
from gengap.data import Dataset, cache
from gengap.errors import InputError
from gengap.metrics import features, inception, weights
from gengap.run import Run, load

Images: TypeAlias = np.ndarray  # [N, H, W, C] uint8


class Eye(NamedTuple):
  """A network that looks at images."""

  protocol: dict[str, Any]  # what its features depend on
  see: Callable[[Images], np.ndarray]  # -> [N, D]
  classify: Callable[[np.ndarray], np.ndarray]  # features [N, D] -> logits [N, classes]


def inception_eye(path: str, resize: str = "clean") -> Eye:
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

  Raises:
    InputError: no run there, or one of no classifier, or of other data.
  """
  found = load(workdir, "best")
  if not {"features", "logits"} <= set(found.method.represent):
    raise InputError(f"{workdir} holds a run of {found.config.method!r}; a run of 'classifier' is needed")
  if (found.config.dataset, found.spec.shape) != (run.config.dataset, run.spec.shape):
    raise InputError(
      f"{workdir} classifies {found.config.dataset} {found.spec.shape}, and the images are of "
      f"{run.config.dataset} {run.spec.shape}; train one with configs/classifier.py:{run.config.dataset}"
    )
  head = found.nets["classifier"]["params"]["head"]
  kernel, bias = (np.asarray(head[name], np.float64) for name in ("kernel", "bias"))

  def classify(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64) @ kernel + bias

  look = features.over_devices(
    lambda nets, x: found.method.represent["features"](nets, x.astype(jnp.float32) / 127.5 - 1)
  )

  def see(images: Images) -> np.ndarray:
    return look(found.nets, features.batches(images, 256))

  logits = classify(see(test.image))
  digest = hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in jax.tree.leaves(found.nets)))
  protocol = {
    "network": f"classifier {kernel.shape[0]}",
    "weights": digest.hexdigest(),
    "accuracy": float(np.mean(logits.argmax(1) == test.label)),
    "calibration_error": metrics.calibration_error(logits, test.label),
  }
  return Eye(protocol, see, classify)


class Eyes(NamedTuple):
  """All that looks at images; either network may be missing."""

  features: Eye | None
  classifier: Eye | None
  blobs: bool  # whether the images are of blobs

  def can(self) -> frozenset[str]:
    """Returns what they can tell."""
    of_features = ("moments", "features", "logits", "train") if self.features else ()
    return frozenset((*of_features, *("named",) * bool(self.classifier), *("blobs",) * self.blobs))

  def remembering(self) -> "Eyes":
    """Returns eyes that keep on disk what they saw: for real images, which are looked at again and again."""
    return self._replace(
      features=self.features and self.features._replace(see=functools.partial(recall, self.features))
    )


def recall(eye: Eye, images: Images) -> np.ndarray:
  """Returns the features of images, from the cache where they are there."""
  about = json.dumps([eye.protocol, images.shape, code()]).encode()
  digest = hashlib.sha256(about + images.tobytes()).hexdigest()
  path = cache.root() / "features" / f"{digest}.npy"
  with contextlib.suppress(OSError, ValueError, EOFError):  # missing or damaged
    return np.load(path)
  found = eye.see(images)
  cache.keep(path, lambda file: np.save(file, found))
  return found


@functools.cache
def code() -> str:
  """Returns a digest of the code that scores, so that what was kept by other code is not taken."""
  here = pathlib.Path(__file__)
  folders = (path for folder in ("metrics", "networks") for path in here.parent.glob(f"{folder}/*.py"))
  files = sorted([here, here.with_name("score.py"), *folders])
  return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
