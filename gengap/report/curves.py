"""Charts of training: distances to the data, and losses, over generator updates and operations."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gengap.report import charts, columns, scales
from gengap.report.axes import axis_of
from gengap.report.charts import Chart, Style
from gengap.report.figures import X_LABELS, label, styles
from gengap.report.groups import Comparison, Group
from gengap.report.record import Record
from gengap.report.scales import Scale
from gengap.training.validation import ENERGY

HEIGHT = 190  # of a plot between two axes
MOST_POINTS = 22  # of a line of losses
MOST_MARKS = 4  # of a mean
AGAINST_TRAINING = {
  ENERGY: "energy distance to held-out images",
  axis_of("frechet").name: "squared Frechet distance to test images",
}
UPDATES = "generator updates"
Budget = Callable[[Record, int], float]
Line = list[tuple[float, float]]


def curves(comparison: Comparison) -> Iterator[Chart]:
  """Draws distances to held-out and to test images over training, by generator updates and by operations."""
  budgets: dict[str, Budget] = {
    UPDATES: lambda _, step: step,
    "operations of training": lambda record, step: record.flops(step),
  }
  records = [record for group in comparison.groups for record in group.records.values()]
  counted = any(math.isfinite(record.flops(1)) for record in records)
  for name in AGAINST_TRAINING:
    if any(len(record.curve(name)) > 1 for record in records):
      for budget in list(budgets)[: 1 + counted]:
        yield over_training(comparison, name, budget, budgets[budget])


def over_training(comparison: Comparison, name: str, label_x: str, budget: Budget) -> Chart:
  """Draws a number of every method over a budget: a thin line for each run, and their means."""
  protocol, styled = columns.curve_protocol(comparison, name), styles(comparison)
  lines = {group.name: runs(group, name, protocol, budget) for group in comparison.groups if group.trained}
  lines = {name: found for name, found in lines.items() if found}
  shown = [styled[name] for name in lines]
  legend, top = charts.legend(shown, list(map(label, lines)), 0)
  points = [point for found in lines.values() for line in found.values() for point in line]
  x, y, axes = plot(points, top + 24, (label_x, AGAINST_TRAINING[name]), scales.logarithmic)
  drawn = [charts.of_method(style, *with_mean(lines[style.method], x, y, style)) for style in shown]
  title = f"{AGAINST_TRAINING[name]} over {label_x}, every method of {comparison.title}"
  return charts.chart(y.start + X_LABELS, title, legend, axes, *drawn, x=x, y=y, unit=label_x)


def runs(group: Group, name: str, protocol: str, budget: Budget) -> dict[int, Line]:
  """Returns the points of a number over a budget, for every seed with any."""
  found = {}
  for seed, record in group.records.items():
    points = [(budget(record, step), value) for step, value in record.curve(name, protocol)]
    if points := [(x, value) for x, value in points if math.isfinite(x) and value > 0]:
      found[seed] = points
  return found


def plot(
  points: Sequence[tuple[float, float]], top: float, labels: tuple[str, str], scale: Callable[..., Scale]
) -> tuple[Scale, Scale, str]:
  """Returns the scales of a plot that holds points, and its axes."""
  y = scale([value for _, value in points], top + HEIGHT, top)
  left = charts.margin(words for _, words in y.labelled(5))
  x = scales.linear([at for at, _ in points], left, charts.WIDTH - 14, zero=True)
  axes = charts.y_axis(y, left, x.end, labels[1]) + charts.x_axis(x, top, y.start, labels[0], most=4)
  return x, y, axes


def with_mean(lines: dict[int, Line], x: Scale, y: Scale, style: Style) -> Iterator[str]:
  """Yields the lines of the runs of a method, and of their mean where all were measured at equal steps."""
  css = "mean" if len(lines) == 1 else ""
  for seed, points in lines.items():
    yield charts.line([(x.at(at), y.at(value)) for at, value in points], css, seed)
  every = list(lines.values())
  alike = all([at for at, _ in line] == [at for at, _ in every[0]] for line in every)
  mean = np.mean(every, 0).tolist() if alike else every[0]
  drawn = [(x.at(at), y.at(value)) for at, value in mean]
  if alike and len(every) > 1:
    yield charts.line(drawn, "mean", runs=len(every))
  marked = drawn[:: -math.ceil(len(drawn) / MOST_MARKS)]  # with the last one
  yield charts.element("path", d="".join(charts.shape(*at, style.marker) for at in marked), class_="mean")


def losses(comparison: Comparison) -> Iterator[Chart]:
  """Draws the losses of every player over training: a chart for each method, a line for each run."""
  for group in comparison.groups:
    names = dict.fromkeys(f"{player}/loss" for record in group.records.values() for player in record.players)
    found = {name: {seed: thinned(r.curve(name)) for seed, r in group.records.items()} for name in names}
    if found := {name: lines for name, lines in found.items() if any(lines.values())}:
      yield of_players(comparison, group, found)


def thinned(points: list[tuple[int, float]]) -> Line:
  """Returns at most about 22 points of a line, with the last one."""
  every = 1 + len(points) // MOST_POINTS
  return [(float(at), value) for at, value in points[::-every][::-1]]


def of_players(comparison: Comparison, group: Group, found: dict[str, dict[int, Line]]) -> Chart:
  """Draws the losses of the players of a method."""
  players = [label(name.removesuffix("/loss")) for name in found]
  own = [Style(series=1 + i % charts.SERIES, marker="square") for i in range(len(players))]
  legend, top = charts.legend(own, players, 20)
  points = [point for lines in found.values() for line in lines.values() for point in line]
  x, y, axes = plot(points, top + 24, (UPDATES, "loss"), scales.symmetric)
  parts = [charts.text(0, 12, label(group.name), css="title"), legend, axes]
  for style, player, lines in zip(own, players, found.values(), strict=True):
    css = "mean" if len(group.records) == 1 else ""
    drawn = [
      charts.line([(x.at(at), y.at(value)) for at, value in line], css, seed)
      for seed, line in lines.items()
      if line
    ]
    parts.append(charts.of_method(style, *drawn, part=player))
  title = f"Losses of {label(group.name)} on {comparison.title} over training: {', '.join(players)}"
  whose = styles(comparison)[group.name]
  return charts.chart(y.start + X_LABELS, title, *parts, x=x, y=y, unit=UPDATES, style=whose)
