"""Image files of a folder or of a .zip archive, decoded when they are read."""

import os
import pathlib
import zipfile
import zlib
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
ENCRYPTED = 1  # bit of the flags of a file in an archive


class StoredFiles:
  """Image files; only their names are held."""

  def __init__(self, names: list[Path], content: Callable[[int], bytes], what: str, notes: list[str]):
    """Stores how to read the files.

    Args:
      names: of the files; several entries of an archive may have the same.
      content: number of a file -> its content.
      what: name of the images, for messages.
      notes: lines about what was left out.

    Raises:
      InputError: there are none.
    """
    self.names, self.content, self.what, self.notes = names, content, what, notes
    self.number, self.crc32 = len(names), 0  # CRC-32 of the content of all files, once inspected
    if not names:
      raise InputError(f"{what} holds no images{''.join(f'; {note}' for note in notes)}")

  def inspect(self) -> tuple[Counter[tuple[int, int]], Counter[str], bool]:
    """Decodes all files once.

    Returns:
      How many have each height and width, how many each mode (L or RGB), and whether any pixel has colour.

    Raises:
      InputError: files are damaged; it names at most ten of them, and their number.
    """
    sizes, modes, changes, colour, crc = Counter(), Counter(), Counter(), False, 0
    bad: list[str] = []

    def inspected(i: int) -> tuple[Inspection, int]:
      try:
        content = self.content(i)
        return inspect_content(self.names[i], content), zlib.crc32(content)
      except DAMAGED as error:
        return Inspection(f"cannot be read ({getattr(error, 'strerror', None) or error})"), 0

    with progress(f"reading {self.what}", self.number) as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
      for start in range(0, self.number, PIECE):
        piece = range(start, min(start + PIECE, self.number))
        for i, (found, own) in zip(piece, pool.map(inspected, piece), strict=True):
          crc = zlib.crc32(own.to_bytes(4), crc)
          bad += [f"{self.names[i]} {found.bad}"] if found.bad else []
          sizes[found.size[::-1]] += 1
          modes[found.mode] += 1
          changes.update(found.changes)
          colour |= found.colour
        bar.update(len(piece))
    if bad:
      more = f"; and {len(bad) - NAMED} more" * (len(bad) > NAMED)
      named = "; ".join(bad[:NAMED])
      raise InputError(
        f"{self.what}: {len(bad)} of {self.number} image files cannot be used: {named}{more}; remove or "
        f"replace {'them' if len(bad) > 1 else 'it'}"
      )
    self.crc32 = crc
    self.notes = [*self.notes, *(f"{change}: {number}" for change, number in changes.items())]
    return sizes, modes, colour

  def read(self, index: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns images by ascending numbers: [n, H, W, C] uint8 of one shape, see `pixels.fit`.

    Raises:
      InputError: a file has changed since it was inspected.
    """

    def decoded(i: int) -> np.ndarray:
      try:
        image = pixels.decode(self.content(i)).image
      except (*DAMAGED, pixels.UnreadableError) as error:
        raise InputError(f"{self.what}: {self.names[i]} has changed while it was read ({error})") from error
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
  return StoredFiles(names, lambda i: (folder / names[i]).read_bytes(), what, list(describe(left_out)))


def open_zip(archive: zipfile.ZipFile, what: str) -> StoredFiles:
  """Returns the images of a .zip archive.

  Raises:
    InputError: there are none.
  """
  infos: list[zipfile.ZipInfo] = []
  left_out: LeftOut = {HIDDEN: [], NO_IMAGE: []}
  for info in sorted(archive.infolist(), key=lambda info: info.filename):
    path = pathlib.PurePosixPath(info.filename)
    if info.is_dir():
      continue
    if is_hidden(path):
      left_out[HIDDEN].append(path)
    elif is_image(path):
      infos.append(info)
    else:
      left_out[NO_IMAGE].append(path)
  names: list[Path] = [pathlib.PurePosixPath(info.filename) for info in infos]
  notes = list(describe(left_out))
  if repeated := len(names) - len(set(names)):
    notes.append(f"entries that have the name of another one, each read as an image of its own: {repeated}")

  def content(i: int) -> bytes:
    info = infos[i]
    if info.flag_bits & ENCRYPTED:
      raise OSError("it is encrypted")
    if info.file_size > MOST_BYTES:
      raise OSError(f"it has {info.file_size:,} bytes")
    return archive.read(info)

  return StoredFiles(names, content, what, notes)


def is_hidden(path: Path) -> bool:
  """Whether a file of an archive is hidden, or of an operating system."""
  return any(part.startswith(".") or part.lower() in SYSTEM for part in path.parts)


def is_image(path: Path) -> bool:
  """Whether a file of an archive is an image by its name, and not hidden."""
  return path.suffix.lower() in SUFFIXES and not is_hidden(path)
