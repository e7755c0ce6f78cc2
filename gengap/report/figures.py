"""Figures of scores: fidelity against coverage, and every axis."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gengap.evaluation import curve_figure
from gengap.probes.figures.names import readable
from gengap.report import columns
from gengap.report.axes import AXES, axis_of
from gengap.report.groups import Comparison
from gengap.report.statistics import Cell
from gengap.report.views import View
from gengap.report.wording import joined

PLANES = (("recall", "precision"), ("coverage", "density"))
MARKERS = "osD^vPX<"
SHADES = (0.0, 0.45, -0.4, 0.65)  # of the methods of a family: shares of white, or of black if negative
NAME = 28  # characters of a method's name in a figure


class Drawing(NamedTuple):
  """A figure and its text alternative."""

  figure: Figure
  alt: str


def sheet(width: float, height: float, number: int, columns: int) -> tuple[Figure, list[Axes]]:
  """Returns a figure of plots in rows, each of a width and height in inches."""
  rows = -(-number // columns)
  columns = min(columns, number)
  figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
  plots = list(figure.subplots(rows, columns, squeeze=False).flat)
  for plot in plots[number:]:
    plot.remove()
  for plot in plots[:number]:
    plot.tick_params(which="both", labelsize=8)
    plot.spines[["top", "right"]].set_visible(False)
  return figure, plots[:number]


def label(name: str) -> str:
  """Returns a method's name as a figure shows it."""
  return readable(name, NAME)


def styles(comparison: Comparison) -> dict[str, dict[str, Any]]:
  """Returns a colour and a marker for each method, so that colour alone distinguishes none.

  The colour is that of the method's family, in a shade for each of several methods.
  """
  default_first = sorted(comparison.groups, key=lambda group: not group.sampling.default)
  seen, found = Counter(), {}
  for i, group in enumerate(default_first):  # so that figures of training have the same colours
    colour = shaded(group.family.colour, SHADES[seen[group.family] % len(SHADES)])
    found[group.name] = {"color": colour, "marker": MARKERS[i % len(MARKERS)]}
    seen[group.family] += 1
  return found


def shaded(colour: str, shade: float) -> tuple[float, ...]:
  """Returns a colour mixed with a share of white, or of black if the share is negative."""
  other = 1.0 if shade > 0 else 0.0
  return tuple(float(x + abs(shade) * (other - x)) for x in to_rgb(colour))


def legend(plot: Axes) -> None:
  """Adds a legend above the plot."""
  plot.legend(
    loc="lower left",
    bbox_to_anchor=(0, 1),
    ncols=2,
    fontsize=8,
    frameon=False,
    borderaxespad=0,
    markerscale=0.8,
  )


def planes(comparison: Comparison, view: View) -> Iterator[Drawing]:
  """Draws fidelity against coverage: small marks are runs, large ones their means with intervals."""
  shown = []
  for across, up in PLANES:
    x, y = (columns.column(comparison, view, axis_of(name)) for name in (across, up))
    if any(set(x[name].values) & set(y[name].values) for name in x):
      shown.append((across, up, x, y))
  if not shown:
    return
  figure, plots = sheet(4.6, 4.2, len(shown), 2)
  for plot, (across, up, xs, ys) in zip(plots, shown, strict=True):
    for name, style in styles(comparison).items():
      x, y = xs[name], ys[name]
      if seeds := sorted(set(x.values) & set(y.values)):
        plot.scatter(
          [x.values[s] for s in seeds], [y.values[s] for s in seeds], s=14, alpha=0.5, lw=0, **style
        )
        mean = x.estimate.value, y.estimate.value
        plot.errorbar(*mean, xerr=bars(x), yerr=bars(y), ms=8, lw=1, ls="", label=label(name), **style)
    plot.set_xlim(0, 1.08 * plot.dataLim.x1 or 1)  # where all are 0
    plot.set_ylim(0, 1.08 * plot.dataLim.y1 or 1)
    real = [columns.real_value(comparison, view, axis_of(name)) for name in (across, up)]
    if all(map(math.isfinite, real)):
      plot.plot(*real, "*", color="black", ms=11, label="real images")
      plot.set_xlim(0, max(plot.get_xlim()[1], 1.08 * real[0]))
      plot.set_ylim(0, max(plot.get_ylim()[1], 1.08 * real[1]))
    plot.set_xlabel(f"{across} (is everything there?)", fontsize=9)
    plot.set_ylabel(f"{up} (do samples look real?)", fontsize=9)
    legend(plot)
  pairs = joined([f"{up} against {across}" for across, up, *_ in shown])
  yield Drawing(figure, f"{pairs}, every method of {comparison.title}")


def bars(cell: Cell) -> list[list[float]] | None:
  """Returns the distances from a mean to both ends of its interval; None: there is no interval."""
  mean = cell.estimate
  return [[mean.value - mean.low], [mean.high - mean.value]] if math.isfinite(mean.low) else None


def panels(comparison: Comparison, view: View) -> Iterator[Drawing]:
  """Draws every measured axis: small marks are runs, large ones their means with intervals."""
  rows = {axis: columns.column(comparison, view, axis) for axis in AXES}
  measured = [axis for axis in AXES if any(cell.values for cell in rows[axis].values())]
  if not measured:
    return
  figure, plots = sheet(3.2, 0.9 + 0.22 * len(comparison.groups), len(measured), 3)
  styled = styles(comparison)
  for i, (plot, axis) in enumerate(zip(plots, measured, strict=True)):
    for at, group in enumerate(comparison.groups):
      cell, style = rows[axis][group.name], styled[group.name]
      values = list(cell.values.values())
      plot.scatter(values, [at] * len(values), s=10, alpha=0.4, lw=0, **style)
      if values:
        plot.errorbar(cell.estimate.value, at, xerr=bars(cell), ms=6, lw=1.2, **style)
    real = columns.real_value(comparison, view, axis)
    if math.isfinite(real):
      plot.axvline(real, color="black", linestyle=":", linewidth=1)
    names = [label(group.name) for group in comparison.groups]
    if i % 3 == 0:
      plot.set_yticks(range(len(names)), names, fontsize=8)
    else:
      plot.set_yticks([])
    plot.set_ylim(len(comparison.groups) - 0.5, -0.5)
    plot.xaxis.set_major_locator(MaxNLocator(4))
    plot.xaxis.set_major_formatter(lambda x, _: f"{x:.4g}")
    plot.set_title(readable(axis.quantity.title), fontsize=9, loc="left")
    plot.set_xlabel(axis.quantity.better.value, fontsize=7, color="dimgray")
  yield Drawing(figure, f"Every number of every method of {comparison.title}, with intervals")


def tradeoffs(comparison: Comparison, view: View) -> Iterator[Drawing]:
  """Draws the fidelity-coverage curves of one protocol: of each method that of its first run that has one."""
  axis, styled, every = axis_of("curve/area"), styles(comparison), {}
  cells = columns.column(comparison, view, axis)
  for group in (group for group in comparison.groups if cells[group.name].values):
    record = group.records[min(cells[group.name].values)]
    step = view(record)
    if isinstance(step, int) and step in record.tradeoffs:
      every[group.name] = record.tradeoffs[step]
  if not every:
    return
  figure, (plot,) = sheet(9.2, 4.2, 1, 1)  # as wide as two planes, so that the page shows its text as large
  curves = {label(name): block for name, block in every.items()}
  curve_figure.draw(plot, curves, [styled[name] for name in every])
  yield Drawing(figure, f"precision against coverage over temperatures, methods of {comparison.title}")
