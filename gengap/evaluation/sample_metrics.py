"""What is measured of samples: metrics as functions of two sets of images; what their numbers depend on."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gengap import metrics
from gengap.evaluation.extract import Seen
from gengap.metrics import blobs

Numbers: TypeAlias = dict[str, Any]

NEIGHBOUR = 5  # k of precision, recall, density and coverage
SUBSET = 1000  # images in a subset of KID
SPLITS = 10  # of the Inception Score
SPREAD = "_spread"  # ends the name of a number's standard deviation over draws of the references


class Scene(NamedTuple):
  """What is compared: samples (`fake`) with test and with training images; None where no metric asks."""

  real: Any
  fake: Seen
  train: Any = None


def frechet(scene: Scene) -> Numbers:
  """Squared Frechet distance of the features; with those of Inception, the FID."""
  a, b = scene.real["moments"], scene.fake["moments"]
  return {"frechet": metrics.frechet_distance(a.mean, a.covariance, b.mean, b.covariance)}


def kid(scene: Scene) -> Numbers:
  """Squared MMD of the features by 100 subsets of up to 1,000 images; with those of Inception, the KID."""
  real, fake = scene.real["features"], scene.fake["features"]
  return {"kid": metrics.kid(real, fake, subset_size=min(SUBSET, len(real), len(fake)))[0]}


def prdc(scene: Scene) -> Numbers:
  """Precision, recall, density and coverage."""
  return metrics.prdc(scene.real["features"], scene.fake["features"], NEIGHBOUR)


def inception_score(scene: Scene) -> Numbers:
  """Inception Score, with the classes of the network that the features are of."""
  return {"inception_score": metrics.inception_score(scene.fake["logits"], SPLITS)[0]}


def classes(scene: Scene) -> Numbers:
  """Which classes are reached, what each has of its share, and, with features, the precision within each."""
  logits, real = scene.fake["named"], scene.real.label
  fake, histogram = logits.argmax(1), np.bincount(real, minlength=logits.shape[1])
  found: Numbers = dict(metrics.class_coverage(logits, histogram))
  if not all("features" in seen for seen in scene[:2]):
    return found
  for c in range(len(histogram)):
    pair = scene.real["features"][real == c], scene.fake["features"][fake == c]
    if min(map(len, pair)) > NEIGHBOUR and np.ptp(pair[0], 0).any():
      found[f"precision_{c}"] = metrics.prdc(*pair, NEIGHBOUR)["precision"]
  return found


def sharpness(scene: Scene) -> Numbers:
  """Median variance of the Laplacian."""
  return {"sharpness": float(np.median(scene.fake["sharpness"]))}


def diversity(scene: Scene) -> Numbers:
  """Root mean square distance between the features of two images."""
  return {"diversity": scene.fake["moments"].diversity}


def memorisation(scene: Scene) -> Numbers:
  """Whether images are copies of those trained on."""
  return metrics.memorisation(scene.train["features"], scene.real["features"], scene.fake["features"])


def blob_truths(scene: Scene) -> Numbers:
  """Number, size, shape, place and brightness of blobs."""
  return blobs.summary(scene.fake["blobs"])


class Metric(NamedTuple):
  """A comparison, what it asks for, and what its numbers depend on.

  A number depends on some of: "features" (the feature extractor), "classifier", "real" (the test images that
  samples are compared with), "train" (training images, likewise), and "samples" (how many there are, where
  the expectation changes with that). A name that ends in "_" is that of one number for each class.
  """

  compare: Callable[[Scene], Numbers]
  needs: frozenset[str]  # names of `Seen`
  depends: Mapping[str, str]  # number -> what it depends on, by words
  least: int = 1  # images of each set
  likes: frozenset[str] = frozenset()  # names of `Seen`: without them some of the numbers are left out

  @property
  def names(self) -> list[str]:
    """The numbers that it gives, those of single classes left out."""
    return [name for name in self.depends if not name.endswith("_")]

  def dependence(self, name: str) -> frozenset[str]:
    """Returns what a number depends on."""
    return frozenset(self.depends.get(name, self.depends.get(f"{name.rpartition('_')[0]}_", "")).split())

  @property
  def sets(self) -> frozenset[str]:
    """The sets of real images that any of its numbers depends on."""
    return frozenset({"real", "train"} & set(" ".join(self.depends.values()).split()))


METRICS: dict[str, Metric] = {
  "frechet": Metric(frechet, frozenset({"moments"}), {"frechet": "features real samples"}, least=2),
  "kid": Metric(kid, frozenset({"features"}), {"kid": "features real"}, least=2),
  "prdc": Metric(
    prdc,
    frozenset({"features"}),
    {
      "precision": "features real",
      "recall": "features real samples",
      "density": "features real",
      "coverage": "features real samples",
    },
    least=NEIGHBOUR + 1,
  ),
  "inception_score": Metric(
    inception_score, frozenset({"logits"}), {"inception_score": "features samples"}, least=SPLITS
  ),
  "classes": Metric(
    classes,
    frozenset({"named"}),
    {
      "classes": "classifier real samples",
      "share_": "classifier real",
      "least": "classifier real samples",
      "entropy": "classifier real samples",
      "kl": "classifier real samples",
      "unsure": "classifier",
      "precision_": "classifier features real",
    },
    likes=frozenset({"features"}),
  ),
  "diversity": Metric(diversity, frozenset({"moments"}), {"diversity": "features"}, least=2),
  "memorisation": Metric(
    memorisation,
    frozenset({"features"}),
    {
      "nearer_train": "features real train",
      "distance_ratio": "features real train",
      "authentic": "features train",
    },
    least=4,
  ),
  "sharpness": Metric(sharpness, frozenset({"sharpness"}), {"sharpness": ""}),
  "blobs": Metric(
    blob_truths,
    frozenset({"blobs"}),
    dict.fromkeys(
      ("blobs", "blobs_std", "one_blob", "streaks", "radius", "radius_std", "roundness", "background"), ""
    )
    | {"intensity": "", "centre_ks": "samples"},
  ),
}
