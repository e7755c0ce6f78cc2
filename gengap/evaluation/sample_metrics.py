"""The metrics of samples: what each computes and needs. The numbers are declared elsewhere."""

from collections.abc import Callable
from typing import NamedTuple

from gengap.evaluation import comparisons, content_quantities, quantities, sample_quantities
from gengap.evaluation.comparisons import NEIGHBOUR, SPLITS, ImageSets, Numbers
from gengap.evaluation.quantities import Depends, Quantity
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


QUANTITIES = sample_quantities.QUANTITIES | content_quantities.QUANTITIES
METRICS: dict[str, Metric] = {
  "frechet": Metric(
    comparisons.frechet,
    frozenset({"moments"}),
    QUANTITIES["frechet"],
    least=2,
  ),
  "fd_infinity": Metric(
    comparisons.fd_infinity,
    frozenset({"features"}),
    QUANTITIES["fd_infinity"],
    least=infinity.LEAST,
    per_feature=2 * infinity.WIDTHS,
  ),
  "kid": Metric(
    comparisons.kid,
    frozenset({"features"}),
    QUANTITIES["kid"],
    least=2,
  ),
  "prdc": Metric(
    comparisons.prdc,
    frozenset({"features"}),
    QUANTITIES["prdc"],
    least=NEIGHBOUR + 1,
  ),
  "clipped": Metric(
    comparisons.clipped,
    frozenset({"features"}),
    QUANTITIES["clipped"],
    least=NEIGHBOUR + 1,
  ),
  "inception_score": Metric(
    comparisons.inception_score,
    frozenset({"logits"}),
    QUANTITIES["inception_score"],
    least=SPLITS,
  ),
  "classes": Metric(
    comparisons.classes,
    frozenset({"named"}),
    QUANTITIES["classes"],
    likes=frozenset({"features"}),
  ),
  "diversity": Metric(
    comparisons.diversity,
    frozenset({"moments"}),
    QUANTITIES["diversity"],
    least=2,
  ),
  "vendi": Metric(
    comparisons.vendi,
    frozenset({"features"}),
    QUANTITIES["vendi"],
  ),
  "memorisation": Metric(
    comparisons.memorisation,
    frozenset({"features"}),
    QUANTITIES["memorisation"],
    least=4,
  ),
  "fld": Metric(
    comparisons.fld,
    frozenset({"features"}),
    QUANTITIES["fld"],
    least=4,
    by_default=False,
  ),
  "sharpness": Metric(comparisons.sharpness, frozenset({"sharpness"}), QUANTITIES["sharpness"]),
  "blobs": Metric(
    comparisons.blob_truths,
    frozenset({"blobs"}),
    QUANTITIES["blobs"],
  ),
}
