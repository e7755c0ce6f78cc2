"""The report's figures, one panel each: fidelity against coverage, every axis, curves over training."""

import io
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from gengap.gap import compare
from gengap.gap.axes import AXES, HINTS, axis_of
from gengap.gap.compare import View
from gengap.gap.groups import Comparison, Group
from gengap.gap.records import Record
from gengap.probes.figure import COLOURS

PLANES = (("recall", "precision"), ("coverage", "density"))
MARKS = "osD^vPX<"
THROUGH = {
  compare.ENERGY: "energy distance to held-out images",
  "frechet": "Frechet distance to test images",
}


class Drawn(NamedTuple):
  """A figure and what it shows, for those who do not see it."""

  figure: Figure
  alt: str


def svg(figure: Figure) -> bytes:
  """Returns a figure as an SVG file, the same for the same figure."""
  with matplotlib.rc_context({"svg.hashsalt": "gengap", "svg.fonttype": "none"}):
    figure.savefig(file := io.BytesIO(), format="svg", metadata={"Date": None})
  return file.getvalue()


def panel(width: float, height: float) -> tuple[Figure, Axes]:
  """Returns a figure of one plot, in inches."""
  figure = Figure(figsize=(width, height), layout="constrained")
  plot = figure.add_subplot()
  plot.tick_params(which="both", labelsize=8)
  plot.spines[["top", "right"]].set_visible(False)
  return figure, plot


def log_scale(plot: Axes, scale: str, **settings: Any) -> None:
  """Gives y, of a plot that is drawn, a logarithmic scale with plain numbers for ticks, two at least."""
  plot.set_yscale(scale, **settings)
  low, high = plot.get_ylim()
  if sum(low < tick < high for tick in plot.get_yticks()) < 2:  # no two powers of ten
    plot.yaxis.set_major_locator(MaxNLocator(4))
  plot.yaxis.set_major_formatter(lambda x, _: f"{x:g}")
  plot.yaxis.set_minor_formatter(NullFormatter())


def styles(comparison: Comparison) -> dict[str, dict[str, Any]]:
  """Returns a colour and a mark for each method, so that no method is told by colour alone."""
  return {
    group.name: {"color": COLOURS(i % 10), "marker": MARKS[i % len(MARKS)]}
    for i, group in enumerate(comparison.groups)
  }


def legend(plot: Axes) -> None:
  """Names what is drawn, above the plot."""
  plot.legend(
    loc="lower left",
    bbox_to_anchor=(0, 1),
    ncols=2,
    fontsize=8,
    frameon=False,
    borderaxespad=0,
    markerscale=0.8,
  )


def planes(comparison: Comparison, view: View) -> Iterator[Drawn]:
  """Draws fidelity against coverage: a small mark a run, a large one their mean with its intervals."""
  for across, up in PLANES:
    rows = [compare.row(comparison, view, axis_of(name)) for name in (across, up)]
    figure, plot = panel(4.6, 4.2)
    for name, style in styles(comparison).items():
      x, y = (row[name] for row in rows)
      if seeds := sorted(set(x.values) & set(y.values)):
        plot.scatter(
          [x.values[s] for s in seeds], [y.values[s] for s in seeds], s=14, alpha=0.5, lw=0, **style
        )
        bars = [np.nan_to_num(cell.estimate.high - cell.estimate.value) for cell in (x, y)]
        mean = x.estimate.value, y.estimate.value
        plot.errorbar(*mean, xerr=bars[0], yerr=bars[1], ms=8, lw=1, ls="", label=name, **style)
    if plot.get_legend_handles_labels()[1]:
      real = [compare.floor(comparison, view, axis_of(name)) for name in (across, up)]
      plot.plot(*real, "*", color="black", ms=11, label="real images")
      plot.set_xlabel(f"{across} (is everything there?)", fontsize=9)
      plot.set_ylabel(f"{up} (do samples look real?)", fontsize=9)
      plot.set_xlim(0, 1.08 * plot.dataLim.x1)
      plot.set_ylim(0, 1.08 * plot.dataLim.y1)
      legend(plot)
      yield Drawn(figure, f"{up} against {across}, every method of {comparison.title}")


def panels(comparison: Comparison, view: View) -> Iterator[Drawn]:
  """Draws every axis that is measured: a mark a method with its interval, small marks its runs."""
  for axis in AXES:
    row = compare.row(comparison, view, axis)
    if not any(cell.values for cell in row.values()):
      continue
    figure, plot = panel(3.2, 0.9 + 0.25 * len(comparison.groups))
    for i, (name, style) in enumerate(styles(comparison).items()):
      values, mean = list(row[name].values.values()), row[name].estimate
      plot.scatter(values, [i] * len(values), s=10, alpha=0.4, lw=0, **style)
      if values:
        bars = [[mean.value - mean.low], [mean.high - mean.value]] if math.isfinite(mean.low) else None
        plot.errorbar(mean.value, i, xerr=bars, ms=6, lw=1.2, **style)
    real = compare.floor(comparison, view, axis)
    if math.isfinite(real):
      plot.axvline(real, color="black", linestyle=":", linewidth=1)
    plot.set_yticks(range(len(comparison.groups)), [group.name for group in comparison.groups], fontsize=8)
    plot.set_ylim(len(comparison.groups) - 0.5, -0.5)
    plot.xaxis.set_major_locator(MaxNLocator(4))
    plot.xaxis.set_major_formatter(lambda x, _: f"{x:.4g}")
    plot.set_title(axis.title, fontsize=9, loc="left")
    plot.set_xlabel(HINTS[axis.better], fontsize=7, color="dimgray")
    yield Drawn(figure, f"{axis.title} of every method of {comparison.title}")


def line(plot: Axes, group: Group, x: Callable[[Record, int], float], y: str, style: dict[str, Any]) -> None:
  """Draws a number through training: a thin line a run, a thick one their mean where all are as long."""
  curves = []
  for record in group.records.values():
    points = [(x(record, step), value) for step, value in record.curve(y)]
    if points := [point for point in points if math.isfinite(point[0])]:
      curves.append(points)
      plot.plot(*np.array(curves[-1]).T, color=style["color"], linewidth=0.7, alpha=0.5)
  if curves:
    alike = all([at for at, _ in curve] == [at for at, _ in curves[0]] for curve in curves)
    mean = np.mean(curves, 0) if alike else np.array(curves[0])
    every = max(1, len(mean) // 6)
    plot.plot(*mean.T, lw=1.8 if alike else 0.7, markevery=every, ms=5, label=group.name, **style)


def curves(comparison: Comparison) -> Iterator[Drawn]:
  """Draws how near samples come to held-out and to test images, by generator updates and by operations."""
  budgets: dict[str, Callable[[Record, int], float]] = {
    "generator updates": lambda _, step: step,
    "operations of training": lambda record, step: record.flops(step),
  }
  records = [record for group in comparison.groups for record in group.records.values()]
  for name, title in THROUGH.items():
    if not any(len(record.curve(name)) > 1 for record in records):
      continue
    for budget, x in budgets.items():
      figure, plot = panel(4.6, 3.6)
      for group in comparison.groups:
        line(plot, group, x, name, styles(comparison)[group.name])
      if not plot.lines:
        continue
      plot.set_xlabel(budget, fontsize=9)
      plot.set_ylabel(title, fontsize=9)
      log_scale(plot, "log")
      legend(plot)
      yield Drawn(figure, f"{title} through training, by {budget}, every method of {comparison.title}")


def losses(comparison: Comparison) -> Iterator[Drawn]:
  """Draws the losses of every player through training, a panel a method, a line a run."""
  for group in comparison.groups:
    record = group.first
    players = [name for name in dict.fromkeys(k for e in record.log for k in e) if name.endswith("/loss")]
    figure, plot = panel(3.2, 2.6)
    for i, name in enumerate(name for name in players if not name.startswith("valid/")):
      for run in group.records.values():
        label = name.removesuffix("/loss") if run is record else None
        plot.plot(*np.array(run.curve(name)).T, color=COLOURS(i % 10), linewidth=0.7, alpha=0.7, label=label)
    if players:
      log_scale(plot, "symlog", linthresh=1)
      plot.set_xlabel("generator updates", fontsize=8)
      plot.set_ylabel(f"losses of {group.name}", fontsize=8)
      legend(plot)
      yield Drawn(figure, f"Losses of {group.name} on {comparison.title} through training")
