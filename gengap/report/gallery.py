"""Every picture of runs that a page shows of a data set: encoded once, for the page and for its folder."""

import pathlib
from typing import NamedTuple

from gengap.errors import one_line
from gengap.report import explorer, grids, probe_pictures, webp
from gengap.report.explorer import Plane
from gengap.report.grids import Grid
from gengap.report.groups import Comparison
from gengap.report.probe_pictures import ProbePicture
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
  explorer: list[Strip]  # of one picture each: images over a plane of latents
  without_explorer: list[str]  # why it is missing
  probes: list[tuple[str, list[Strip]]]  # question of a probe, and a picture of each method
  files: dict[str, bytes]  # path beside the page -> content


def of(comparison: Comparison) -> Gallery:
  """Returns the pictures of a data set."""
  strips, missing, files = samples(comparison.by_default)
  of_runs = [picture for strip in strips if strip.method for picture in strip.pictures]
  seeds, steps = ({getattr(picture, name) for picture in of_runs} for name in ("seed", "step"))
  planes, without_explorer = explorer.planes(comparison)
  views = [Strip(plane.method, plane.family, [over_plane(plane)]) for plane in planes]
  probes, of_probes, damaged = drawn_by_probes(comparison)
  for more in (*(plane.files for plane in planes), of_probes):
    files |= more
  return Gallery(
    strips, missing + damaged, sorted(seeds), sorted(steps), views, without_explorer, probes, files
  )


def samples(trainings: Comparison) -> tuple[list[Strip], list[str], dict[str, bytes]]:
  """Returns the grids of samples, why others are missing, and the files of the grids."""
  missing, files, strips = [], {}, []
  first = {grid.path for grid in grids.grids(trainings)}
  for some in [*grids.chosen(trainings), grids.real_grids(trainings)]:
    pictures = []
    for grid in some:
      try:
        pictures.append(picture(grid, data := grids.shrunk(grid), grid.path in first))
        files[grid.stored] = data
      except (OSError, ValueError) as error:
        missing.append(damage(grid.path, error))
    if pictures:
      if not any(one.shown for one in pictures):
        pictures[-1] = pictures[-1]._replace(shown=True)
      strips.append(Strip(some[0].method, some[0].family, pictures))
  if names := grids.methods_without(trainings):
    missing.append(f"There are no grids of samples for {joined(names)}.")
  return strips, missing, files


def drawn_by_probes(
  comparison: Comparison,
) -> tuple[list[tuple[str, list[Strip]]], dict[str, bytes], list[str]]:
  """Returns the pictures of probes by question, their files, and why others are missing."""
  probes, files, missing = [], {}, []
  for question, pictures in probe_pictures.found(comparison).items():
    row = []
    for one in pictures:
      try:
        row.append(Strip(one.method, one.family, [of_probe(one, data := one.data)]))
        files[one.stored] = data
      except (OSError, ValueError) as error:
        missing.append(damage(one.path, error))
    if row:
      probes.append((question, row))
  return probes, files, missing


def damage(path: pathlib.Path, error: Exception) -> str:
  """Returns why a picture is not on the page."""
  return f"{path} cannot be shown ({one_line(error)[:120]})."


def of_probe(found: ProbePicture, data: bytes) -> Picture:
  """Returns the picture of a probe for the page.

  Raises:
    OSError: the data are no picture.
  """
  caption = f"{found.method}: {found.probe}, step {found.step:,}, seed {found.seed}"
  alt = f"Picture of a probe of {caption}"
  return Picture(grids.uri(data, "webp"), *webp.size(data), alt, caption, found.seed, found.step)


def picture(grid: Grid, data: bytes, shown: bool) -> Picture:
  """Returns a grid for the page.

  Raises:
    OSError: the data are no picture.
  """
  alt = f"Grid of {grid.title}: {grid.caption}"
  return Picture(grids.uri(data, "webp"), *webp.size(data), alt, grid.caption, grid.seed, grid.step, shown)


def over_plane(plane: Plane) -> Picture:
  """Returns the images over a plane of latents for the page."""
  label = f", {plane.label}" if plane.label else ""
  caption = f"{plane.method}: step {plane.step:,}, seed {plane.seed}, {plane.latents} latents{label}"
  alt = f"{explorer.EDGE} by {explorer.EDGE} images over a plane of latents of {caption}"
  return Picture(
    grids.uri(plane.picture, "webp"), *webp.size(plane.picture), alt, caption, plane.seed, plane.step
  )
