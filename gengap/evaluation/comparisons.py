"""Comparisons of samples with real images: functions of the statistics of two sets of images.

Each returns its numbers by name. `gengap.evaluation.sample_metrics` declares them.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gengap import metrics
from gengap.evaluation.image_statistics import ImageStatistics
from gengap.metrics import blobs

Numbers: TypeAlias = dict[str, Any]

NEIGHBOUR = 5  # k of precision, recall, density and coverage
SUBSET = 1000  # images in a subset of KID
SPLITS = 10  # of the Inception Score
SPREAD = "_spread"  # ends the name of a number's standard deviation over draws of the references
POINTS = "_points"  # ends the name of the points that a number was fitted to: numbers of images, and values


class ImageSets(NamedTuple):
  """Statistics of samples (`fake`) and of the real images that they are compared with; None if unused."""

  real: Any
  fake: ImageStatistics
  train: Any = None


def frechet(sets: ImageSets) -> Numbers:
  """Squared Frechet distance of the features; with those of Inception, the FID."""
  a, b = sets.real["moments"], sets.fake["moments"]
  return {"frechet": metrics.frechet_distance(a.mean, a.covariance, b.mean, b.covariance)}


def fd_infinity(sets: ImageSets) -> Numbers:
  """Frechet distance of infinitely many images, by a line through those of subsets of both sets."""
  line = metrics.fd_infinity(sets.real["features"], sets.fake["features"])
  return {
    "fd_infinity": line.value,
    "fd_infinity_error": line.error,
    "fd_infinity_slope": line.slope,
    "fd_infinity_r2": line.r2,
    f"fd_infinity{POINTS}": {"images": line.sizes, "values": line.distances},
  }


def kid(sets: ImageSets) -> Numbers:
  """Squared MMD of the features by 100 subsets of up to 1,000 images; with those of Inception, the KID."""
  real, fake = sets.real["features"], sets.fake["features"]
  return {"kid": metrics.kid(real, fake, subset_size=min(SUBSET, len(real), len(fake)))[0]}


def prdc(sets: ImageSets) -> Numbers:
  """Precision, recall, density and coverage."""
  return metrics.prdc(sets.real["features"], sets.fake["features"], NEIGHBOUR)


def clipped(sets: ImageSets) -> Numbers:
  """Clipped Density and Clipped Coverage."""
  return metrics.clipped(sets.real["features"], sets.fake["features"], NEIGHBOUR)


def vendi(sets: ImageSets) -> Numbers:
  """Vendi score: the effective number of different samples."""
  return {"vendi": metrics.vendi(sets.fake["features"])}


def inception_score(sets: ImageSets) -> Numbers:
  """Inception Score, with the classes of the feature extractor."""
  return {"inception_score": metrics.inception_score(sets.fake["logits"], SPLITS)[0]}


def classes(sets: ImageSets) -> Numbers:
  """Which classes are generated, how often, and, with features, precision and Frechet distance of each."""
  logits, real = sets.fake["named"], sets.real.label
  fake, histogram = logits.argmax(1), np.bincount(real, minlength=logits.shape[1])
  found: Numbers = dict(metrics.class_coverage(logits, histogram))
  if not all("features" in statistics for statistics in sets[:2]):
    return found
  distances: Numbers = {}
  for c in range(len(histogram)):
    pair = sets.real["features"][real == c], sets.fake["features"][fake == c]
    if min(map(len, pair)) > NEIGHBOUR and np.ptp(pair[0], 0).any():
      found[f"precision_{c}"] = metrics.prdc(*pair, NEIGHBOUR)["precision"]
    if min(map(len, pair)) > pair[0].shape[1]:  # else a covariance is singular
      distances[f"frechet_{c}"] = metrics.frechet_from_features(*pair)
  return found | distances


def sharpness(sets: ImageSets) -> Numbers:
  """Median variance of the Laplacian."""
  return {"sharpness": float(np.median(sets.fake["sharpness"]))}


def diversity(sets: ImageSets) -> Numbers:
  """Root mean square distance between the features of two images."""
  return {"diversity": sets.fake["moments"].diversity}


def memorisation(sets: ImageSets) -> Numbers:
  """Whether images are copies of training images."""
  return metrics.memorisation(sets.train["features"], sets.real["features"], sets.fake["features"])


def fld(sets: ImageSets) -> Numbers:
  """Feature Likelihood Divergence, and the gap between training and test images."""
  return metrics.fld(sets.train["features"], sets.real["features"], sets.fake["features"])


def blob_truths(sets: ImageSets) -> Numbers:
  """Number, size, shape, place and brightness of blobs."""
  return blobs.summary(sets.fake["blobs"])


def mean_points(drawn: list[Numbers]) -> Numbers:
  """Returns the points that a number was fitted to, with the mean value over draws; {} if there are none.

  Args:
    drawn: of each draw, "images" and "values"; the numbers of images are the same.
  """
  if not drawn:
    return {}
  values = np.mean([points["values"] for points in drawn], 0)
  return {"images": drawn[0]["images"], "values": [float(f"{value:.6g}") for value in values]}
