"""A picture that shows a few images of every class of a data set, with the names of the classes."""

import pathlib
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gengap.data import cache, pixels
from gengap.data.raw import Raw, Split
from gengap.data.splits import SPLITS

CELL, GAP, FONT = 64, 4, 13  # pixels: an image, between images, the height of letters
SHOWN = {1: 50, 4: 30, 20: 10, 100: 5, 300: 3}  # most classes -> images of each
FEWEST, MOST_CLASSES = 2, 1000
A_ROW = 10  # images of a class side by side, at most
WIDTH = 2000  # pixels of the sheet, at most
INK, PAPER = "black", "white"


class Grid(NamedTuple):
  """Where the classes are on the sheet; all numbers but `columns` are pixels or images of one class."""

  each: int  # images
  width: int
  height: int
  columns: int  # of classes side by side


def draw(name: str, data: Raw) -> Image.Image:
  """Draws a few images of every class, evenly spaced in their order; of the training split, if there is one.

  Images become square as in training. Small ones are enlarged by a whole number.
  """
  split = next(name for name in (*SPLITS, *data.splits) if name in data.splits)
  label, shown = np.array(data.splits[split].label), data.classes[:MOST_CLASSES]
  grid = _grid(len(shown))
  font = ImageFont.truetype(pathlib.Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", FONT)
  top = 2 * GAP + 2 * FONT
  rows = -(-len(shown) // grid.columns)
  sheet = Image.new("RGB", (grid.columns * grid.width + GAP, top + rows * grid.height), PAPER)
  pen = ImageDraw.Draw(sheet)
  of = f"{len(shown)} of " * (len(shown) < len(data.classes))
  title = f"{name}, {split} split: {len(label):,} images, {of}{len(data.classes)} classes"
  pen.text((GAP, GAP), _cut(title, font, sheet.width - 2 * GAP), INK, font)
  for i, named in enumerate(shown):
    left, above = i % grid.columns * grid.width + GAP, top + i // grid.columns * grid.height
    own = np.flatnonzero(label == i)
    text = f"{i}  {named}  ({len(own):,})" if named != str(i) else f"{i}  ({len(own):,})"
    pen.text((left, above), _cut(text, font, grid.width - 2 * GAP), INK, font)
    chosen = own[np.unique(np.linspace(0, len(own) - 1, grid.each).astype(int))] if len(own) else own
    for j, index in enumerate(chosen.tolist()):
      y, x = divmod(j, A_ROW)
      at = left + x * (CELL + GAP), above + FONT + 2 * GAP + y * (CELL + GAP)
      sheet.paste(_cell(data.splits[split], index), at)
  return sheet


def write(name: str, data: Raw, folder: pathlib.Path) -> pathlib.Path:
  """Writes the sheet as contact_sheet.png to a folder, or to the cache if the folder cannot be written.

  Returns:
    Its path.
  """
  content = pixels.png(draw(name, data))
  path = folder / "contact_sheet.png"
  try:
    path.write_bytes(content)
  except OSError:
    path = cache.root() / "contact_sheets" / f"{name.replace('/', '.')}.png"
    cache.keep(path, lambda file: file.write(content))
  return path


def _grid(classes: int) -> Grid:
  """Returns the arrangement of a number of classes: about as wide as high, and at most WIDTH pixels wide."""
  each = next((each for most, each in SHOWN.items() if classes <= most), FEWEST)
  across, down = min(each, A_ROW), -(-each // A_ROW)
  width = max(across * (CELL + GAP), 2 * CELL) + 2 * GAP
  height = down * (CELL + GAP) + FONT + 4 * GAP
  columns = round((classes * height / width) ** 0.5)
  return Grid(each, width, height, max(1, min(columns, WIDTH // width, classes)))


def _cell(split: Split, index: int) -> Image.Image:
  """Returns an image of CELL pixels a side, or of the largest multiple of its own side that fits."""
  image = pixels.decode(split.encoded(index)).image
  side = min(image.size)
  square = Image.fromarray(pixels.fit(image, min(side, CELL), 3))
  return square.resize([CELL // square.width * square.width] * 2, Image.Resampling.NEAREST)


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
  """Returns the text, cut so that it is at most so many pixels wide."""
  if font.getlength(text) <= width:
    return text
  while text and font.getlength(f"{text}…") > width:
    text = text[:-1]
  return f"{text}…"
