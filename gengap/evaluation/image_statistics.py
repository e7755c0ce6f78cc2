"""What metrics need of a set of images, computed piece by piece: memory grows with the features at most."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from gengap import metrics
from gengap.errors import InputError
from gengap.evaluation.extractors import OF_FEATURES, Extractors
from gengap.features.types import Images
from gengap.metrics import blobs
from gengap.metrics.frechet import merge, moments
from gengap.metrics.sets import numbers


class ImageStatistics:
  """Statistics of a set of images, by name. Reading one that could not be computed raises InputError.

  The names are sharpness [N], blobs, moments and features [N, D] of the feature extractor, its class logits
  [N, K] (logits), and those of the classifier [N, classes] (named).
  """

  def __init__(
    self,
    number: int,
    computed: Mapping[str, Any],
    faults: Mapping[str, str],
    label: np.ndarray | None = None,
  ):
    """Stores the statistics.

    Args:
      number: of images.
      computed: name -> array.
      faults: name -> why it could not be computed.
      label: [N], true classes of real images.
    """
    self.number, self.computed, self.faults, self.label = number, computed, faults, label

  def __contains__(self, name: str) -> bool:
    return name in self.computed

  def __getitem__(self, name: str) -> Any:
    """Returns a statistic.

    Raises:
      InputError: it could not be computed.
    """
    if name not in self.computed:
      raise InputError(self.faults.get(name, f"{name} of the images are not known"))
    return self.computed[name]


def of_piece(
  images: Images, extractors: Extractors, needs: frozenset[str], faults: dict[str, str]
) -> dict[str, Any]:
  """Returns the statistics of a piece of images, by name; adds the reasons for missing ones to `faults`."""
  computed: dict[str, Any] = {}

  def attempt(name: str, compute: Callable[[], Any]) -> None:
    try:
      computed[name] = compute()
    except InputError as error:
      faults[name] = str(error)

  for name, measure in (("sharpness", metrics.sharpness), ("blobs", blobs.describe)):
    if name in needs:
      attempt(name, lambda measure=measure: measure(images))
  extractor, classifier = extractors.features, extractors.classifier
  if extractor and needs & OF_FEATURES:
    features = extractor.extract(images)
    attempt("features", lambda: numbers(features))
    if "moments" in needs:
      attempt("moments", lambda: moments(features))
    if "logits" in needs and extractor.classify:
      computed["logits"] = extractor.classify(features)
  if classifier and classifier.classify and "named" in needs:
    shared = extractor and extractor.protocol == classifier.protocol and "features" in computed
    computed["named"] = classifier.classify(computed["features"] if shared else classifier.extract(images))
  return computed


def compute(
  pieces: Iterable[Images], extractors: Extractors, needs: frozenset[str], label: np.ndarray | None = None
) -> ImageStatistics:
  """Computes the statistics of images that come in pieces.

  Args:
    pieces: [n, H, W, C] each; a piece is forgotten before the next one is read.
    extractors: of features and classes.
    needs: names of the statistics.
    label: [N], true classes of the images.
  """
  kept: dict[str, list[Any]] = {}
  faults: dict[str, str] = {}
  number = 0
  for images in pieces:
    number += len(images)
    for name, value in of_piece(images, extractors, needs, faults).items():
      if name == "moments" and name in kept:
        kept[name] = [merge(kept[name][0], value)]
      elif name in needs:
        kept.setdefault(name, []).append(value)
  computed = {name: concatenated(parts) for name, parts in kept.items() if name not in faults}
  return ImageStatistics(number, computed, faults, label)


def concatenated(parts: list[Any]) -> Any:
  """Returns the statistic of all pieces: of arrays, of arrays by name, or of moments, which are merged."""
  if isinstance(parts[0], np.ndarray):
    return np.concatenate(parts)
  if isinstance(parts[0], dict):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
  return parts[0]
