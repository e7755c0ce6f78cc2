"""Grids of samples: chosen for the page, cut small, stored losslessly beside it, and read from there."""

import base64
import contextlib
import io
import pathlib
import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from gengap.data.pixels import LARGEST_SCALE
from gengap.report import webp
from gengap.report.groups import Comparison, Group
from gengap.report.record import ONLY_STEP, Record
from gengap.report.views import equal_updates

EDGE = 4  # samples in a row and in a column, at most
MARGIN = 2  # pixels between samples: see `gengap.data.pixels.tile`
MOST_BYTES = 200_000  # of the grids of a data set
CHOICES = ((6, 3), (5, 3), (4, 3), (3, 3), (2, 2), (1, 1))  # steps of a method's first run, and runs


class Grid(NamedTuple):
  """A grid of samples, or of real images."""

  title: str
  path: pathlib.Path
  size: int  # pixels of a side of a sample
  caption: str
  stored: str  # path beside a page
  method: str = ""  # "" for real images
  family: str = ""
  seed: int = 0
  step: int = ONLY_STEP


def grids(comparison: Comparison) -> Iterator[Grid]:
  """Yields a grid of every method's first run, at equal updates if there is one, then one of real images."""
  for found in grids_of_methods(comparison, 1, 1):
    yield from found
  yield from real_grids(comparison)


def chosen(comparison: Comparison) -> list[list[Grid]]:
  """Returns the grids among which a reader of the page chooses: as many as take about MOST_BYTES.

  Returns:
    For each method that has grids, those of several steps of its first run and of one step of other runs.
  """
  sizes = [0 if not grid.method else bytes_of(grid) for grid in grids(comparison)]
  found = []
  for steps, runs in CHOICES:
    found = grids_of_methods(comparison, steps, runs)
    if sum(n * len(of_one) for n, of_one in zip(sizes, found, strict=False)) <= MOST_BYTES:
      break
  return found


def grids_of_methods(comparison: Comparison, steps: int, runs: int) -> list[list[Grid]]:
  """Returns grids of each method that has some: of steps of its first run, and of one step of other runs."""
  step, found = equal_updates(comparison.groups), []
  for group in comparison.groups:
    records = with_grids(group)[:runs]
    for record in records[:1]:
      at_steps = {shown_step(record, step), *evenly(sorted(by_step(record)), steps - 1)}
      found.append([grid_of(comparison, group, record, at) for at in sorted(at_steps)])
    for record in records[1:]:
      found[-1].append(grid_of(comparison, group, record, shown_step(record, step)))
  return found


def with_grids(group: Group) -> list[Record]:
  """Returns the runs of a method that have grids, in the order of seeds."""
  return [record for _, record in sorted(group.records.items()) if by_step(record)]


def by_step(record: Record) -> dict[int, pathlib.Path]:
  """Returns the grids of a run: step -> file."""
  files = record.samples.glob("*") if record.samples else []
  return {int(path.stem): path for path in sorted(files) if path.stem.isdecimal() and path.is_file()}


def shown_step(record: Record, step: int) -> int:
  """Returns the last step up to `step` that a run has a grid of; its last one, if there is none."""
  return last_up_to(by_step(record), step)


def last_up_to(steps: Collection[int], step: int) -> int:
  """Returns the largest of some steps that is at most `step`; the largest of all, if there is none."""
  return max((at for at in steps if at <= step), default=max(steps))


def evenly(steps: Sequence[int], number: int) -> list[int]:
  """Returns `number` of some steps, evenly spaced, with the last; all, if there is at most one more."""
  if len(steps) <= number + 1:
    return list(steps)
  return [steps[i] for i in np.linspace(len(steps) - 1, 0, number).round().astype(int)]


def grid_of(comparison: Comparison, group: Group, record: Record, step: int) -> Grid:
  """Returns the grid of a step of a run."""
  seed, latents = record.config["seed"], record.config["method_args"].get("latent_dim")
  detail = f"step {step:,}, seed {seed}" if record.trained else "given images"
  return Grid(
    f"samples of {group.name}",
    by_step(record)[step],
    record.config["image_size"],
    f"{group.name}: {detail}" + (f", {latents} latents" if latents else ""),
    f"{folder(comparison.title, group.name, seed)}/{step}.webp",
    group.name,
    group.family.name,
    seed,
    step,
  )


def real_grids(comparison: Comparison) -> list[Grid]:
  """Returns the grid of real images of the first run that has one; [] if there is none."""
  for group in comparison.groups:
    for seed, record in sorted(group.records.items()):
      for path in sorted(record.samples.glob("real.*")) if record.samples else []:
        stored = f"{folder(comparison.title, group.name, seed)}/real.webp"
        return [Grid("real images", path, record.config["image_size"], "real images", stored)]
  return []


def methods_without(comparison: Comparison) -> list[str]:
  """Returns the names of the methods that have no grid."""
  return [group.name for group in comparison.groups if not with_grids(group)]


def shrunk(grid: Grid) -> bytes:
  """Returns the first samples of a grid as a lossless WebP file. A file that is WebP is returned as it is.

  Raises:
    OSError: the file is no picture.
  """
  if grid.path.suffix == ".webp":
    return grid.path.read_bytes()
  with Image.open(io.BytesIO(grid.path.read_bytes())) as opened:
    image = opened.convert("RGB")
  cell = grid.size + MARGIN
  for scale in range(LARGEST_SCALE, 0, -1):
    whole = all(x % scale == 0 and (x // scale - MARGIN) % cell == 0 for x in image.size)
    if whole and is_enlarged(image, scale):
      edge = [min(x // scale, EDGE * cell + MARGIN) for x in image.size]
      image = image.crop((0, 0, edge[0] * scale, edge[1] * scale)).resize(edge, Image.Resampling.NEAREST)
      break
  return webp.lossless(image)


def is_enlarged(image: Image.Image, scale: int) -> bool:
  """Returns whether an image, whose sides are multiples of `scale`, is made of squares of `scale` pixels."""
  pixels = np.asarray(image)
  return np.array_equal(pixels, pixels[::scale, ::scale].repeat(scale, 0).repeat(scale, 1))


def bytes_of(grid: Grid) -> int:
  """Returns the bytes of a grid on the page; 0 if the file is no picture."""
  with contextlib.suppress(OSError, ValueError):
    return len(shrunk(grid))
  return 0


def uri(data: bytes, kind: str) -> str:
  """Returns a picture as a data URI."""
  return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def folder(title: str, method: str, seed: int) -> str:
  """Returns the folder of a run's pictures beside a page.

  Args:
    title: of the data set.
    method: its name on the page.
    seed: of the run.
  """
  return "/".join(["samples", *(re.sub(r"[^\w.-]+", "_", name) for name in (title, method)), str(seed)])
