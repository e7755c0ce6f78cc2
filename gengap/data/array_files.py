"""Images of .npy and .npz files, read piece by piece.

One piece is in memory at a time, whether the file is compressed or not. Nothing is unpickled.
"""

import contextlib
import math
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np

from gengap.data.stored_arrays import StoredArray, ValueRange
from gengap.errors import InputError

DAMAGED = (  # errors of damaged .npy and .zip files; RuntimeError: it is encrypted
  *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError),
  *(zipfile.BadZipFile, zlib.error),
)
HEADERS = {  # version of a .npy file -> reader of its header
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
  (3, 0): np.lib.format.read_array_header_2_0,  # differs in the names of fields only, which images lack
}
SKIP_BYTES = 2**20  # read at a time, to be skipped


class Header(NamedTuple):
  """What the header of a .npy file says."""

  shape: tuple[int, ...]
  dtype: np.dtype
  offset: int  # of the first number, in bytes


def open_npy(path: pathlib.Path, what: str, stated: ValueRange | None = None) -> StoredArray:
  """Returns the images of a .npy file.

  Raises:
    InputError: they are no images, or the file is damaged.
  """
  return _of_file(path.open("rb"), path.stat().st_size, what, stated)


def open_npz(path: pathlib.Path, what: str, stated: ValueRange | None = None) -> StoredArray:
  """Returns the images of a .npz file: arr_0, or the only array of images that it holds.

  Raises:
    InputError: there are none or several, or the file is damaged.
  """
  archive = zipfile.ZipFile(path)
  headers = {name: header for name, header in read_headers(archive, what).items() if header}
  for dimensions in (4, 3):
    found = [name for name, header in headers.items() if len(header.shape) == dimensions]
    chosen = [name for name in found if name == "arr_0"] or found
    if len(chosen) > 1:
      raise InputError(
        f"{what} holds several arrays of images, {', '.join(chosen)}; save the one that is meant as arr_0"
      )
    if chosen:
      info = archive.getinfo(f"{chosen[0]}.npy")
      return _of_file(archive.open(info), info.file_size, f"{what} ({chosen[0]})", stated)
  inside = ", ".join(f"{name} {list(header.shape)}" for name, header in headers.items()) or "no array"
  if {"mu", "sigma"} <= headers.keys():
    inside += ": saved statistics, which can be a reference only"
  raise InputError(f"{what} holds no images but {inside}; save them as arr_0: [N, H, W, C] uint8")


def read_headers(archive: zipfile.ZipFile, what: str) -> dict[str, Header]:
  """Returns the arrays of a .npz file, by name.

  Raises:
    InputError: a header is damaged, or an array holds Python objects.
  """
  found = {}
  for info in archive.infolist():
    if info.filename.endswith(".npy"):
      name = info.filename.removesuffix(".npy")
      with guarded(f"{what} ({name})"), archive.open(info) as file:
        found[name] = read_header(file, f"{what} ({name})")
  return found


def read_header(file: IO[bytes], what: str) -> Header:
  """Reads the header of a .npy file.

  Raises:
    InputError: the array holds Python objects, or has its axes in Fortran's order.
  """
  version = np.lib.format.read_magic(file)
  if version not in HEADERS:
    raise InputError(f"{what} is a .npy file of version {version[0]}.{version[1]}; save it by numpy.save")
  shape, fortran, dtype = HEADERS[version](file)
  if dtype.hasobject:
    raise InputError(f"{what} holds Python objects, which are not read; save an array of uint8")
  if fortran and len(shape) > 2:
    raise InputError(f"{what} has its axes in Fortran's order; save numpy.ascontiguousarray of it")
  return Header(shape, dtype, file.tell())


@contextlib.contextmanager
def guarded(what: str) -> Iterator[None]:
  """A context in which the errors of a damaged file become InputError."""
  try:
    yield
  except DAMAGED as error:
    reason = " ".join(str(error).split())[:120]
    raise InputError(f"{what} is damaged ({reason}); save it again") from error


def go_to(file: IO[bytes], position: int) -> None:
  """Moves to a position, also in a member of an archive, whose own `seek` reads 16 MB at a time."""
  if not isinstance(file, zipfile.ZipExtFile):
    file.seek(position)
    return
  if position < file.tell():
    file.seek(0)
  while (left := position - file.tell()) > 0 and file.read(min(left, SKIP_BYTES)):
    pass


def _of_file(file: IO[bytes], size: int, what: str, stated: ValueRange | None) -> StoredArray:
  """Returns the images of an opened .npy file of a size in bytes."""
  with guarded(what):
    header = read_header(file, what)
  each = math.prod(header.shape[1:]) * header.dtype.itemsize
  if size != header.offset + each * (header.shape[0] if header.shape else 1):
    raise InputError(f"{what} has {size} bytes, and its header says {list(header.shape)}; save it again")

  def read(first: int, end: int) -> np.ndarray:
    with guarded(what):
      go_to(file, header.offset + first * each)
      content = file.read((end - first) * each)
      if end == header.shape[0]:
        file.read(1)  # at its end, a member of an archive checks its own CRC
      return np.frombuffer(content, header.dtype).reshape(end - first, *header.shape[1:])

  return StoredArray(header.shape, header.dtype, read, what, stated)
