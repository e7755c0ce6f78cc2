"""Metrics of samples: functions of two sets of images, and the declarations of their numbers."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gengap import metrics
from gengap.evaluation import quantities
from gengap.evaluation.image_statistics import ImageStatistics
from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import blobs

Numbers: TypeAlias = dict[str, Any]

NEIGHBOUR = 5  # k of precision, recall, density and coverage
SUBSET = 1000  # images in a subset of KID
SPLITS = 10  # of the Inception Score
SPREAD = "_spread"  # ends the name of a number's standard deviation over draws of the references


class ImageSets(NamedTuple):
  """Statistics of samples (`fake`) and of the real images that they are compared with; None if unused."""

  real: Any
  fake: ImageStatistics
  train: Any = None


def frechet(sets: ImageSets) -> Numbers:
  """Squared Frechet distance of the features; with those of Inception, the FID."""
  a, b = sets.real["moments"], sets.fake["moments"]
  return {"frechet": metrics.frechet_distance(a.mean, a.covariance, b.mean, b.covariance)}


def kid(sets: ImageSets) -> Numbers:
  """Squared MMD of the features by 100 subsets of up to 1,000 images; with those of Inception, the KID."""
  real, fake = sets.real["features"], sets.fake["features"]
  return {"kid": metrics.kid(real, fake, subset_size=min(SUBSET, len(real), len(fake)))[0]}


def prdc(sets: ImageSets) -> Numbers:
  """Precision, recall, density and coverage."""
  return metrics.prdc(sets.real["features"], sets.fake["features"], NEIGHBOUR)


def inception_score(sets: ImageSets) -> Numbers:
  """Inception Score, with the classes of the feature extractor."""
  return {"inception_score": metrics.inception_score(sets.fake["logits"], SPLITS)[0]}


def classes(sets: ImageSets) -> Numbers:
  """Which classes are generated, how often, and, with features, the precision within each."""
  logits, real = sets.fake["named"], sets.real.label
  fake, histogram = logits.argmax(1), np.bincount(real, minlength=logits.shape[1])
  found: Numbers = dict(metrics.class_coverage(logits, histogram))
  if not all("features" in statistics for statistics in sets[:2]):
    return found
  for c in range(len(histogram)):
    pair = sets.real["features"][real == c], sets.fake["features"][fake == c]
    if min(map(len, pair)) > NEIGHBOUR and np.ptp(pair[0], 0).any():
      found[f"precision_{c}"] = metrics.prdc(*pair, NEIGHBOUR)["precision"]
  return found


def sharpness(sets: ImageSets) -> Numbers:
  """Median variance of the Laplacian."""
  return {"sharpness": float(np.median(sets.fake["sharpness"]))}


def diversity(sets: ImageSets) -> Numbers:
  """Root mean square distance between the features of two images."""
  return {"diversity": sets.fake["moments"].diversity}


def memorisation(sets: ImageSets) -> Numbers:
  """Whether images are copies of training images."""
  return metrics.memorisation(sets.train["features"], sets.real["features"], sets.fake["features"])


def blob_truths(sets: ImageSets) -> Numbers:
  """Number, size, shape, place and brightness of blobs."""
  return blobs.summary(sets.fake["blobs"])


class Metric(NamedTuple):
  """A comparison of samples with real images, what it needs, and the numbers that it gives."""

  compare: Callable[[ImageSets], Numbers]
  needs: frozenset[str]  # names of `ImageStatistics`
  quantities: tuple[Quantity, ...]
  least: int = 1  # images of each set
  likes: frozenset[str] = frozenset()  # like `needs`; without them some of the numbers are left out

  @property
  def names(self) -> list[str]:
    """The numbers that it gives for every data set, without those of single classes."""
    return [quantity.name for quantity in self.quantities if quantity.always and not quantity.per_class]

  def dependence(self, name: str) -> frozenset[Depends]:
    """Returns the parts of the protocol that a number depends on."""
    quantity = quantities.find(self.quantities, name)
    return quantity.depends if quantity else frozenset()

  @property
  def sets(self) -> frozenset[Depends]:
    """The sets of real images that any of its numbers depends on."""
    used = frozenset().union(*(quantity.depends for quantity in self.quantities))
    return used & {Depends.REAL, Depends.TRAIN}


OF_FEATURES = frozenset({Depends.FEATURES})
OF_CLASSES = frozenset({Depends.CLASSIFIER})
BESIDE_REAL = frozenset({Depends.REAL})
BESIDE_TRAIN = frozenset({Depends.TRAIN})
BY_NUMBER = frozenset({Depends.SAMPLES})
COPIES = "not ranked: {} than held-out real images have hints at copies; the other side is no fault of memory"

METRICS: dict[str, Metric] = {
  "frechet": Metric(
    frechet,
    frozenset({"moments"}),
    (
      Quantity(
        "frechet",
        "Frechet distance, squared",
        better=Better.LOW,
        depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
        hint="as FID is",
      ),
    ),
    least=2,
  ),
  "kid": Metric(
    kid,
    frozenset({"features"}),
    (
      Quantity(
        "kid",
        "KID",
        better=Better.LOW,
        low=-math.inf,
        depends=OF_FEATURES | BESIDE_REAL,
        hint="a squared distance, unbiased",
      ),
    ),
    least=2,
  ),
  "prdc": Metric(
    prdc,
    frozenset({"features"}),
    (
      Quantity("precision", "precision", better=Better.REAL, high=1, depends=OF_FEATURES | BESIDE_REAL),
      Quantity("recall", "recall", better=Better.REAL, high=1, depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER),
      Quantity("density", "density", better=Better.REAL, depends=OF_FEATURES | BESIDE_REAL),
      Quantity(
        "coverage", "coverage", better=Better.REAL, high=1, depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER
      ),
    ),
    least=NEIGHBOUR + 1,
  ),
  "inception_score": Metric(
    inception_score,
    frozenset({"logits"}),
    (
      Quantity(
        "inception_score", "Inception Score", better=Better.REAL, low=1, depends=OF_FEATURES | BY_NUMBER
      ),
    ),
    least=SPLITS,
  ),
  "classes": Metric(
    classes,
    frozenset({"named"}),
    (
      Quantity("classes", "classes", better=Better.REAL, depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER),
      Quantity(
        "share", "share of a class over that in the data", depends=OF_CLASSES | BESIDE_REAL, per_class=True
      ),
      Quantity("least", "smallest share of a class", depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER),
      Quantity("entropy", "entropy of classes", "nats", depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER),
      Quantity(
        "kl",
        "class KL (generated || data)",
        "nats",
        Better.LOW,
        depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER,
      ),
      Quantity("unsure", "low-confidence share", better=Better.REAL, high=1, depends=OF_CLASSES),
      Quantity(
        "elsewhere",
        "share of classes that the data lack",
        high=1,
        depends=OF_CLASSES | BESIDE_REAL,
        always=False,
      ),
      Quantity(
        "precision",
        "precision within a class",
        high=1,
        depends=OF_CLASSES | OF_FEATURES | BESIDE_REAL,
        per_class=True,
      ),
    ),
    likes=frozenset({"features"}),
  ),
  "diversity": Metric(
    diversity,
    frozenset({"moments"}),
    (Quantity("diversity", "diversity", better=Better.REAL, depends=OF_FEATURES),),
    least=2,
  ),
  "memorisation": Metric(
    memorisation,
    frozenset({"features"}),
    (
      Quantity(
        "nearer_train",
        "training-set proximity",
        high=1,
        depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN,
        hint=COPIES.format("more"),
      ),
      Quantity(
        "distance_ratio",
        "distance to training images over that to held-out ones",
        depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN,
      ),
      Quantity(
        "authentic",
        "authentic share",
        high=1,
        depends=OF_FEATURES | BESIDE_TRAIN,
        hint=COPIES.format("less"),
      ),
    ),
    least=4,
  ),
  "sharpness": Metric(
    sharpness, frozenset({"sharpness"}), (Quantity("sharpness", "sharpness", better=Better.REAL),)
  ),
  "blobs": Metric(
    blob_truths,
    frozenset({"blobs"}),
    (
      Quantity("blobs", "blobs an image", better=Better.REAL),
      Quantity("blobs_std", "spread of blobs an image", better=Better.REAL),
      Quantity("one_blob", "one blob, no streak", better=Better.REAL, high=1),
      Quantity("streaks", "streaks", better=Better.REAL, high=1),
      Quantity("radius", "radius", "pixels", Better.REAL),
      Quantity("radius_std", "spread of the radius", "pixels", Better.REAL),
      Quantity("roundness", "roundness", better=Better.REAL, high=1),
      Quantity("background", "background", better=Better.REAL, high=1),
      Quantity("intensity", "intensity", better=Better.REAL, high=1),
      Quantity("centre_ks", "centres' distance from uniform", better=Better.REAL, high=1, depends=BY_NUMBER),
    ),
  ),
}
