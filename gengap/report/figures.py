"""The report's figures: fidelity against coverage, every axis, curves over training."""

import io
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from gengap.probes.figures.names import COLOURS, readable
from gengap.report import answers, compare
from gengap.report.axes import AXES, axis_of
from gengap.report.compare import View
from gengap.report.groups import Comparison, Group
from gengap.report.records import Record
from gengap.report.statistics import Cell

PLANES = (("recall", "precision"), ("coverage", "density"))
MARKS = "osD^vPX<"
NAME = 28  # characters of a method's name in a figure
POINTS = 40  # of a line of losses, at most
THROUGH = {
  compare.ENERGY: "energy distance to held-out images",
  "frechet": "squared Frechet distance to test images",
}


SHORTER = (  # what tags of SVG files of figures spend most on
  (r"(\d\d\.\d)\d+", r"\1"),
  (r"(\.\d\d)\d+", r"\1"),
  (r" font-family: [^;\"]*;?", ""),
  (r' transform="rotate\(-?0 [^)]*\)"', ""),
  (
    r' id="(?:text|line2d|[xy]tick|patch|PathCollection|LineCollection|matplotlib|axes|legend|figure)[^"]*"',
    "",
  ),
  (r'(<use .*?) style="stroke: #000000; stroke-width: 0.[68]"', r"\1"),
  (r"stroke-linecap: square; ?|; stroke-linecap: square", ""),
  (r"(?<=[a-z]): (?=[\w#])", ":"),
  (r"; (?=[a-z-]+:)", ";"),
)
FONT = "text{font-family:'DejaVu Sans',sans-serif}"


class Drawn(NamedTuple):
  """A figure and what it shows, for those who do not see it."""

  figure: Figure
  alt: str


def svg(figure: Figure) -> bytes:
  """Returns a figure as a small SVG file, the same for the same figure."""
  with matplotlib.rc_context({"svg.hashsalt": "gengap", "svg.fonttype": "none"}):
    figure.savefig(file := io.BytesIO(), format="svg", metadata={"Date": None})
  text = re.sub(r"(?s)<metadata>.*?</metadata>", "", file.getvalue().decode())
  text = re.sub(r"<[^>]*>", shortened, text).replace(
    '<style type="text/css">', f'<style type="text/css">{FONT}'
  )
  text = re.sub(r"<g>\s*(<text[^>]*>[^<]*</text>|<path[^>]*/>|<use[^>]*/>)\s*</g>", r"\1", text)
  lines = (line.strip() for line in text.splitlines())
  return "".join(line + ("" if line.endswith(">") else " ") for line in lines).encode()


def shortened(tag: re.Match[str]) -> str:
  """Returns a tag of an SVG file without what does not show."""
  text = tag[0]
  for found, shorter in SHORTER:
    text = re.sub(found, shorter, text)
  return text


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
  shown = []
  for across, up in PLANES:
    x, y = (compare.row(comparison, view, axis_of(name)) for name in (across, up))
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
    real = [compare.floor(comparison, view, axis_of(name)) for name in (across, up)]
    if all(map(math.isfinite, real)):
      plot.plot(*real, "*", color="black", ms=11, label="real images")
      plot.set_xlim(0, max(plot.get_xlim()[1], 1.08 * real[0]))
      plot.set_ylim(0, max(plot.get_ylim()[1], 1.08 * real[1]))
    plot.set_xlabel(f"{across} (is everything there?)", fontsize=9)
    plot.set_ylabel(f"{up} (do samples look real?)", fontsize=9)
    legend(plot)
  pairs = answers.listed([f"{up} against {across}" for across, up, *_ in shown])
  yield Drawn(figure, f"{pairs}, every method of {comparison.title}")


def bars(cell: Cell) -> list[list[float]] | None:
  """Returns how far an interval reaches to both sides of its mean; None where there is none."""
  mean = cell.estimate
  return [[mean.value - mean.low], [mean.high - mean.value]] if math.isfinite(mean.low) else None


def panels(comparison: Comparison, view: View) -> Iterator[Drawn]:
  """Draws every axis that is measured: a mark a method with its interval, small marks its runs."""
  rows = {axis: compare.row(comparison, view, axis) for axis in AXES}
  measured = [axis for axis in AXES if any(cell.values for cell in rows[axis].values())]
  if not measured:
    return
  figure, plots = sheet(3.2, 0.9 + 0.22 * len(comparison.groups), len(measured), 3)
  for i, (plot, axis) in enumerate(zip(plots, measured, strict=True)):
    for at, (name, style) in enumerate(styles(comparison).items()):
      cell = rows[axis][name]
      values = list(cell.values.values())
      plot.scatter(values, [at] * len(values), s=10, alpha=0.4, lw=0, **style)
      if values:
        plot.errorbar(cell.estimate.value, at, xerr=bars(cell), ms=6, lw=1.2, **style)
    real = compare.floor(comparison, view, axis)
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
  yield Drawn(figure, f"Every number of every method of {comparison.title}, with intervals")


def line(
  plot: Axes, group: Group, x: Callable[[Record, int], float], y: str, protocol: str, style: dict[str, Any]
) -> bool:
  """Draws a number through training: a thin line a run, a thick one their mean where all are as long.

  Returns whether there was anything to draw.
  """
  curves = []
  for record in group.records.values():
    points = [(x(record, step), value) for step, value in record.curve(y, protocol)]
    if points := [point for point in points if math.isfinite(point[0])]:
      curves.append(points)
      plot.plot(*np.array(curves[-1]).T, color=style["color"], linewidth=0.7, alpha=0.5)
  if curves:
    alike = all([at for at, _ in curve] == [at for at, _ in curves[0]] for curve in curves)
    mean = np.mean(curves, 0) if alike else np.array(curves[0])
    every = max(1, len(mean) // 6)
    plot.plot(*mean.T, lw=1.8 if alike else 0.7, markevery=every, ms=5, label=label(group.name), **style)
  return bool(curves)


def curves(comparison: Comparison) -> Iterator[Drawn]:
  """Draws how near samples come to held-out and to test images, by generator updates and by operations."""
  budgets: dict[str, Callable[[Record, int], float]] = {
    "generator updates": lambda _, step: step,
    "operations of training": lambda record, step: record.flops(step),
  }
  records = [record for group in comparison.groups for record in group.records.values()]
  counted = any(math.isfinite(record.flops(1)) for record in records)
  measured = [
    (name, budget)
    for name in THROUGH
    if any(len(record.curve(name)) > 1 for record in records)
    for budget in list(budgets)[: 1 + counted]
  ]
  if not measured:
    return
  figure, plots = sheet(4.6, 3.6, len(measured), 2)
  for plot, (name, budget) in zip(plots, measured, strict=True):
    protocol = compare.through(comparison, name)
    for group in comparison.groups:
      line(plot, group, budgets[budget], name, protocol, styles(comparison)[group.name])
    plot.set_xlabel(budget, fontsize=9)
    plot.set_ylabel(THROUGH[name], fontsize=9)
    log_scale(plot, "log")
  legend(plots[0])
  titles = answers.listed([THROUGH[name] for name in dict.fromkeys(name for name, _ in measured)])
  yield Drawn(figure, f"{titles} through training, every method of {comparison.title}")


def losses(comparison: Comparison) -> Iterator[Drawn]:
  """Draws the losses of every player through training, a panel a method, a line a run."""
  shown = []
  for group in comparison.groups:
    names = dict.fromkeys(k for record in group.records.values() for e in record.log for k in e)
    players = [name for name in names if name.endswith("/loss") and not name.startswith("valid/")]
    if players := [name for name in players if any(r.curve(name) for r in group.records.values())]:
      shown.append((group, players))
  if not shown:
    return
  figure, plots = sheet(3.2, 2.6, len(shown), 3)
  for plot, (group, players) in zip(plots, shown, strict=True):
    for i, name in enumerate(players):
      style = {"color": COLOURS(i % 10), "linewidth": 0.7, "alpha": 0.7}
      for run in filter(None, (record.curve(name) for record in group.records.values())):
        plot.plot(*np.array(run[:: -(1 + len(run) // POINTS)]).T, **style)  # with the last one
      plot.plot([], [], label=readable(name.removesuffix("/loss"), NAME), **style)
    log_scale(plot, "symlog", linthresh=1)
    plot.set_xlabel("generator updates", fontsize=8)
    plot.set_ylabel(f"losses of {label(group.name)}", fontsize=8)
    legend(plot)
  yield Drawn(figure, f"Losses of every method on {comparison.title} through training")
