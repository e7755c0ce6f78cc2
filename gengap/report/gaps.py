"""The gap between two methods on every axis: whose values are farther from the best one, and how surely."""

import math
from collections.abc import Iterable
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
  ends: tuple[float, float] = (math.nan, math.nan)  # distances of the worst method and of real images

  @property
  def share(self) -> float:
    """The difference as a share of the larger distance from the best value, in [-1, 1] for distances."""
    largest = max(map(abs, self.distances))
    return self.test.difference.value / largest if largest else 0.0

  @property
  def positions(self) -> tuple[float, float]:
    """Both methods on the common scale: 0 is the worst of the data set, 1 is real images; see `position`."""
    return position(self.distances[0], self.ends), position(self.distances[1], self.ends)

  @property
  def size(self) -> float:
    """The difference on the common scale, in [0, 1]; NaN where real images have no place on it."""
    return abs(self.positions[0] - self.positions[1])

  @property
  def winner(self) -> int:
    """1: a is nearer to the best value, -1: b is, 0: the difference is negligible."""
    if not abs(self.share) > NEGLIGIBLE:
      return 0
    return 1 if self.share < 0 else -1

  @property
  def decided(self) -> bool:
    """Whether the corrected test decides for a winner. Without a test, as with one run each, it does not."""
    return bool(self.winner) and self.p < ALPHA


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
    """Returns what one of them gives up: decided gaps, the largest first, its values and those of the other.

    With one run each, where nothing can be decided, these are the gaps that are not negligible. Distances
    between distributions, which sum up what the other axes show, and costs are not among them.

    Args:
      sign: -1 for a, 1 for b.
    """
    found = [
      gap
      for gap in by_size(self.gaps)
      if gap.winner == sign and (gap.decided or self.single_runs) and gap.axis.theme not in (DISTANCE, COST)
    ]
    return [(gap, *((gap.a, gap.b) if sign < 0 else (gap.b, gap.a))) for gap in found]


def contests(comparison: Comparison, view: View | None = None) -> list[Contest]:
  """Compares every two of the methods that the page is about, in the order of `selection.pairs`.

  Args:
    comparison: of a data set.
    view: at which every run is looked at; None: after the most updates that both of a pair have made.
  """
  found = []
  for a, b in selection.pairs(comparison):
    step = compared_step(comparison, a, b)
    found.append(Contest(a, b, step, uncorrected(comparison, a, b, view or views.at_step(step))))
  adjusted = iter(statistics.holm([gap.test.p for contest in found for gap in contest.gaps]))
  return [
    contest._replace(gaps=[gap._replace(p=next(adjusted)) for gap in contest.gaps]) for contest in found
  ]


def compared_step(comparison: Comparison, a: Group, b: Group) -> int:
  """Returns the most updates that two methods have both made, or else an earlier step that compares them.

  The earlier one is the last that was evaluated for both by one protocol. If there is none, the first stays.
  """
  step = views.equal_updates((a, b))
  evaluated = [{at for record in group.records.values() for at in record.scores} for group in (a, b)]
  earlier = sorted((at for at in evaluated[0] & evaluated[1] if at < step), reverse=True)
  tries = (at for at in (step, *earlier) if uncorrected(comparison, a, b, views.at_step(at)))
  return next(tries, step)


def by_size(found: Iterable[Gap]) -> list[Gap]:
  """Returns gaps by their size on the common scale, largest first; those without one by their share, last."""
  return sorted(
    found, key=lambda gap: (math.isnan(gap.size), -(gap.size if gap.size >= 0 else abs(gap.share)))
  )


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
      others = [column[group.name] for group in comparison.by_default.groups]
      found[-1] = found[-1]._replace(ends=ends(axis, others, real))
  return found


def ends(axis: Axis, cells: Iterable[Cell], real: float) -> tuple[float, float]:
  """Returns the ends of an axis' common scale: distances from the best value of the worst and of real.

  Where real images have no value, the best possible value stands for theirs. NaN where that is unknown, too.
  """
  quantity = axis.quantity
  found = (
    columns.distances_from_best(axis, list(cell.values.values()), real) for cell in cells if cell.values
  )
  worst = max((sum(distances) / len(distances) for distances in found), default=math.nan)
  if math.isfinite(real):
    return worst, columns.distances_from_best(axis, [real], real)[0]
  unknown = quantity.better is Better.REAL or (quantity.better is Better.HIGH and math.isinf(quantity.high))
  return worst, math.nan if unknown else 0.0


def position(distance: float, scale: tuple[float, float]) -> float:
  """Returns the place of a distance on a scale from the worst method, 0, to real images, 1.

  What is nearer to the best value than real images are is at 1. An interval may end below 0.
  """
  worst, real = scale
  if not math.isfinite(distance + worst + real):
    return math.nan
  return 1.0 if distance <= real else (worst - distance) / (worst - real) if worst > real else -math.inf


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
