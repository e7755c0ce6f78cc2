"""Names, colours and legends that a figure can show for any names of classes."""

import functools
import textwrap
from collections.abc import Iterable, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from gengap.evaluation.quantities import Quantity, find

COLOURS = matplotlib.colormaps["tab10"]
MARKERS = "os^vDP*X<>"  # each is combined with all colours
LONGEST = 40  # characters of a name in a figure
MOST = 300  # names in a legend
WORDS = {  # in the names of rows -> what readers see
  "random": "random latents",
  "within": "within a class",
  "across": "between classes",
  "linear": "straight path",
  "spherical": "spherical path",
  "normal": "N(0, I), as trained",
  "student_t": "Student's t",
  "laplace": "Laplace",
  "normal_0.5": "N(0, I), times 0.5",
  "normal_1.5": "N(0, I), times 1.5",
  "normal_2": "N(0, I), times 2",
  "real": "real images",
  "inside": "test images",
  "outside": "other data",
  "guessed": "image of the\nencoder's latent",
  "drawn": "nearest image\nof random latents",
  "reached": "found by search",
  "image": "image",
  "changed": "class",
}


def in_words(name: str, between: str = "\n") -> str:
  """Returns what readers see for the name of a row, such as "random linear"; other words stay.

  Args:
    name: of the row.
    between: what stands between its words.
  """
  return between.join(WORDS.get(word, word) for word in name.split())


def axis_of(declared: Iterable[Quantity], name: str) -> str:
  """Returns the label of an axis for a declared number: its title and unit, and its name if it has none."""
  quantity = find(declared, name)
  if not quantity:
    return name
  return textwrap.fill(f"{quantity.title} ({quantity.unit})" if quantity.unit else quantity.title, 32)


def readable(name: str, longest: int = LONGEST) -> str:
  """Returns a name as plain text that a figure can show, visible in legends and of limited length.

  Matplotlib reads text between dollars as mathematics and leaves names that begin with "_" out of legends.
  """
  printable = "".join(c if c.isprintable() else "?" for c in name)
  short = printable if len(printable) <= longest else f"{printable[: longest - 1]}…"
  return (" " if short.startswith("_") else "") + short.replace("$", r"\$")


def distinct(names: Sequence[str], longest: int = LONGEST) -> list[str]:
  """Returns `readable` names; those that are empty, or that would look the same, are numbered."""
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
  """Returns the colour and marker of a class: ten colours with the first marker, then with the second, ..."""
  return COLOURS(number % 10), MARKERS[number // 10 % len(MARKERS)]


def legend_below(figure: Figure, axis: Axes, names: Sequence[str]) -> None:
  """Puts a legend of many names below all plots, and makes the figure higher by the height of the legend.

  Args:
    figure: the whole.
    axis: whose artists the legend names.
    names: as they are drawn; above MOST of them the figure only gives their number.
  """
  width, height = figure.get_size_inches()
  if len(names) > MOST:
    figure.text(0.5, 0.01, f"{len(names)} classes, too many for a legend", fontsize=7, ha="center")
    return
  each = 0.35 + 0.05 * max(map(len, names))  # inches, of a marker and its name
  columns = max(1, min(len(names), int((width - 0.3) / each)))
  figure.set_size_inches(width, height + 0.11 * -(-len(names) // columns) + 0.1)
  figure.legend(
    *axis.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=5, markerscale=2
  )
