"""Charts of scores: fidelity against coverage, and every axis."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from gengap.report import charts, columns, scales
from gengap.report.axes import AXES, Axis, axis_of
from gengap.report.charts import Chart, Style
from gengap.report.groups import Comparison
from gengap.report.scales import Scale
from gengap.report.statistics import Cell
from gengap.report.views import View
from gengap.report.wording import joined, rounded, with_interval

PLANES = (("recall", "precision"), ("coverage", "density"))
SHADES = 4
NAME = 28  # characters of a method's name in a chart
HEIGHT = 250  # of a plot between two axes
X_LABELS = 34  # height of the ticks and the label below a plot


def label(name: str) -> str:
  """Returns a method's name as a chart shows it."""
  printable = "".join(c if c.isprintable() else "?" for c in name)
  return printable if len(printable) <= NAME else f"{printable[: NAME - 1]}…"


def styles(comparison: Comparison) -> dict[str, Style]:
  """Returns how the marks of each method look: a shade of its family's colour, and a marker."""
  default_first = sorted(comparison.groups, key=lambda group: not group.sampling.default)
  seen, found = Counter(), {}
  for i, group in enumerate(default_first):  # so that charts of training have the same colours
    family, marker = group.family.name, charts.SHAPES[i % len(charts.SHAPES)]
    turn = seen[family] + seen[family] // len(charts.SHAPES)  # no pair of marker and shade twice in 32
    found[group.name] = Style(group.name, family, turn % SHADES, marker)
    seen[family] += 1
  return found


def ends(cells: Iterable[Cell]) -> list[float]:
  """Returns the values of runs and the ends of the intervals of their means."""
  found = []
  for cell in cells:
    found += [*cell.values.values(), cell.estimate.low, cell.estimate.high]
  return found


def planes(comparison: Comparison, view: View) -> Iterator[Chart]:
  """Draws fidelity against coverage: small marks are runs, large ones their means with intervals."""
  for across, up in PLANES:
    x, y = (columns.column(comparison, view, axis_of(name)) for name in (across, up))
    real = [columns.real_value(comparison, view, axis_of(name)) for name in (across, up)]
    if any(set(x[name].values) & set(y[name].values) for name in x):
      yield plane(comparison, (across, x, real[0]), (up, y, real[1]))


Side = tuple[str, Mapping[str, Cell], float]  # name of an axis, its column, and the value of real images


def plane(comparison: Comparison, across: Side, up: Side) -> Chart:
  """Draws one number of every method against another one."""
  (x_name, xs, real_x), (y_name, ys, real_y) = across, up
  shown = {
    name: style for name, style in styles(comparison).items() if set(xs[name].values) & set(ys[name].values)
  }
  known = math.isfinite(real_x) and math.isfinite(real_y)
  legend, top = charts.legend(list(shown.values()), list(map(label, shown)), 0, known)
  top += 24
  y = scales.linear([*ends(ys[name] for name in shown), real_y], top + HEIGHT, top, zero=True)
  left = charts.margin(words for _, words in y.labelled(5))
  x = scales.linear([*ends(xs[name] for name in shown), real_x], left, charts.WIDTH - 8, zero=True)
  parts = [
    legend,
    charts.y_axis(y, left, x.end, f"{y_name}: do samples look real?"),
    charts.x_axis(x, top, y.start, f"{x_name}: is everything there?"),
  ]
  for name, style in shown.items():
    parts.append(charts.of_method(style, *cross((x_name, x, xs[name]), (y_name, y, ys[name]), style.marker)))
  if known:
    value = f"{x_name} {rounded(real_x)}; {y_name} {rounded(real_y)}"
    parts.append(charts.of_real(charts.mark(x.at(real_x), y.at(real_y), value, "star")))
  return charts.chart(
    y.start + X_LABELS, f"{y_name} against {x_name}, every method of {comparison.title}", *parts
  )


def cross(across: tuple[str, Scale, Cell], up: tuple[str, Scale, Cell], marker: str) -> Iterator[str]:
  """Yields the marks of one method: its runs, the intervals of both of its means, and the means."""
  (x_name, x, xs), (y_name, y, ys) = across, up
  for seed in sorted(set(xs.values) & set(ys.values)):
    value = f"{x_name} {rounded(xs.values[seed])}; {y_name} {rounded(ys.values[seed])}"
    yield charts.run_mark(x.at(xs.values[seed]), y.at(ys.values[seed]), value, seed)
  a, b = xs.estimate, ys.estimate
  at = x.at(a.value), y.at(b.value)
  if math.isfinite(a.low):
    yield charts.segment(x.at(a.low), at[1], x.at(a.high), at[1])
  if math.isfinite(b.low):
    yield charts.segment(at[0], y.at(b.low), at[0], y.at(b.high))
  value = f"{x_name} {with_interval(a)}; {y_name} {with_interval(b)}"
  yield charts.mark(*at, value, marker, len(ys.values), "mean")


def panels(comparison: Comparison, view: View) -> Iterator[Chart]:
  """Draws every measured axis: small marks are runs, large ones their means with intervals."""
  for axis in AXES:
    row = columns.column(comparison, view, axis)
    if any(cell.values for cell in row.values()):
      yield panel(comparison, axis, row, columns.real_value(comparison, view, axis))


def panel(comparison: Comparison, axis: Axis, row: Mapping[str, Cell], real: float) -> Chart:
  """Draws an axis: a row for each method."""
  names = [group.name for group in comparison.groups]
  top, bottom = 36, 36 + charts.ROW * len(names)
  left = charts.margin(map(label, names))
  x = scales.linear([*ends(row.values()), real], left, charts.WIDTH - 8)
  title = axis.quantity.title
  parts = [charts.text(0, 12, title, css="title"), charts.text(0, 27, axis.quantity.better.value)]
  parts.append(charts.x_axis(x, top, bottom, most=4))
  told = []
  for at, (name, style) in enumerate((name, styles(comparison)[name]) for name in names):
    y, cell = top + charts.ROW * (at + 0.5), row[name]
    parts.append(charts.of_method(style, *strip(label(name), cell, x, y, style.marker)))
    told += [f"{label(name)} {rounded(cell.estimate.value)}"] if cell.values else []
  if math.isfinite(real):
    value = rounded(real)
    parts.append(charts.of_real(charts.segment(x.at(real), top, x.at(real), bottom, "grid", value)))
    told.append(f"real images {value}")
  return charts.chart(bottom + 18, f"{title} on {comparison.title}: {'; '.join(told)}", *parts)


def strip(name: str, cell: Cell, x: Scale, y: float, marker: str) -> Iterator[str]:
  """Yields the row of one method: its name, its runs, and their mean with its interval."""
  yield charts.text(0, y + 4, name)
  for seed, value in sorted(cell.values.items()):
    yield charts.run_mark(x.at(value), y, rounded(value), seed)
  mean = cell.estimate
  if math.isfinite(mean.low):
    yield charts.segment(x.at(mean.low), y, x.at(mean.high), y)
  if cell.values:
    yield charts.mark(x.at(mean.value), y, with_interval(mean), marker, len(cell.values), "mean")
  else:
    yield charts.missing(x.start + 4, y + 4, cell.reason)


def tradeoffs(comparison: Comparison, view: View) -> Iterator[Chart]:
  """Draws the fidelity-coverage curves of one protocol: of each method that of its first run that has one."""
  cells, found = columns.column(comparison, view, axis_of("curve/area")), {}
  for group in (group for group in comparison.groups if cells[group.name].values):
    seed = min(cells[group.name].values)
    step = view(group.records[seed])
    if isinstance(step, int) and step in group.records[seed].tradeoffs:
      found[group.name] = seed, group.records[seed].tradeoffs[step]
  if not found:
    return
  styled = styles(comparison)
  names = [f"{label(name)}: area {block['area']:.3f}" for name, (_, block) in found.items()]
  real = next((block["real"] for _, block in found.values() if block.get("real")), None)
  legend, top = charts.legend([styled[name] for name in found], names, 0, bool(real))
  top += 24
  x = Scale(0, 1.03, charts.margin(["0.25"]), charts.WIDTH - 8)
  y = Scale(0, 1.03, top + HEIGHT, top)
  parts = [
    legend,
    charts.y_axis(y, x.start, x.end, "precision: share of samples near a real image"),
    charts.x_axis(x, top, y.start, "coverage: share of real images near a sample"),
  ]
  for name, (seed, block) in found.items():
    drawn = temperatures(block["points"], x, y, styled[name].marker)
    parts.append(charts.of_method(styled[name], *drawn, seed=seed))
  if real:
    value = f"coverage {rounded(real['coverage'])}; precision {rounded(real['precision'])}; {real['of']}"
    at = x.at(real["coverage"]), y.at(real["precision"])
    parts.append(charts.of_real(charts.mark(*at, value, "star")))
  title = f"precision against coverage over temperatures, methods of {comparison.title}: {joined(names)}"
  yield charts.chart(y.start + X_LABELS, title, *parts)


def temperatures(points: Mapping[str, list[float]], x: Scale, y: Scale, marker: str) -> Iterator[str]:
  """Yields a fidelity-coverage curve: a mark for each temperature, a larger one at 1."""
  every = list(zip(points["temperature"], points["coverage"], points["precision"], strict=True))
  yield charts.line([(x.at(coverage), y.at(precision)) for _, coverage, precision in every], "mean")
  for temperature, coverage, precision in every:
    value = f"temperature {temperature:g}: coverage {rounded(coverage)}, precision {rounded(precision)}"
    at = x.at(coverage), y.at(precision)
    if temperature == 1:
      yield charts.mark(*at, value, marker, css="mean")
    else:
      yield charts.run_mark(*at, value)
    if temperature in (every[0][0], every[-1][0]):
      yield charts.text(at[0] + 5, at[1] - 4, f"{temperature:g}")
