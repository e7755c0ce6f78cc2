"""Every picture of runs that a page shows of a data set: encoded once, for the page and for its folder."""

import io
from typing import NamedTuple

from PIL import Image

from gengap.arguments import one_line
from gengap.report import grids
from gengap.report.grids import Grid
from gengap.report.groups import Comparison
from gengap.report.wording import joined


class Picture(NamedTuple):
  """A picture of a run, or of real images."""

  source: str  # data URI
  width: int  # pixels
  height: int
  alt: str
  caption: str
  seed: int = 0
  step: int = 0
  shown: bool = True  # until a reader chooses another one


class Strip(NamedTuple):
  """The pictures of one method, of which one at a time is shown."""

  method: str  # "" for real images
  family: str
  pictures: list[Picture]


class Gallery(NamedTuple):
  """The pictures of a data set."""

  samples: list[Strip]
  missing: list[str]  # why samples are missing
  seeds: list[int]  # among which a reader chooses
  steps: list[int]
  files: dict[str, bytes]  # path beside the page -> content


def of(comparison: Comparison) -> Gallery:
  """Returns the pictures of a data set."""
  trainings = comparison.by_default
  missing, files, strips = [], {}, []
  first = {grid.path for grid in grids.grids(trainings)}
  for some in [*grids.chosen(trainings), grids.real_grids(trainings)]:
    pictures = []
    for grid in some:
      try:
        pictures.append(picture(grid, data := grids.shrunk(grid), grid.path in first))
        files[grid.stored] = data
      except (OSError, ValueError) as error:
        missing.append(f"{grid.path} cannot be shown ({one_line(error)[:120]}).")
    if pictures:
      if not any(one.shown for one in pictures):
        pictures[-1] = pictures[-1]._replace(shown=True)
      strips.append(Strip(some[0].method, some[0].family, pictures))
  if names := grids.methods_without(trainings):
    missing.append(f"There are no grids of samples for {joined(names)}.")
  of_runs = [picture for strip in strips if strip.method for picture in strip.pictures]
  seeds, steps = ({getattr(picture, name) for picture in of_runs} for name in ("seed", "step"))
  return Gallery(strips, missing, sorted(seeds), sorted(steps), files)


def picture(grid: Grid, data: bytes, shown: bool) -> Picture:
  """Returns a grid for the page.

  Raises:
    OSError: the data are no picture.
  """
  with Image.open(io.BytesIO(data)) as opened:
    width, height = opened.size
  alt = f"Grid of {grid.title}: {grid.caption}"
  source = grids.uri(data, "webp")
  return Picture(source, width, height, alt, grid.caption, grid.seed, grid.step, shown)
