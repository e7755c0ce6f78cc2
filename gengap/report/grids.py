"""Grids of samples: cut small for the page, stored losslessly beside it, and read from there again."""

import base64
import contextlib
import io
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from gengap.report.groups import Comparison, Group
from gengap.report.record import Record

EDGE = 4  # samples in a row and in a column, at most
MARGIN = 2  # pixels between samples: see `gengap.data.pixels.tile`
LARGEST = 16  # enlargement of samples in a grid, at most


class Grid(NamedTuple):
  """A grid of samples, or of real images."""

  title: str
  path: pathlib.Path
  size: int  # pixels of a side of a sample
  caption: str


def grids(comparison: Comparison) -> Iterator[Grid]:
  """Yields the last grid of every method's first run, then one of real images."""
  for group in comparison.groups:
    record = group.first
    if last := newest(record):
      seed, latent = record.config["seed"], record.config["method_args"].get("latent_dim")
      detail = f"step {int(last.stem):,}, seed {seed}" if record.trained else "given images"
      detail += f", {latent} latents" if latent else ""
      yield Grid(f"samples of {group.name}", last, record.config["image_size"], f"{group.name}: {detail}")
  for record in (group.first for group in comparison.groups):
    for path in sorted(record.samples.glob("real.*")) if record.samples else []:
      yield Grid("real images", path, record.config["image_size"], "real images")
      return


def newest(record: Record) -> pathlib.Path | None:
  """Returns the grid of a run's last step; None: there is no grid."""
  found = {int(p.stem): p for p in (record.samples.glob("*") if record.samples else []) if p.stem.isdecimal()}
  return found[max(found)] if found else None


def methods_without(comparison: Comparison) -> list[str]:
  """Returns the names of the methods that have no grid."""
  return [group.name for group in comparison.groups if not newest(group.first)]


def shrunk(grid: Grid) -> bytes:
  """Returns the first samples of a grid as a lossless WebP file. A file that is WebP is returned as it is.

  Raises:
    OSError: the file is no picture.
  """
  if grid.path.suffix == ".webp":
    return grid.path.read_bytes()
  with Image.open(grid.path) as opened:
    image = opened.convert("RGB")
  cell = grid.size + MARGIN
  scales = (s for s in range(1, LARGEST) if all((x / s - MARGIN) % cell == 0 for x in image.size))
  if scale := next(scales, 0):
    edge = [min(x // scale, EDGE * cell + MARGIN) for x in image.size]
    image = image.crop((0, 0, edge[0] * scale, edge[1] * scale)).resize(edge, Image.Resampling.NEAREST)
  image.save(file := io.BytesIO(), "WEBP", lossless=True, quality=100, method=6)
  return file.getvalue()


def uri(data: bytes, kind: str) -> str:
  """Returns a picture as a data URI."""
  return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def folder(comparison: Comparison, group: Group) -> str:
  """Returns the folder of a method's grids beside a page."""
  return "/".join(["samples", *(re.sub(r"[^\w.-]+", "_", name) for name in (comparison.title, group.name))])


def stored(comparisons: list[Comparison]) -> Iterator[tuple[str, bytes]]:
  """Yields the grids that are written beside a page: path and content."""
  for comparison in comparisons:
    by_path = {grid.path: grid for grid in grids(comparison)}
    for group in comparison.groups:
      record = group.first
      real = sorted(record.samples.glob("real.*"))[:1] if record.samples else []
      for path in filter(by_path.get, filter(None, [newest(record), *real])):
        with contextlib.suppress(OSError, ValueError):  # the page lists it as missing
          yield f"{folder(comparison, group)}/{path.stem}.webp", shrunk(by_path[path])
