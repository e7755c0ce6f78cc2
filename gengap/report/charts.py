"""Charts as inline SVG that needs no script: scales, axes, marks with values, intervals, lines, legends.

Every function returns markup. Coordinates are units of the chart's view box, about a pixel each; y points
down. Colours are custom properties of templates/charts.css: `data-family` and `data-shade` choose them. Marks
have their method, family and seed as data attributes, on themselves or on the group around them, and their
value as text in `data-value`, which templates/charts.js shows.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from gengap.report.scales import Scale

WIDTH = 360  # of a chart: a phone shows it in its full width with text as large as it is
CHARACTER = 6.0  # width of a character of the charts' font, rounded up
ROW = 16  # height of a row of text
DASH = "\N{EN DASH}"
MARKERS = {  # relative paths about a point
  "circle": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  "square": "m-3.5-3.5h7v7h-7z",
  "diamond": "m0-5l4.5 5l-4.5 5l-4.5-5z",
  "up": "m0-4.5l4.5 8h-9z",
  "down": "m0 4.5l4.5-8h-9z",
  "plus": "m-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
  "cross": "m0-2.1l2.5-2.5 2.1 2.1-2.5 2.5 2.5 2.5-2.1 2.1-2.5-2.5-2.5 2.5-2.1-2.1 2.5-2.5-2.5-2.5 2.1-2.1z",
  "left": "m-4.5 0l8-4.5v9z",
  "star": "m0-6.5l1.6 4.3 4.6.2-3.6 2.9 1.2 4.4-3.8-2.5-3.8 2.5 1.2-4.4-3.6-2.9 4.6-.2z",
}
SERIES = 6  # colours of things that are no methods
SHAPES = tuple(MARKERS)[:-1]  # the star is that of real images


class Chart(NamedTuple):
  """A chart and its text alternative."""

  svg: str
  alt: str


class Style(NamedTuple):
  """How marks look, and the method that they are of."""

  method: str = ""
  family: str = ""  # name of the method's family, which has the colour
  shade: int = 0  # of the colour: 0 to 3
  marker: str = "circle"
  series: int = 0  # number of a colour instead, 1 to SERIES, of several things of one method


def number(x: float) -> str:
  """Returns a coordinate as short text."""
  return f"{round(x, 1) + 0.0:g}"  # without "-0"


def element(name: str, *content: str, **attributes: object) -> str:
  """Returns an element of SVG.

  Args:
    name: of the element.
    *content: markup.
    **attributes: `data_x` stands for `data-x`, `class_` for `class`; None: left out; floats are coordinates.
  """
  told = ""
  for key, value in attributes.items():
    if value is not None:
      text = number(value) if isinstance(value, float) else escape(str(value))
      told += f' {key.strip("_").replace("_", "-")}="{text}"'
  inside = "".join(content)
  return f"<{name}{told}>{inside}</{name}>" if inside else f"<{name}{told}/>"


def text(x: float, y: float, words: str, anchor: str = "", css: str = "") -> str:
  """Returns a line of text; `anchor` is "", "middle" or "end"."""
  at = {"x": float(x) or None, "y": float(y), "text_anchor": anchor or None, "class_": css or None}
  return element("text", escape(words, quote=False), **at)


def missing(x: float, y: float, reason: str) -> str:
  """Returns the dash of a missing value, which says why it is missing; see `of_method`."""
  return element("text", DASH, x=float(x), y=float(y), data_value=reason)


def straight(x0: float, y0: float, x1: float, y1: float) -> str:
  """Returns the path of a straight line."""
  end = f"L{number(x1)} {number(y1)}" if x0 != x1 else f"V{number(y1)}"
  end = f"H{number(x1)}" if y0 == y1 else end
  return f"M{number(x0)} {number(y0)}{end}"


def segment(x0: float, y0: float, x1: float, y1: float, css: str = "", value: str | None = None) -> str:
  """Returns a straight line, such as the interval of a mean; see `of_method`."""
  return element("path", d=straight(x0, y0, x1, y1), class_=css or None, data_value=value)


def shape(x: float, y: float, marker: str) -> str:
  """Returns the path of a marker at a point."""
  return f"M{number(x)} {number(y)}{MARKERS[marker]}"


def of_method(style: Style, *content: str, seed: int | None = None, part: str | None = None) -> str:
  """Returns a group of marks of one method, or of one of its runs or parts, in its colour."""
  return element("g", *content, **told(style), data_seed=seed, data_part=part)


def told(style: Style) -> dict[str, object]:
  """Returns a style as attributes."""
  found = {name: value or None for name, value in style._asdict().items() if name != "marker"}
  return {f"data_{name}": value for name, value in found.items()}


def of_real(*content: str) -> str:
  """Returns a group of marks of real images, which no filter hides."""
  return element("g", *content, class_="real", data_name="real images")


def run_mark(x: float, y: float, value: str, seed: int | None = None) -> str:
  """Returns the small mark of one run; see `of_method`."""
  return element(
    "path",
    d=f"M{number(x)} {number(y)}h0",
    class_="run" if seed is None else None,
    data_seed=seed,
    data_value=value,
  )


def mark(x: float, y: float, value: str, marker: str, runs: int | None = None, css: str = "") -> str:
  """Returns a large mark, such as that of a mean of some runs; see `of_method`."""
  return element("path", d=shape(x, y, marker), class_=css or None, data_value=value, data_runs=runs)


def line(
  points: Iterable[tuple[float, float]], css: str = "", seed: int | None = None, runs: int | None = None
) -> str:
  """Returns a line through points, of one run or of the mean of some; its values are those of the scales."""
  joined = " ".join(f"{number(x)},{y:.2f}" for x, y in points)
  return element("polyline", points=joined, class_=css or None, data_seed=seed, data_runs=runs)


def x_axis(scale: Scale, top: float, bottom: float, label: str = "", most: int = 5) -> str:
  """Returns an axis below a plot: the lines of a grid, ticks as numbers, and a label."""
  ticks = [(scale.at(tick), words) for tick, words in scale.labelled(most)]
  grid = element("path", d="".join(straight(at, top, at, bottom) for at, _ in ticks), class_="grid")
  words = [text(at, bottom + 14, words) for at, words in ticks]
  words += [text((scale.start + scale.end) / 2, bottom + 30, label)] if label else []
  return grid + element("g", *words, text_anchor="middle")


def y_axis(scale: Scale, left: float, right: float, label: str = "", most: int = 5) -> str:
  """Returns an axis left of a plot: the lines of a grid, ticks as numbers, and a label above them."""
  ticks = [(scale.at(tick), words) for tick, words in scale.labelled(most)]
  grid = element("path", d="".join(straight(left, at, right, at) for at, _ in ticks), class_="grid")
  words = [text(left - 5, at + 4, words) for at, words in ticks]
  above = text(0, min(scale.start, scale.end) - 9, label) if label else ""
  return grid + element("g", *words, text_anchor="end") + above


def margin(words: Iterable[str]) -> float:
  """Returns the width that labels left of a plot need."""
  return 10 + CHARACTER * max((len(word) for word in words), default=0)


def legend(
  styles: Sequence[Style], names: Sequence[str], top: float, real: bool = False
) -> tuple[str, float]:
  """Returns a legend in columns and its lower end.

  Args:
    styles: of the methods.
    names: their names, as they are shown.
    top: upper end.
    real: whether real images have a mark, too.
  """
  longest = max(map(len, [*names, "real images" * real]), default=0)
  columns = max(1, min(3, int(WIDTH / (24 + CHARACTER * longest))))
  parts = []
  for i, (style, name) in enumerate(zip(styles, names, strict=True)):
    x, y = WIDTH / columns * (i % columns) + 6, top + ROW * (i // columns) + 8
    mean = element("path", d=shape(x, y, style.marker), class_="mean")
    parts.append(of_method(style, mean, text(x + 10, y + 4, name)))
  count = len(styles)
  if real:
    x, y = WIDTH / columns * (count % columns) + 6, top + ROW * (count // columns) + 8
    parts.append(
      element("g", element("path", d=shape(x, y, "star")), text(x + 10, y + 4, "real images"), class_="real")
    )
    count += 1
  return "".join(parts), top + ROW * -(-count // columns)


def chart(
  height: float,
  title: str,
  *content: str,
  width: float = WIDTH,
  x: Scale | None = None,
  y: Scale | None = None,
  unit: str | None = None,
  style: Style | None = None,
) -> Chart:
  """Returns a chart.

  Args:
    height: in units of the view box.
    title: text alternative.
    *content: markup.
    width: in units of the view box.
    x: scale of the points of lines; None: there are no lines, or their marks have values.
    y: the same.
    unit: of the values on x.
    style: of the method that the whole chart is of; None: of several.
  """
  svg = element(
    "svg",
    element("title", escape(title, quote=False)),
    *content,
    class_="plot",
    role="img",
    viewBox=f"0 0 {number(width)} {math.ceil(height)}",
    data_x=x and x.told,
    data_y=y and y.told,
    data_unit=unit,
    **(told(style._replace(shade=0)) if style else {}),
  )
  return Chart(svg, title)
