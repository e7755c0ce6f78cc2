"""Data sets of image files; every file is decoded once before anything is written."""

import os
import pathlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from gengap.data import folders, pixels
from gengap.data.folders import Plan
from gengap.data.image_files import CAMERA, LeftOut, Path
from gengap.data.progress import progress
from gengap.data.raw import Raw, Split
from gengap.errors import InputError

NAMED = 10  # of bad files, in a message


class Inspection(NamedTuple):
  """The properties of an image file."""

  bad: str = ""  # what is wrong with it
  colour: bool = False
  mode: str = ""  # as decoded: L or RGB
  plain: bool = False  # see pixels.Picture
  size: tuple[int, int] = (0, 0)
  changes: tuple[str, ...] = ()


def read_found(folder: pathlib.Path, found: list[Path], left_out: LeftOut, skip_bad: bool = False) -> Raw:
  """Opens folders of images that `image_files.find_images` found; see `folders.arrange` for the layouts.

  Raises:
    InputError: there are no training images, a class has none, or files are bad.
  """

  def plan(bad: set[Path]) -> Plan:
    arranged = folders.arrange(folder, [path for path in found if path not in bad])
    return arranged._replace(left_out=left_out | arranged.left_out)

  return read_images(folder, plan, skip_bad)


def read_images(folder: pathlib.Path, plan: Callable[[set[Path]], Plan], skip_bad: bool = False) -> Raw:
  """Decodes all files of a data set, which is grayscale if no pixel of any file has colour.

  Args:
    folder: that the files' paths are relative to.
    plan: files to leave out -> the data set without them.
    skip_bad: leave bad files out instead of refusing them.

  Raises:
    InputError: names at most ten of the bad files, and their number.
  """
  inspected: dict[Path, Inspection] = {}
  while True:
    bad = {path for path, found in inspected.items() if found.bad}
    planned = plan(bad)
    used = [path for files in planned.listed.values() for path, _ in files]
    new = [path for path in used if path not in inspected]
    if not new:
      break
    bar = progress("reading", len(new))
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
      for path, found in zip(new, pool.map(lambda path: inspect(folder / path), new), strict=True):
        inspected[path] = found
        bar.update()
    bad = {path: found.bad for path, found in inspected.items() if found.bad}
    if bad and (not skip_bad or len(bad) == len(inspected)):
      raise InputError(_refusal(folder, bad, len(used)))
  mode = "RGB" if any(inspected[path].colour for path in used) else "L"

  def as_split(files: list[tuple[Path, int]]) -> Split:
    return Split(
      [label for _, label in files], lambda i: encoded(folder / files[i][0], inspected[files[i][0]], mode)
    )

  left_out = planned.left_out | {"image files that cannot be read": sorted(bad)}
  notes = (*planned.notes, *_described([inspected[path] for path in used]))
  return Raw(
    (None, None, 1 if mode == "L" else 3),
    planned.classes,
    {name: as_split(files) for name, files in planned.listed.items()},
    notes,
    {reason: files for reason, files in left_out.items() if files},
  )


def _refusal(folder: pathlib.Path, bad: dict[Path, str], of: int) -> str:
  """Returns the message about files that cannot be read."""
  named = "; ".join(f"{folder / path} {why}" for path, why in sorted(bad.items())[:NAMED])
  more = f"; and {len(bad) - NAMED} more" * (len(bad) > NAMED)
  count = f"{len(bad)} of {of} image files cannot be used: " * (len(bad) > 1)
  them = "them" if len(bad) > 1 else "it"
  if len(bad) == of:
    return f"{count}{named}{more}; remove or replace {them}"
  return f"{count}{named}{more}; remove or replace {them}, or leave {them} out with --skip_bad"


def inspect(path: pathlib.Path) -> Inspection:
  """Reads and decodes a file, and returns its properties."""
  try:
    return inspect_content(path, b"" if path.suffix.lower() in CAMERA else path.read_bytes())
  except OSError as error:
    return Inspection(f"cannot be read ({error.strerror})")


def inspect_content(path: Path, content: bytes) -> Inspection:
  """Decodes the content of a file, and returns its properties."""
  if path.suffix.lower() in CAMERA:
    return Inspection("is a camera's raw file (convert it to PNG, TIFF or JPEG)")
  try:
    picture = pixels.decode(content)
  except pixels.UnreadableError as error:
    return Inspection(str(error))
  image = picture.image
  return Inspection("", pixels.has_colour(image), image.mode, picture.plain, image.size, picture.changes)


def encoded(path: pathlib.Path, inspected: Inspection, mode: str) -> bytes:
  """Returns the content of an image file if all readers show it alike, else a PNG file of this mode.

  Raises:
    InputError: the file has changed since `inspect` read it.
  """
  try:
    content = path.read_bytes()
    if inspected.plain and inspected.mode == mode:
      return content
    return pixels.png(pixels.decode(content).image.convert(mode))
  except (OSError, pixels.UnreadableError) as error:
    raise InputError(f"{path} has changed while it was read ({error}); prepare the data set again") from error


def _described(inspected: list[Inspection]) -> list[str]:
  """Returns notes on the images: their sizes, and what was changed."""
  low, high = (tuple(map(f, zip(*(one.size for one in inspected), strict=True))) for f in (min, max))
  size = f"all images have {low[0]}x{low[1]} pixels"
  if low != high:
    size = f"images have {low[0]} to {high[0]} pixels in width and {low[1]} to {high[1]} in height"
  if low != high or low[0] != low[1]:
    size += ", and are stored so; a run crops the central square and resizes it to config.image_size"
  count = Counter(change for one in inspected for change in one.changes)
  colours = sum(one.colour for one in inspected)
  grey = [f"grey images, stored with three channels as the others have colour: {len(inspected) - colours}"]
  return [
    size,
    *(grey if 0 < colours < len(inspected) else []),
    *(f"{change}: {number}" for change, number in count.items()),
  ]
