"""The gap between two methods on every axis: how much farther one is from the best value, and how sure."""

import math
from typing import NamedTuple

from gengap.evaluation.quantities import Better
from gengap.metrics.estimate import Estimate
from gengap.report import compare, statistics
from gengap.report.axes import AXES, Axis
from gengap.report.compare import View
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell, Welch

TRIFLE = 0.05  # of the larger distance from the best value, that a difference must exceed to be told
SURE = 0.05  # p, corrected by Holm, below which a difference is told as decided


class Gap(NamedTuple):
  """Two methods on one axis. What is tested is how far each is from the best value: see `compare.badness`."""

  axis: Axis
  a: Cell
  b: Cell
  real: float
  far: tuple[float, float]  # mean distance of a and of b from the best value
  alone: bool  # whether each method has but one run
  test: Welch  # of those distances, a's less b's
  p: float  # corrected by Holm over all axes of the data set; NaN: not tested

  @property
  def share(self) -> float:
    """The difference as a share of the larger distance from the best value, in [-1, 1] for distances."""
    largest = max(map(abs, self.far))
    return self.test.difference.value / largest if largest else 0.0

  @property
  def wins(self) -> int:
    """1 where a is nearer to the best value, -1 where b is, 0 where neither is by more than a trifle."""
    if not abs(self.share) > TRIFLE:
      return 0
    return 1 if self.share < 0 else -1

  @property
  def clear(self) -> bool:
    """Whether the corrected test decides who wins; of methods with one run each, whether anyone does."""
    return bool(self.wins) and (self.alone or self.p < SURE)


def gaps(comparison: Comparison, a: Group, b: Group, view: View) -> list[Gap]:
  """Returns two methods' numbers on every ranked axis that both have."""
  found = []
  for axis in (axis for axis in AXES if axis.quantity.better is not Better.NONE):
    row = compare.row(comparison, view, axis)
    one, two = row[a.name], row[b.name]
    if not one.values or not two.values:
      continue
    real = compare.floor(comparison, view, axis)
    found.append(gap(axis, one, two, real, len(a.records) == len(b.records) == 1))
  adjusted = statistics.holm([each.test.p for each in found])
  return [each._replace(p=p) for each, p in zip(found, adjusted, strict=True)]


def gap(axis: Axis, a: Cell, b: Cell, real: float, alone: bool = False) -> Gap:
  """Compares two methods on an axis; p is that of one test alone."""
  if axis.quantity.better is Better.REAL and not math.isfinite(real):
    unknown = Welch(Estimate(math.nan), reason="real images were not measured")
    return Gap(axis, a, b, real, (math.nan, math.nan), alone, unknown, math.nan)
  far = [compare.badness(axis, list(cell.values.values()), real) for cell in (a, b)]
  test = statistics.welch(*far)
  most = compare.extent(axis, a, real)
  test = test._replace(difference=test.difference.within(-most, most))
  means = sum(far[0]) / len(far[0]), sum(far[1]) / len(far[1])
  return Gap(axis, a, b, real, means, alone, test, test.p)
