"""The gap between two methods on every axis: whose values are farther from the best one, and how surely."""

import math
from typing import NamedTuple

from gengap.evaluation.quantities import Better
from gengap.metrics.estimate import Estimate
from gengap.report import columns, selection, statistics, views
from gengap.report.axes import AXES, COST, DISTANCE, Axis
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell, Welch
from gengap.report.views import View

NEGLIGIBLE = 0.05  # share of the larger distance from the best value; smaller differences are negligible
ALPHA = 0.05  # a difference is decided where its p, corrected by Holm, is smaller


class Gap(NamedTuple):
  """Two methods on one axis. The test is of their distances from the best value: `distances_from_best`."""

  axis: Axis
  a: Cell
  b: Cell
  real: float
  distances: tuple[float, float]  # mean distance of a and of b from the best value
  single_runs: bool  # whether each method has but one run
  test: Welch  # of those distances, a's less b's
  p: float  # corrected by Holm for all tests that are made together; NaN: not tested

  @property
  def share(self) -> float:
    """The difference as a share of the larger distance from the best value, in [-1, 1] for distances."""
    largest = max(map(abs, self.distances))
    return self.test.difference.value / largest if largest else 0.0

  @property
  def winner(self) -> int:
    """1: a is nearer to the best value, -1: b is, 0: the difference is negligible."""
    if not abs(self.share) > NEGLIGIBLE:
      return 0
    return 1 if self.share < 0 else -1

  @property
  def decided(self) -> bool:
    """Whether the corrected test decides for a winner; with one run each, whether either is nearer."""
    return bool(self.winner) and (self.single_runs or self.p < ALPHA)


class Contest(NamedTuple):
  """Two methods that are compared after equally many updates."""

  a: Group
  b: Group
  step: int  # generator updates of each
  gaps: list[Gap]  # see `uncorrected`; p is corrected for the tests of all pairs of the data set

  @property
  def single_runs(self) -> bool:
    """Whether each method has but one run."""
    return len(self.a.records) == len(self.b.records) == 1

  def lost(self, sign: int) -> list[tuple[Gap, Cell, Cell]]:
    """Returns what one of them gives up: the decided gaps, its own values and those of the other.

    Distances between distributions, which sum up what the other axes show, and costs are not among them.

    Args:
      sign: -1 for a, 1 for b.
    """
    decided = [gap for gap in self.gaps if gap.decided and gap.axis.theme not in (DISTANCE, COST)]
    return [(gap, *((gap.a, gap.b) if sign < 0 else (gap.b, gap.a))) for gap in decided if gap.winner == sign]


def contests(comparison: Comparison, view: View | None = None) -> list[Contest]:
  """Compares every two of the methods that the page is about, in the order of `selection.pairs`.

  Args:
    comparison: of a data set.
    view: at which every run is looked at; None: after the most updates that both of a pair have made.
  """
  found = []
  for a, b in selection.pairs(comparison):
    step = views.equal_updates((a, b))
    found.append(Contest(a, b, step, uncorrected(comparison, a, b, view or views.at_step(step))))
  adjusted = iter(statistics.holm([gap.test.p for contest in found for gap in contest.gaps]))
  return [
    contest._replace(gaps=[gap._replace(p=next(adjusted)) for gap in contest.gaps]) for contest in found
  ]


def gaps(comparison: Comparison, a: Group, b: Group, view: View) -> list[Gap]:
  """Returns the gap between two methods on every ranked axis; p is corrected for the tests of these two."""
  found = uncorrected(comparison, a, b, view)
  adjusted = statistics.holm([each.test.p for each in found])
  return [each._replace(p=p) for each, p in zip(found, adjusted, strict=True)]


def uncorrected(comparison: Comparison, a: Group, b: Group, view: View) -> list[Gap]:
  """Returns the gap between two methods on every ranked axis that both have values on."""
  found = []
  for axis in AXES:
    if axis.quantity.better is Better.NONE:
      continue
    column = columns.column(comparison, view, axis)
    one, two = column[a.name], column[b.name]
    if one.values and two.values:
      real = columns.real_value(comparison, view, axis)
      found.append(gap(axis, one, two, real, len(a.records) == len(b.records) == 1))
  return found


def gap(axis: Axis, a: Cell, b: Cell, real: float, single_runs: bool = False) -> Gap:
  """Compares two methods on an axis; p is that of this test alone."""
  if axis.quantity.better is Better.REAL and not math.isfinite(real):
    unknown = Welch(Estimate(math.nan), reason="real images were not measured")
    return Gap(axis, a, b, real, (math.nan, math.nan), single_runs, unknown, math.nan)
  distances = [columns.distances_from_best(axis, list(cell.values.values()), real) for cell in (a, b)]
  test = statistics.welch(*distances)
  most = columns.largest_difference(axis, a, real)
  test = test._replace(difference=test.difference.within(-most, most))
  means = sum(distances[0]) / len(distances[0]), sum(distances[1]) / len(distances[1])
  return Gap(axis, a, b, real, means, single_runs, test, test.p)
