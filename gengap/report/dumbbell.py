"""A dumbbell chart of the gap between two methods: a row for each axis, the largest difference first.

All rows share one scale: 0 is the mean of the worst method of the data set, 1 is what real images have (see
`gaps.position`). A filled pair of marks is a decided difference, a hollow pair one that is not.
"""

import math
import textwrap
from collections.abc import Sequence

from gengap.metrics.estimate import Estimate
from gengap.report import columns, statistics, verdicts
from gengap.report.axes import COST
from gengap.report.charts import Chart, Style, chart, mark, of_method, segment, text
from gengap.report.figures import styles
from gengap.report.gaps import Contest, Gap, by_size, position
from gengap.report.groups import Comparison
from gengap.report.scales import Scale
from gengap.report.statistics import Cell
from gengap.report.wording import counted, rounded, with_interval

LABEL = 22  # characters of a line of a row's label
LEFT, RIGHT = 146, 284  # of the scale
TOP = 18  # of the first row
LINE = 12  # height of a line of a label


def ranked(contest: Contest) -> list[Gap]:
  """Returns the gaps that have a place on the common scale, the largest first; costs are not among them."""
  return [gap for gap in by_size(contest.gaps) if gap.size >= 0 and gap.axis.theme != COST]


def mean_position(gap: Gap, cell: Cell) -> Estimate:
  """Returns the place of a method's mean distance from the best on the common scale, with its interval."""
  distances = columns.distances_from_best(gap.axis, list(cell.values.values()), gap.real)
  least = min(0.0, *distances) if gap.axis.quantity.low < 0 else 0.0
  mean = statistics.interval(distances, least, columns.largest_difference(gap.axis, cell, gap.real))
  value, low, high = (position(x, gap.ends) for x in (mean.value, mean.high, mean.low))
  return Estimate(value, low, high)


def dumbbells(comparison: Comparison, contest: Contest, found: Sequence[Gap]) -> Chart:
  """Returns the chart of some gaps between two methods of a data set."""
  scale = Scale(0.0, 1.0, LEFT, RIGHT)
  styled = styles(comparison)
  pair = styled[contest.a.name], styled[contest.b.name]
  rows, y = [], float(TOP)
  for gap in found:
    label = textwrap.wrap(gap.axis.quantity.title, LABEL)
    height = LINE * len(label) + 5
    lines = (text(LEFT - 12, y + LINE * (i + 1) - 2, words, "end", "name") for i, words in enumerate(label))
    rows += [*lines, row(pair, gap, scale, y + height / 2)]
    y += height
  ends = [segment(scale.at(x), TOP - 2, scale.at(x), y, css) for x, css in ((0, "grid"), (1, "goal"))]
  heads = [text(LEFT, 10, "worst here", "middle"), text(RIGHT, 10, "real images", "middle")]
  return chart(y + 3, alternative(contest, comparison.title, found), *ends, *heads, *rows)


def row(pair: tuple[Style, Style], gap: Gap, scale: Scale, y: float) -> str:
  """Returns the marks of both methods on one axis, their intervals and the verdict."""
  places = [mean_position(gap, cell) for cell in (gap.a, gap.b)]
  start, end = (scale.at(place.value) for place in places)
  parts = [segment(start, y, end, y, "between")]
  decided = gap.decided
  for style, cell, place in zip(pair, (gap.a, gap.b), places, strict=True):
    value = f"{gap.axis.quantity.title} {with_interval(cell.estimate)}, {counted(len(cell.values), 'seed')}"
    told = [
      mark(scale.at(place.value), y, value, style.marker, len(cell.values), "mean" if decided else "hollow")
    ]
    if math.isfinite(place.high):
      low, high = (scale.at(min(1.0, max(0.0, x))) for x in (place.low, place.high))
      told.insert(0, segment(low, y, high, y, "interval"))
    parts.append(of_method(style, *told))
  parts.append(text(RIGHT + 10, y + 4, verdicts.short(gap), "", "decided" if decided else ""))
  return "".join(parts)


def alternative(contest: Contest, title: str, found: Sequence[Gap]) -> str:
  """Returns the text alternative of a chart: both methods' values on the axes of the largest differences."""
  names = contest.a.name, contest.b.name
  told = [
    f"{gap.axis.quantity.title} {rounded(gap.a.estimate.value)} and {rounded(gap.b.estimate.value)}, "
    f"{verdicts.short(gap)}"
    for gap in found[:3]
  ]
  axes = counted(len(found), "number")
  return f"{title}: {names[0]} and {names[1]} on {axes}, the largest difference first. {'; '.join(told)}."
