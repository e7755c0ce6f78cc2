"""The figures of this folder's README, and that of the root README."""

import pathlib
from collections.abc import Iterator

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
from results.claims.gap import DataSet, comparisons
from results.gap import plan

TASK = plan.TASKS["mnist"]
TITLES = {"mnist 28x28": "MNIST", "fashion_mnist 28x28": "Fashion-MNIST"}
MARKERS = "osD^vPX<>ph"
FRONT = {
  "VAE": "vae",
  "VAE, fitted prior": plan.MIXED_VAE,
  "GAN": "gan",
  "VAE-GAN, fitted prior": plan.mixed("vae_gan"),
}  # title in the root README -> method


def parts() -> list[DataSet]:
  """Returns the data sets that have records."""
  return [DataSet(title) for title in TITLES if title in comparisons()]


def cell(part: DataSet, group: Group, axis: str, view: View) -> Cell:
  """Returns a number of a method over its seeds."""
  return columns.column(part.comparison, view, axis_of(axis))[group.name]


def at_equal_operations(part: DataSet) -> View:
  """Looks at every run when it has spent the operations of the cheapest method."""
  return views.nearest_flops(views.equal_flops(part.comparison.by_default.groups))


def looks(part: DataSet) -> Iterator[tuple[Group, str, str]]:
  """Yields the methods of a data set, each with the colour of its family and a marker of its own."""
  named: dict[str, list[str]] = {}
  for group in sorted((x for one in parts() for x in one.comparison.groups), key=lambda x: x.name):
    if group.name not in (names := named.setdefault(group.family.name, [])):
      names.append(group.name)
  for group in part.comparison.groups:
    family = group.family.name
    yield group, families.of_name(family).colour, MARKERS[named[family].index(group.name)]


def strip(file: pathlib.Path, size: int) -> np.ndarray:
  """Returns the samples of a grid side by side: [size, EDGE * EDGE * (size + MARGIN)] in [0, 255]."""
  grid = np.asarray(Image.open(file).convert("L"))
  starts = [MARGIN + i * (size + MARGIN) for i in range(EDGE)]
  cells = [grid[y : y + size, x : x + size] for y in starts for x in starts]
  return np.concatenate([np.pad(one, ((0, 0), (0, MARGIN)), constant_values=255) for one in cells], 1)


def grid(part: DataSet, group: Group) -> pathlib.Path | None:
  """Returns the file of samples of a method's first run after all updates, drawn as the method says."""
  if group.sampling.default:
    return group.first.samples and group.first.samples / f"{TASK.updates}.webp"
  return part.files(group, plan.MIXED)[0]


def real_images(part: DataSet) -> pathlib.Path:
  """Returns the file of real images of a data set, which one of its records has."""
  drawn = (group.first.samples for group in part.comparison.groups)
  return next(folder / "real.webp" for folder in drawn if folder and (folder / "real.webp").exists())


def samples() -> plt.Figure:
  """Draws samples of every method's first run after all updates, and real images."""
  found = [{group.name: grid(part, group) for group in part.comparison.groups} for part in parts()]
  for part, files in zip(parts(), found, strict=True):
    files |= {"real images": real_images(part)}
  names = [*dict.fromkeys(name for files in found for name in files if name != "real images"), "real images"]
  size = (6.6 * len(found) + 1.6, 0.42 * len(names) + 0.3)
  figure, plots = plt.subplots(len(names), len(found), figsize=size, squeeze=False)
  for i, (part, files) in enumerate(zip(parts(), found, strict=True)):
    plots[0, i].set_title(TITLES[part.data], fontsize=10)
    for plot, name in zip(plots[:, i], names, strict=True):
      plot.axis("off")
      if (file := files.get(name)) and file.exists():
        plot.imshow(strip(file, TASK.size), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
      if not i:
        plot.text(-8, TASK.size / 2, name, ha="right", va="center", fontsize=9)
  figure.subplots_adjust(
    left=0.14, right=0.998, top=1 - 0.25 / size[1], bottom=0.005, wspace=0.01, hspace=0.06
  )
  return figure


def front() -> plt.Figure:
  """Draws samples of Fashion-MNIST of the methods of the root README, beside real images."""
  part = DataSet("fashion_mnist 28x28")
  grids = {title: grid(part, part.group(name)) for title, name in FRONT.items()}
  grids["real images"] = real_images(part)
  figure, axes = plt.subplots(1, len(grids), figsize=(2.4 * len(grids), 2.7))
  for axis, (title, path) in zip(axes, grids.items(), strict=True):
    assert path
    axis.imshow(Image.open(path), interpolation="nearest")
    axis.set_title(title)
    axis.axis("off")
  figure.tight_layout()
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
  """Draws precision against coverage of all methods after all updates."""
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
