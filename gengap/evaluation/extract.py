"""Images in, what metrics need of them out, by pieces: memory grows with the features at most."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from gengap import metrics
from gengap.data.progress import progress
from gengap.data.scale import to_uint8
from gengap.errors import InputError
from gengap.evaluation.extractors import Eyes, Images
from gengap.metrics import blobs
from gengap.metrics.frechet import merge, moments
from gengap.metrics.sets import numbers
from gengap.run import Run

PIECE = 500  # images looked at at a time


class Seen:
  """What is known of a set of images, by name; a metric that asks for what could not be computed is refused.

  The names are sharpness [N], blobs, moments and features [N, D] of the feature extractor, its class logits
  [N, K] (logits), and those of the classifier [N, classes] (named).
  """

  def __init__(self, number: int, found: Mapping[str, Any], faults: Mapping[str, str], label: Any = None):
    """Keeps what was found.

    Args:
      number: of images.
      found: name -> array.
      faults: name -> why it could not be computed.
      label: [N], true classes of real images.
    """
    self.number, self.found, self.faults, self.label = number, found, faults, label

  def __contains__(self, name: str) -> bool:
    return name in self.found

  def __getitem__(self, name: str) -> Any:
    """Returns what was found.

    Raises:
      InputError: it could not be computed.
    """
    if name not in self.found:
      raise InputError(self.faults.get(name, f"{name} of the images are not known"))
    return self.found[name]


def glance(images: Images, eyes: Eyes, needs: frozenset[str], faults: dict[str, str]) -> dict[str, Any]:
  """Returns what is needed of a piece of images, by name (see `Seen`); adds to `faults` what is not known."""
  found: dict[str, Any] = {}

  def note(name: str, value: Callable[[], Any]) -> None:
    try:
      found[name] = value()
    except InputError as error:
      faults[name] = str(error)

  for name, measure in (("sharpness", metrics.sharpness), ("blobs", blobs.describe)):
    if name in needs:
      note(name, lambda measure=measure: measure(images))
  if eyes.features and needs & {"moments", "features", "logits"}:
    features = eyes.features.see(images)
    note("features", lambda: numbers(features))
    if "moments" in needs:
      note("moments", lambda: moments(features))
    if "logits" in needs and eyes.features.classify:
      found["logits"] = eyes.features.classify(features)
  if eyes.classifier and eyes.classifier.classify and "named" in needs:
    one = eyes.features and eyes.features.protocol == eyes.classifier.protocol and "features" in found
    found["named"] = eyes.classifier.classify(found["features"] if one else eyes.classifier.see(images))
  return found


def look(pieces: Iterable[Images], eyes: Eyes, needs: frozenset[str], label: Any = None) -> Seen:
  """Looks at images piece by piece, and keeps what is needed of them."""
  kept: dict[str, list[Any]] = {}
  faults: dict[str, str] = {}
  number = 0
  for images in pieces:
    number += len(images)
    for name, value in glance(images, eyes, needs, faults).items():
      if name == "moments" and name in kept:
        kept[name] = [merge(kept[name][0], value)]
      elif name in needs:
        kept.setdefault(name, []).append(value)
  found = {name: joined(parts) for name, parts in kept.items() if name not in faults}
  return Seen(number, found, faults, label)


def joined(parts: list[Any]) -> Any:
  """Returns what was found of pieces as one: arrays, arrays by name, or moments, which are one already."""
  if isinstance(parts[0], np.ndarray):
    return np.concatenate(parts)
  if isinstance(parts[0], dict):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
  return parts[0]


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
      yield to_uint8(images)
      bar.update(len(images))
