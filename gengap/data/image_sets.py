"""Sets of images from anywhere: folders, .zip, .npz and .npy files, and arrays in memory.

An `ImageSet` is used like an array [N, H, W, C] of uint8. Its pixels are decoded when they are read, so
memory does not grow with the number of images.
"""

import pathlib
import zipfile
from collections import Counter
from typing import Any, Protocol

import numpy as np

from gengap.data import array_files, stored_files
from gengap.data.array_files import guarded
from gengap.data.stored_arrays import StoredArray, ValueRange
from gengap.errors import InputError, suggest
from gengap.storage import paths

KINDS = "a folder of images, or a .zip, .npz or .npy file"
Shape = tuple[int, int, int]  # [H, W, C]


class Store(Protocol):
  """Where images are read from."""

  number: int
  crc32: int  # of all stored images

  def read(self, index: np.ndarray, shape: Shape) -> np.ndarray:
    """Returns images by ascending numbers: [n, H, W, C] uint8."""
    ...


class ImageSet:
  """Images of one shape, read when they are indexed; like a read-only array [N, H, W, C] uint8."""

  dtype = np.dtype(np.uint8)
  ndim = 4

  def __init__(
    self,
    store: Store,
    sizes: Counter[tuple[int, int]],
    channels: frozenset[int],
    source: str = "",
    notes: tuple[str, ...] = (),
    fitted: Shape | None = None,
  ):
    """Stores what is known of the images.

    Args:
      store: to read them from.
      sizes: how many have each stored height and width.
      channels: in which they can be shown without loss: 1 if none has colour, 3 if any is stored so.
      source: the path; "" for an array in memory.
      notes: lines about what was left out or changed.
      fitted: shape that all images are brought to; None: that of the first, for sets whose images are alike.
    """
    self.store, self.sizes, self.channels, self.source, self.notes = store, sizes, channels, source, notes
    self.fitted = fitted or (*next(iter(sizes)), max(channels))

  def __repr__(self) -> str:
    return f"ImageSet({self.source or 'array'}, {list(self.shape)})"

  def __len__(self) -> int:
    return self.store.number

  @property
  def crc32(self) -> int:
    """CRC-32 of all stored images, whatever shape they are brought to; kinds of files differ in it."""
    return self.store.crc32

  @property
  def shape(self) -> tuple[int, int, int, int]:
    """[N, H, W, C]."""
    return len(self), *self.fitted

  @property
  def size(self) -> tuple[int, int] | None:
    """The stored height and width of all images; None: they differ."""
    return next(iter(self.sizes)) if len(self.sizes) == 1 else None

  @property
  def sizes_text(self) -> str:
    """The stored sizes in words."""
    return f"{self.size[0]}x{self.size[1]}" if self.size else f"{len(self.sizes)} different sizes"

  @property
  def resized(self) -> str:
    """From which size to which the images are brought; "" if all have it."""
    height, width, _ = self.fitted
    return "" if self.size == (height, width) else f"{self.sizes_text} to {height}x{width}"

  @property
  def recoloured(self) -> str:
    """From how many channels to how many the images are brought, if that changes what they show; else ""."""
    channels = self.fitted[2]
    return "" if channels in self.channels else f"{max(self.channels)} to {channels} channels"

  @property
  def changes(self) -> dict[str, str]:
    """How the images are changed, in words: "resized" and "channels"; {} if they are not."""
    return {what: how for what, how in (("resized", self.resized), ("channels", self.recoloured)) if how}

  def fit(self, shape: Shape) -> "ImageSet":
    """Returns the same images in another shape; see `pixels.fit`."""
    return ImageSet(self.store, self.sizes, self.channels, self.source, self.notes, shape)

  def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """Reads all images."""
    return self[:] if dtype is None else self[:].astype(dtype)

  def __getitem__(self, index: Any) -> np.ndarray:
    """Reads images by a slice, or by an array of numbers in ascending order."""
    chosen = np.arange(len(self))[index]
    return self.store.read(np.atleast_1d(chosen), self.fitted)[... if chosen.ndim else 0]


def check_number(number: int, what: str) -> None:
  """Refuses fewer than two images.

  Raises:
    InputError: there are fewer.
  """
  if number < 2:
    raise InputError(f"{what} holds {number} images; at least 2 are needed")


def of_array(stored: StoredArray, source: str = "") -> ImageSet:
  """Returns the images of an array, whose pixels are checked.

  Raises:
    InputError: see `StoredArray.inspect`.
  """
  check_number(stored.number, stored.what)
  colour = stored.inspect()
  channels = frozenset({3} if colour else {1, stored.channels})
  return ImageSet(stored, Counter({(stored.height, stored.width): stored.number}), channels, source)


def of_files(stored: stored_files.StoredFiles, source: str) -> ImageSet:
  """Returns the images of files, which are all decoded once.

  Raises:
    InputError: files are damaged.
  """
  check_number(stored.number, stored.what)
  sizes, modes, colour = stored.inspect()
  channels = frozenset({3} if colour else {1, 3} if "RGB" in modes else {1})
  return ImageSet(stored, sizes, channels, source, tuple(stored.notes))


def open_images(path: paths.Path, name: str, value_range: ValueRange | None = None) -> ImageSet:
  """Opens images, and reads them once to check them.

  Args:
    path: of a folder, or of a .zip, .npz or .npy file; the content decides, not the suffix.
    name: of the flag or argument that gave it, for messages.
    value_range: of float pixels, a key of `stored_arrays.SCALES`; None: see `stored_arrays.scale_of`.

  Raises:
    InputError: there is nothing, it holds no images, or some are damaged.
  """
  found, source = existing(path, name), str(path)
  what = f"{name}={source}"
  if found.is_dir():
    return of_files(stored_files.open_folder(found, what), source)
  kind = kind_of(found, what)
  if kind == "npy":
    return of_array(array_files.open_npy(found, what, value_range), source)
  if kind == "npz":
    return of_array(array_files.open_npz(found, what, value_range), source)
  return of_files(stored_files.open_zip(zipfile.ZipFile(found), what), source)


def existing(path: paths.Path, name: str) -> pathlib.Path:
  """Returns a local path.

  Raises:
    InputError: it is a URL, or there is nothing; names the nearest one.
  """
  found = paths.local(path, name)
  if not found.exists():
    near = [str(other) for other in found.parent.glob("*")] if found.parent.is_dir() else []
    raise InputError(f"{name}={path}: there is no such file or folder{suggest(str(found), near)}")
  return found


def kind_of(path: pathlib.Path, what: str) -> str:
  """Returns "npy", "npz" or "zip" for a file by its content.

  Raises:
    InputError: it is another kind of file, or damaged.
  """
  try:
    with path.open("rb") as file:
      start = file.read(8)
  except OSError as error:
    raise InputError(f"{what} cannot be read ({error.strerror})") from error
  if start.startswith(b"\x93NUMPY"):
    return "npy"
  if start.startswith(b"PK\x03\x04"):
    with guarded(what), zipfile.ZipFile(path) as archive:
      names = [pathlib.PurePosixPath(name) for name in archive.namelist()]
    arrays = [name for name in names if name.suffix == ".npy" and not stored_files.is_hidden(name)]
    images = [name for name in names if stored_files.is_image(name)]
    if arrays and images:
      raise InputError(
        f"{what} holds {len(images)} image files and {len(arrays)} arrays ({arrays[0]}); give one kind"
      )
    return "npz" if arrays else "zip"
  told = paths.kind(path)
  raise InputError(f"{what} is not read{f': it is {told}' if told else ''}; give {KINDS}")
