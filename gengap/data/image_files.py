"""Finds the image files below a folder."""

import os
import pathlib
from collections.abc import Iterator

from PIL import Image

from gengap.data.pixels import MAGIC, UNREADABLE, formats
from gengap.errors import InputError

SUFFIXES = (  # of image files
  *(
    ".png",
    ".apng",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".jif",
    ".pjpeg",
    ".pjp",
    ".bmp",
    ".dib",
    ".gif",
    ".webp",
  ),
  *(
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".avif",
    ".heic",
    ".heif",
    ".jp2",
    ".j2k",
    ".jpx",
    ".jxl",
  ),
  *(
    ".tga",
    ".qoi",
    ".exr",
    ".hdr",
    ".svg",
    ".psd",
    ".dng",
    ".nef",
    ".cr2",
    ".cr3",
    ".arw",
    ".orf",
    ".rw2",
    ".raf",
  ),
)
CAMERA = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf")  # Pillow would read their previews
SYSTEM = {  # of operating systems, file servers and notebooks, in lower case
  *(
    "__macosx",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "__pycache__",
  ),
  *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
}
HIDDEN, NO_IMAGE, NO_IMAGES = "hidden or system files", "files that are no images", "folders without images"

Path = pathlib.PurePath  # of a file, relative to the folder of the data set
LeftOut = dict[str, list[Path]]  # reason -> files


def find_images(folder: pathlib.Path) -> tuple[list[Path], LeftOut]:
  """Returns the image files below a folder, sorted, and the files and folders that are left out.

  Links are followed. A file is recognised by its first bytes, or else by its suffix, so that damaged images
  are found too.

  Raises:
    InputError: a folder cannot be read.
  """
  images: list[Path] = []
  left_out: LeftOut = {HIDDEN: [], NO_IMAGE: [], NO_IMAGES: []}

  def enter(here: pathlib.Path, above: frozenset[str], hidden: bool) -> bool:
    real, before = os.path.realpath(here), len(images)
    if real in above:  # a link to a folder that holds it
      return False
    try:
      entries = sorted(here.iterdir())
    except OSError as error:
      if hidden:
        return False
      raise InputError(f"{here} cannot be read ({error.strerror}); change its permissions") from error
    empty = []
    for path in entries:
      skipped = hidden or path.name.startswith(".") or path.name.lower() in SYSTEM
      relative = path.relative_to(folder)
      if path.is_dir():
        if not enter(path, above | {real}, skipped) and not skipped:
          empty.append(relative)
      elif skipped:
        left_out[HIDDEN].append(relative)
      else:
        (images if _meant_as_image(path) else left_out[NO_IMAGE]).append(relative)
    found = len(images) > before
    if found or here == folder:
      left_out[NO_IMAGES] += empty
    return found

  enter(folder, frozenset(), False)
  return images, left_out


def _meant_as_image(path: pathlib.Path) -> bool:
  """Returns whether a file is an image by its first bytes, or by its suffix."""
  if path.exists() and not path.is_file():  # a pipe, a socket
    return False
  if path.suffix.lower() in SUFFIXES:
    return True
  try:
    with path.open("rb") as file:
      head = file.read(64)
    if head.startswith(MAGIC) or any(head[at:].startswith(start) for at, start in UNREADABLE):
      return True
    with Image.open(path, formats=formats()):
      return True
  except InputError:
    raise
  except Exception:  # Pillow raises many types for files that are no images
    return False


def describe(left_out: LeftOut, limit: int = 3) -> Iterator[str]:
  """Yields a line for each reason to leave files out."""
  for what, paths in left_out.items():
    if paths:
      some = ", ".join(map(str, paths[:limit])) + ", ..." * (len(paths) > limit)
      yield f"left out, {what}: {len(paths)} ({some})"
