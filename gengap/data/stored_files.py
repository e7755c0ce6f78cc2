"""Image files of a folder or of a .zip archive, decoded when they are read."""

import os
import pathlib
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gengap.data import pixels
from gengap.data.array_files import DAMAGED
from gengap.data.image_files import HIDDEN, NO_IMAGE, SUFFIXES, SYSTEM, LeftOut, Path, describe, find_images
from gengap.data.images import NAMED, Inspection, inspect_content
from gengap.data.progress import progress
from gengap.errors import InputError

PIECE = 500  # files that are opened at a time
MOST_BYTES = 2**30  # of a file in an archive


class StoredFiles:
  """Image files; only their names are held."""

  def __init__(self, names: list[Path], content: Callable[[Path], bytes], what: str, notes: list[str]):
    """Stores how to read the files.

    Args:
      names: of the files.
      content: name -> content of the file.
      what: name of the images, for messages.
      notes: lines about what was left out.

    Raises:
      InputError: there are none.
    """
    self.names, self.content, self.what, self.notes = names, content, what, notes
    self.number = len(names)
    if not names:
      raise InputError(f"{what} holds no images{''.join(f'; {note}' for note in notes)}")

  def inspect(self) -> tuple[Counter[tuple[int, int]], Counter[str], bool]:
    """Decodes all files once.

    Returns:
      How many have each height and width, how many each mode (L or RGB), and whether any pixel has colour.

    Raises:
      InputError: files are damaged; it names at most ten of them, and their number.
    """
    sizes, modes, changes, colour = Counter(), Counter(), Counter(), False
    bad: list[str] = []

    def inspected(name: Path) -> Inspection:
      try:
        return inspect_content(name, self.content(name))
      except DAMAGED as error:
        return Inspection(f"cannot be read ({getattr(error, 'strerror', None) or error})")

    with progress(f"reading {self.what}", self.number) as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
      for start in range(0, self.number, PIECE):
        names = self.names[start : start + PIECE]
        for name, found in zip(names, pool.map(inspected, names), strict=True):
          bad += [f"{name} {found.bad}"] if found.bad else []
          sizes[found.size[::-1]] += 1
          modes[found.mode] += 1
          changes.update(found.changes)
          colour |= found.colour
        bar.update(len(names))
    if bad:
      more = f"; and {len(bad) - NAMED} more" * (len(bad) > NAMED)
      named = "; ".join(bad[:NAMED])
      raise InputError(
        f"{self.what}: {len(bad)} of {self.number} image files cannot be used: {named}{more}; remove or "
        f"replace {'them' if len(bad) > 1 else 'it'}"
      )
    self.notes = [*self.notes, *(f"{change}: {number}" for change, number in changes.items())]
    return sizes, modes, colour

  def read(self, index: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns images by ascending numbers: [n, H, W, C] uint8 of one shape, see `pixels.fit`.

    Raises:
      InputError: a file has changed since it was inspected.
    """

    def decoded(i: int) -> np.ndarray:
      name = self.names[i]
      try:
        image = pixels.decode(self.content(name)).image
      except (*DAMAGED, pixels.UnreadableError) as error:
        raise InputError(f"{self.what}: {name} has changed while it was read ({error})") from error
      if image.size == shape[1::-1]:
        return np.asarray(image.convert("L" if shape[2] == 1 else "RGB")).reshape(shape)
      return pixels.fit(image, shape[0], shape[2])

    found = np.empty((len(index), *shape), np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
      for start in range(0, len(index), PIECE):
        for i, image in enumerate(pool.map(decoded, index[start : start + PIECE].tolist())):
          found[start + i] = image
    return found


def open_folder(folder: pathlib.Path, what: str) -> StoredFiles:
  """Returns the images at or below a folder.

  Raises:
    InputError: there are none, or a folder cannot be read.
  """
  names, left_out = find_images(folder)
  return StoredFiles(names, lambda name: (folder / name).read_bytes(), what, list(describe(left_out)))


def open_zip(archive: zipfile.ZipFile, what: str) -> StoredFiles:
  """Returns the images of a .zip archive.

  Raises:
    InputError: there are none.
  """
  names: list[Path] = []
  left_out: LeftOut = {HIDDEN: [], NO_IMAGE: []}
  for info in sorted(archive.infolist(), key=lambda info: info.filename):
    path = pathlib.PurePosixPath(info.filename)
    if info.is_dir():
      continue
    if any(part.startswith(".") or part.lower() in SYSTEM for part in path.parts):
      left_out[HIDDEN].append(path)
    else:
      (names if path.suffix.lower() in SUFFIXES else left_out[NO_IMAGE]).append(path)

  def content(name: Path) -> bytes:
    info = archive.getinfo(str(name))
    if info.file_size > MOST_BYTES:
      raise OSError(f"it has {info.file_size:,} bytes")
    return archive.read(info)

  return StoredFiles(names, content, what, list(describe(left_out)))
