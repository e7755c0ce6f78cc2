"""Figures: rows of images with a name each, and curves beneath them."""

import functools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from gengap.data.pixels import tile
from gengap.metrics.estimate import Estimate

INCH = 0.45  # of an image in a row, at least
COLOURS = matplotlib.colormaps["tab10"]
MARKERS = "os^vDP*X<>"  # with each, all colours are used again
LONGEST = 40  # characters of a name in a figure
NAMED = 300  # names that a legend can hold


def readable(name: str, longest: int = LONGEST) -> str:
  """Returns a name as a figure can show it: as plain text, visible in legends, and not too long.

  Matplotlib reads text between dollars as mathematics and leaves names that begin with "_" out of legends.
  """
  printable = "".join(c if c.isprintable() else "?" for c in name)
  short = printable if len(printable) <= longest else f"{printable[: longest - 1]}…"
  return (" " if short.startswith("_") else "") + short.replace("$", r"\$")


def distinct(names: Sequence[str], longest: int = LONGEST) -> list[str]:
  """Returns names as a figure can show them (`readable`), numbered where two would be alike, or empty."""
  short = [readable(drawable(name), longest) for name in names]
  alike = {name for name in short if short.count(name) > 1 or not name.strip()}
  return [
    f"{i}: {readable(drawable(names[i]), longest - 5)}" if s in alike else s for i, s in enumerate(short)
  ]


def drawable(name: str) -> str:
  """Returns a name with "?" for each character that the font has no glyph of."""
  return "".join(c if ord(c) in glyphs() else "?" for c in name)


@functools.cache
def glyphs() -> frozenset[int]:
  """Returns the characters of the font that figures are drawn with."""
  return frozenset(get_font(findfont(FontProperties())).get_charmap())


def colour_and_marker(number: int) -> tuple[tuple[float, ...], str]:
  """Returns how the members of a class are drawn: ten colours, then the same with another marker."""
  return COLOURS(number % 10), MARKERS[number // 10 % len(MARKERS)]


def legend_below(figure: Figure, axis: Axes, names: Sequence[str]) -> None:
  """Puts a legend of many names below all plots, and makes the figure as much higher.

  Args:
    figure: whole.
    axis: whose artists are named.
    names: as they are drawn; above NAMED of them the figure says how many there are.
  """
  width, height = figure.get_size_inches()
  if len(names) > NAMED:
    figure.text(0.5, 0.01, f"{len(names)} classes, too many for a legend", fontsize=7, ha="center")
    return
  each = 0.35 + 0.05 * max(map(len, names))  # inches, of a marker and its name
  columns = max(1, min(len(names), int((width - 0.3) / each)))
  figure.set_size_inches(width, height + 0.11 * -(-len(names) // columns) + 0.1)
  figure.legend(
    *axis.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=5, markerscale=2
  )


def sheet(rows: int, columns: int, panels: int, title: str) -> tuple[Figure, list[SubplotSpec], list[Axes]]:
  """Returns a figure with a place for rows of images each, and with panels beneath them.

  Args:
    rows: of images.
    columns: images in the longest row.
    panels: plots beside each other, below the images.
    title: of all.
  """
  names, panel = 1.2, 2.4  # inches
  width = max(names + INCH * columns, panel * panels)
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
  """Returns a figure of plots beside each other."""
  figure = Figure(figsize=(3.6 * number, 3.8), layout="constrained", dpi=150)
  figure.suptitle(title, fontsize=10)
  axes = list(figure.subplots(1, number, squeeze=False)[0])
  for axis in axes:
    axis.tick_params(labelsize=7)
  return figure, axes


def show(axis: Axes, picture: np.ndarray) -> None:
  """Draws a picture [h, w, 3] uint8 without axes."""
  axis.imshow(picture, interpolation="nearest", aspect="equal")
  axis.set_xticks([])
  axis.set_yticks([])
  for side in axis.spines.values():
    side.set_visible(False)


def strip(figure: Figure, place: SubplotSpec, images: np.ndarray, name: str) -> None:
  """Draws a row of images [N, H, W, C] with its name at the left."""
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
  """Draws named lines of values [N], or of estimates with a band of their intervals."""
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
