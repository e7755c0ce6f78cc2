"""The metrics of samples: what each needs, and the declarations of its numbers."""

import math
from collections.abc import Callable
from typing import NamedTuple

from gengap.evaluation import comparisons, quantities
from gengap.evaluation.comparisons import NEIGHBOUR, SPLITS, ImageSets, Numbers
from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import infinity


class Metric(NamedTuple):
  """A comparison of samples with real images, what it needs, and the numbers that it gives."""

  compare: Callable[[ImageSets], Numbers]
  needs: frozenset[str]  # names of `ImageStatistics`
  quantities: tuple[Quantity, ...]
  least: int = 1  # images of each set
  per_feature: int = 0  # images of each set for each feature
  likes: frozenset[str] = frozenset()  # like `needs`; without them some of the numbers are left out
  by_default: bool = True  # False: it is slow, and computed only if it is named

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
    comparisons.frechet,
    frozenset({"moments"}),
    (
      Quantity(
        "frechet",
        "Frechet distance, squared",
        better=Better.LOW,
        depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
        hint="as FID is",
      ),
      Quantity(
        "frechet_ratio",
        "Frechet distance over that of real images",
        better=Better.LOW,
        depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
        hint="1 for real images",
        ratio_of="frechet",
      ),
    ),
    least=2,
  ),
  "fd_infinity": Metric(
    comparisons.fd_infinity,
    frozenset({"features"}),
    (
      Quantity(
        "fd_infinity",
        "Frechet distance of infinitely many images",
        better=Better.LOW,
        low=-math.inf,
        depends=OF_FEATURES | BESIDE_REAL,
        hint="extrapolated; real images have about 0",
      ),
      Quantity(
        "fd_infinity_error",
        "standard error of the extrapolated Frechet distance",
        depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      ),
      Quantity(
        "fd_infinity_slope",
        "how much the Frechet distance of N images grows with 1 / N",
        low=-math.inf,
        depends=OF_FEATURES | BESIDE_REAL,
      ),
      Quantity(
        "fd_infinity_r2",
        "variance of Frechet distances that the line explains",
        low=-math.inf,
        high=1,
        depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      ),
    ),
    least=infinity.LEAST,
    per_feature=2 * infinity.WIDTHS,
  ),
  "kid": Metric(
    comparisons.kid,
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
    comparisons.prdc,
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
  "clipped": Metric(
    comparisons.clipped,
    frozenset({"features"}),
    (
      Quantity(
        "clipped_density", "clipped density", better=Better.REAL, high=1, depends=OF_FEATURES | BESIDE_REAL
      ),
      Quantity(
        "clipped_coverage", "clipped coverage", better=Better.REAL, high=1, depends=OF_FEATURES | BESIDE_REAL
      ),
    ),
    least=NEIGHBOUR + 1,
  ),
  "inception_score": Metric(
    comparisons.inception_score,
    frozenset({"logits"}),
    (
      Quantity(
        "inception_score", "Inception Score", better=Better.REAL, low=1, depends=OF_FEATURES | BY_NUMBER
      ),
    ),
    least=SPLITS,
  ),
  "classes": Metric(
    comparisons.classes,
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
      Quantity(
        "frechet",
        "Frechet distance of a class",
        depends=OF_CLASSES | OF_FEATURES | BESIDE_REAL | BY_NUMBER,
        per_class=True,
      ),
    ),
    likes=frozenset({"features"}),
  ),
  "diversity": Metric(
    comparisons.diversity,
    frozenset({"moments"}),
    (Quantity("diversity", "diversity", better=Better.REAL, depends=OF_FEATURES),),
    least=2,
  ),
  "vendi": Metric(
    comparisons.vendi,
    frozenset({"features"}),
    (Quantity("vendi", "Vendi score", better=Better.REAL, low=1, depends=OF_FEATURES | BY_NUMBER),),
  ),
  "memorisation": Metric(
    comparisons.memorisation,
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
  "fld": Metric(
    comparisons.fld,
    frozenset({"features"}),
    (
      Quantity(
        "fld",
        "feature likelihood divergence",
        "0.01 nats a feature",
        Better.REAL,
        low=-math.inf,
        depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN | BY_NUMBER,
        hint="below real images: samples are narrower than the data",
      ),
      Quantity(
        "fld_gap",
        "training images' divergence less that of test images",
        "0.01 nats a feature",
        low=-math.inf,
        depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN | BY_NUMBER,
        hint=COPIES.format("less"),
      ),
    ),
    least=4,
    by_default=False,
  ),
  "sharpness": Metric(
    comparisons.sharpness, frozenset({"sharpness"}), (Quantity("sharpness", "sharpness", better=Better.REAL),)
  ),
  "blobs": Metric(
    comparisons.blob_truths,
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
