"""Figures of training: distances to the data, and losses, over generator updates and operations."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from gengap.probes.figures.names import COLOURS, readable
from gengap.report import columns
from gengap.report.axes import axis_of
from gengap.report.figures import NAME, Drawing, label, legend, sheet, styles
from gengap.report.groups import Comparison, Group
from gengap.report.record import Record
from gengap.report.wording import joined
from gengap.training.validation import ENERGY

MOST_POINTS = 40  # of a line of losses
AGAINST_TRAINING = {
  ENERGY: "energy distance to held-out images",
  axis_of("frechet").name: "squared Frechet distance to test images",
}


def log_scale(plot: Axes, scale: str, **settings: Any) -> None:
  """Gives the y axis of a finished plot a logarithmic scale, with at least two ticks as plain numbers."""
  plot.set_yscale(scale, **settings)
  low, high = plot.get_ylim()
  if sum(low < tick < high for tick in plot.get_yticks()) < 2:  # no two powers of ten
    plot.yaxis.set_major_locator(MaxNLocator(4))
  plot.yaxis.set_major_formatter(lambda x, _: f"{x:g}")
  plot.yaxis.set_minor_formatter(NullFormatter())


def line(
  plot: Axes, group: Group, x: Callable[[Record, int], float], y: str, protocol: str, style: dict[str, Any]
) -> None:
  """Draws a number over training: a thin line for each run, and their mean where all have equal steps."""
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


def curves(comparison: Comparison) -> Iterator[Drawing]:
  """Draws distances to held-out and to test images over training, by generator updates and by operations."""
  budgets: dict[str, Callable[[Record, int], float]] = {
    "generator updates": lambda _, step: step,
    "operations of training": lambda record, step: record.flops(step),
  }
  records = [record for group in comparison.groups for record in group.records.values()]
  counted = any(math.isfinite(record.flops(1)) for record in records)
  measured = [
    (name, budget)
    for name in AGAINST_TRAINING
    if any(len(record.curve(name)) > 1 for record in records)
    for budget in list(budgets)[: 1 + counted]
  ]
  if not measured:
    return
  figure, plots = sheet(4.6, 3.6, len(measured), 2)
  for plot, (name, budget) in zip(plots, measured, strict=True):
    protocol = columns.curve_protocol(comparison, name)
    for group in filter(lambda group: group.trained, comparison.groups):
      line(plot, group, budgets[budget], name, protocol, styles(comparison)[group.name])
    plot.set_xlabel(budget, fontsize=9)
    plot.set_ylabel(AGAINST_TRAINING[name], fontsize=9)
    log_scale(plot, "log")
  legend(plots[0])
  titles = joined([AGAINST_TRAINING[name] for name in dict.fromkeys(name for name, _ in measured)])
  yield Drawing(figure, f"{titles} over training, every method of {comparison.title}")


def losses(comparison: Comparison) -> Iterator[Drawing]:
  """Draws the losses of every player over training: a panel for each method, a line for each run."""
  shown = []
  for group in comparison.groups:
    names = dict.fromkeys(f"{player}/loss" for record in group.records.values() for player in record.players)
    if players := [name for name in names if any(r.curve(name) for r in group.records.values())]:
      shown.append((group, players))
  if not shown:
    return
  figure, plots = sheet(3.2, 2.6, len(shown), 3)
  for plot, (group, players) in zip(plots, shown, strict=True):
    for i, name in enumerate(players):
      style = {"color": COLOURS(i % 10), "linewidth": 0.7, "alpha": 0.7}
      for run in filter(None, (record.curve(name) for record in group.records.values())):
        plot.plot(*np.array(run[:: -(1 + len(run) // MOST_POINTS)]).T, **style)  # with the last one
      plot.plot([], [], label=readable(name.removesuffix("/loss"), NAME), **style)
    log_scale(plot, "symlog", linthresh=1)
    plot.set_xlabel("generator updates", fontsize=8)
    plot.set_ylabel(f"losses of {label(group.name)}", fontsize=8)
    legend(plot)
  yield Drawing(figure, f"Losses of every method on {comparison.title} over training")
