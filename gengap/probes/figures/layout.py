"""The layout of figures: rows of images with their names, and plots below or beside each other."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from gengap.data.pixels import tile
from gengap.metrics.estimate import Estimate

INCH = 0.45  # least width of an image in a row
LEAST = 4.2  # inches, of a figure
BANDS = "Bands: 95 % intervals"


def sheet(rows: int, columns: int, panels: int, title: str) -> tuple[Figure, list[SubplotSpec], list[Axes]]:
  """Returns a figure with rows of images, the places of these rows, and the panels below them.

  Args:
    rows: of images.
    columns: images in the longest row.
    panels: plots beside each other, below the images.
    title: of the figure.
  """
  names, panel = 1.2, 2.4  # inches
  width = max(names + INCH * columns, panel * panels, LEAST)
  height = (width - names) / columns * rows + 0.3
  tight = ConstrainedLayoutEngine(h_pad=0.02, hspace=0.01)
  figure = Figure(figsize=(width, height + 2.9), layout=tight, dpi=150)
  figure.suptitle(title, fontsize=10)
  grid = figure.add_gridspec(2, 1, height_ratios=[height, 2.7])
  strips = grid[0].subgridspec(rows, 1, hspace=0.01)
  axes = list(grid[1].subgridspec(1, panels).subplots(squeeze=False)[0])
  for axis in axes:
    axis.tick_params(labelsize=7)
  return figure, [strips[i, 0] for i in range(rows)], axes


def plots(number: int, title: str) -> tuple[Figure, list[Axes]]:
  """Returns a figure with plots beside each other, and these plots."""
  figure = Figure(figsize=(3.6 * number, 3.8), layout="constrained", dpi=150)
  figure.suptitle(title, fontsize=10)
  axes = list(figure.subplots(1, number, squeeze=False)[0])
  for axis in axes:
    axis.tick_params(labelsize=7)
  return figure, axes


def caption(figure: Figure, text: str) -> None:
  """Puts a text below all plots, in lines of about equal length that fit the figure."""
  most = int(figure.get_size_inches()[0] * 18)  # characters of a mean width, in this size
  lines = -(-len(text) // most)
  wrapped = textwrap.wrap(text, min(most, len(text) // lines + 8))
  figure.supxlabel("\n".join(wrapped), fontsize=6.5, color="dimgrey")


def show(axis: Axes, picture: np.ndarray) -> None:
  """Draws a picture [h, w, 3] uint8 without axes."""
  axis.imshow(picture, interpolation="nearest", aspect="equal")
  axis.set_xticks([])
  axis.set_yticks([])
  for side in axis.spines.values():
    side.set_visible(False)


def strip(figure: Figure, place: SubplotSpec, images: np.ndarray, name: str) -> None:
  """Draws a row of images [N, H, W, C] with its name to the left."""
  axis = figure.add_subplot(place)
  show(axis, tile(images, margin=1, columns=len(images)))
  axis.set_anchor("W")
  axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7)


def curves(
  axis: Axes,
  x: Sequence[float] | np.ndarray,
  lines: Mapping[str, np.ndarray | Sequence[Estimate]],
  xlabel: str,
  ylabel: str,
) -> None:
  """Draws named lines of values [N], or of estimates with their intervals as bands."""
  for name, y in lines.items():
    value, *interval = np.array(y).T.reshape(-1, len(x))
    (line,) = axis.plot(x, value, marker=".", markersize=3, linewidth=1, label=name)
    if interval:
      axis.fill_between(x, interval[0], interval[1], color=line.get_color(), alpha=0.2, linewidth=0)
  if np.issubdtype(np.asarray(x).dtype, np.integer):
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
  axis.set_xlabel(xlabel, fontsize=8)
  axis.set_ylabel(ylabel, fontsize=8)
  if len(lines) > 1:
    axis.legend(fontsize=6)
