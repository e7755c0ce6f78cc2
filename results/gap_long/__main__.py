"""Draws the figures and writes README.md of this folder, from the records of its runs.

python -m results.gap_long
"""

import itertools
import pathlib
from collections.abc import Iterator

import jinja2
import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib import ticker
from PIL import Image

from gengap import families
from gengap.report import columns, views
from gengap.report.axes import axis_of
from gengap.report.grids import EDGE, MARGIN
from gengap.report.groups import Group
from gengap.report.statistics import Cell
from gengap.report.views import View
from gengap.report.wording import rounded, with_interval
from launch.parser import Parser
from results import pictures, tables
from results.claims.gap import DataSet, comparisons
from results.gap_long import plan, runs

HERE = pathlib.Path(__file__).parent
PAGE = HERE.name
TASK = plan.TASKS["mnist"]
TITLES = {"mnist 28x28": "MNIST", "fashion_mnist 28x28": "Fashion-MNIST"}
AXES = ("frechet", "precision", "recall", "density", "coverage", "kl", "sharpness")
MARKERS = "osD^vP"
IMPROVES = 0.05  # share by which a Frechet distance must fall in the last quarter of the updates to go on


def parts() -> list[DataSet]:
  """Returns the data sets that have records."""
  return [DataSet(title, PAGE) for title in TITLES if title in comparisons(PAGE)]


def cell(part: DataSet, group: Group, axis: str, view: View) -> Cell:
  """Returns a number of a method over its seeds."""
  return columns.column(part.comparison, view, axis_of(axis))[group.name]


def at_equal_operations(part: DataSet) -> View:
  """Looks at every run when it has spent the operations of the cheapest method."""
  return views.nearest_flops(views.equal_flops(part.comparison.by_default.groups))


def looks(part: DataSet) -> Iterator[tuple[Group, str, str]]:
  """Yields the methods of a data set, each with the colour of its family and a marker."""
  seen: dict[str, itertools.cycle] = {}
  for group in part.comparison.groups:
    markers = seen.setdefault(group.family.name, itertools.cycle(MARKERS))
    yield group, families.of_name(group.family.name).colour, next(markers)


def score_table(part: DataSet, view: View) -> str:
  """Returns a row of scores for each method, and one for real images."""
  rows = []
  for group in part.comparison.groups:
    found = [cell(part, group, axis, view) for axis in AXES]
    steps = {step for record in group.records.values() if isinstance(step := view(record), int)}
    numbers = [with_interval(one.estimate) if one.values else "-" for one in found]
    rows.append(
      [f"`{group.name}`", str(len(found[0].values)), "/".join(f"{x:,}" for x in sorted(steps)), *numbers]
    )
  real = [rounded(columns.real_value(part.comparison, view, axis_of(axis))) for axis in AXES]
  heads = [axis_of(axis).quantity.title for axis in AXES]
  return tables.markdown(["", "seeds", "updates", *heads], [*rows, ["real images", "", "", *real]])


def pilot_table(part: DataSet) -> str:
  """Returns the Frechet distance of each method's first run through training, and how much it fell last."""
  steps = TASK.evaluated
  rows = []
  for group in part.comparison.by_default.groups:
    if group.first.config["seed"] != 0:
      continue
    values = [cell(part, group, "frechet", views.at_step(step)).values.get(0) for step in steps]
    if None not in values:
      fall = 1 - values[-1] / values[-2]
      rows.append([f"`{group.name}`", *map(rounded, values), f"{fall:+.1%}"])
  return tables.markdown(["", *(f"{step:,}" for step in steps), "fall in the last quarter"], rows)


def strip(file: pathlib.Path, size: int) -> np.ndarray:
  """Returns the samples of a grid side by side: [size, EDGE * EDGE * (size + MARGIN)] in [0, 255]."""
  grid = np.asarray(Image.open(file).convert("L"))
  starts = [MARGIN + i * (size + MARGIN) for i in range(EDGE)]
  cells = [grid[y : y + size, x : x + size] for y in starts for x in starts]
  return np.concatenate([np.pad(one, ((0, 0), (0, MARGIN)), constant_values=255) for one in cells], 1)


def samples() -> plt.Figure:
  """Draws samples of every method's first run after all updates, and real images."""
  found = {part: {group.name: group.first for group in part.comparison.by_default.groups} for part in parts()}
  names = list(dict.fromkeys(name for groups in found.values() for name in groups))
  figure, plots = plt.subplots(
    len(names) + 1, len(found), figsize=(6.6 * len(found), 0.5 * len(names) + 0.8), squeeze=False
  )
  for column, (part, groups) in zip(plots.T, found.items(), strict=True):
    column[0].set_title(TITLES[part.data], fontsize=10)
    for plot, name in zip(column, [*names, "real images"], strict=True):
      plot.axis("off")
      record = groups.get(name) or next(iter(groups.values()))
      file = "real.webp" if name == "real images" else f"{TASK.updates}.webp"
      if record.samples and (name in groups or name == "real images") and (record.samples / file).exists():
        plot.imshow(strip(record.samples / file, 28), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
      if column is plots.T[0] or len(found) == 1:
        plot.text(-8, 14, name, ha="right", va="center", fontsize=8)
  figure.subplots_adjust(
    left=0.2 if len(found) == 1 else 0.13, right=0.995, top=0.93, bottom=0.01, wspace=0.02, hspace=0.08
  )
  return figure


def distances() -> plt.Figure:
  """Draws the Frechet distances of all methods after equal updates and after equal operations."""
  figure, plots = plt.subplots(1, len(parts()), figsize=(5.4 * len(parts()), 4.6), squeeze=False)
  for plot, part in zip(plots[0], parts(), strict=True):
    marks = list(looks(part))
    for row, (group, colour, marker) in enumerate(marks):
      for view, face, up in (
        (views.at_step(TASK.updates), colour, -0.12),
        (at_equal_operations(part), "white", 0.12),
      ):
        found = cell(part, group, "frechet", view)
        if found.values:
          about = found.estimate
          if np.isfinite(about.low):
            plot.plot([about.low, about.high], [row + up] * 2, color=colour, lw=1.4)
          plot.plot(about.value, row + up, marker, color=colour, mfc=face, ms=6)
    real = columns.real_value(part.comparison, views.at_step(TASK.updates), axis_of("frechet"))
    plot.axvline(real, color="black", lw=0.8, ls=":")
    plot.set(
      xscale="log",
      title=TITLES[part.data],
      xlabel="Frechet distance, squared",
    )
    plot.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    plot.set_yticks(range(len(marks)), [group.name for group, _, _ in marks], fontsize=8)
    plot.invert_yaxis()
    plot.grid(axis="x", alpha=0.3)
    plot.spines[["top", "right"]].set_visible(False)
  figure.tight_layout()
  return figure


def plane() -> plt.Figure:
  """Draws precision against coverage of all methods after all updates, with curves over temperatures."""
  figure, plots = plt.subplots(1, len(parts()), figsize=(5.4 * len(parts()), 4.6), squeeze=False)
  for plot, part in zip(plots[0], parts(), strict=True):
    view = views.at_step(TASK.updates)
    for group, colour, marker in looks(part):
      x, y = (cell(part, group, axis, view).estimate for axis in ("coverage", "precision"))
      plot.plot(x.value, y.value, marker, color=colour, ms=7, label=group.name)
      for ends, across in (((x.low, x.high), True), ((y.low, y.high), False)):
        if np.isfinite(ends[0]):
          plot.plot(*((ends, [y.value] * 2) if across else ([x.value] * 2, ends)), color=colour, lw=0.9)
    real = [columns.real_value(part.comparison, view, axis_of(axis)) for axis in ("coverage", "precision")]
    plot.plot(*real, "*", color="black", ms=11, label="real images")
    plot.set(xlim=(0, 1), ylim=(None, 1), title=TITLES[part.data], xlabel="coverage", ylabel="precision")
    plot.grid(alpha=0.3)
    plot.spines[["top", "right"]].set_visible(False)
    plot.legend(fontsize=7, frameon=False)
  figure.tight_layout()
  return figure


def main() -> None:
  """Draws and writes everything."""
  Parser(__doc__).parse_args()
  for draw in (samples, distances, plane):
    pictures.save(HERE / f"{draw.__name__}.webp", draw(), dpi=100)
  words = {call.__name__: call for call in (parts, score_table, pilot_table, at_equal_operations)} | {
    "runs": runs,
    "task": TASK,
    "titles": TITLES,
    "views": views,
    "improves": f"{IMPROVES:.0%}",
  }
  template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
    (HERE / "README.md.jinja").read_text()
  )
  (HERE / "README.md").write_text(template.render(words) + "\n")


if __name__ == "__main__":
  main()
