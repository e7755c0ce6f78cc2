"""Images of an array that is read piece by piece: axes, range of the pixels, conversion to uint8."""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from PIL import Image

from gengap.data import pixels
from gengap.data.scale import to_uint8
from gengap.errors import InputError

ValueRange: TypeAlias = tuple[float, float]

PIECE_BYTES = 2**22  # that are read at a time
MOST_PIXELS = 5 * 10**7  # of one image
SCALES: dict[
  ValueRange, Callable[[np.ndarray], np.ndarray]
] = {  # range of float pixels -> conversion to uint8
  (-1, 1): to_uint8,
  (0, 1): lambda x: np.rint(x * 255).astype(np.uint8),
  (0, 255): lambda x: np.rint(x).astype(np.uint8),
}
RANGES = ", ".join(f"--value_range={low},{high}" for low, high in SCALES)


def axes(shape: tuple[int, ...], what: str) -> str:
  """Returns the order of the axes of images: "NHWC", "NCHW" or, of grey images, "NHW".

  Raises:
    InputError: they are no images, or either of two axes could be the channels.
  """
  if len(shape) == 3 and 0 not in shape[1:] and shape[2] not in (1, 3):  # else it may be one image
    return "NHW"
  first, last = (len(shape) == 4 and shape[i] in (1, 3) for i in (1, 3))
  if 0 in shape[1:] or not (first or last):
    raise InputError(
      f"{what} has shape {list(shape)}; it must be [N, H, W, C] or [N, C, H, W], C 1 or 3, or [N, H, W]"
    )
  if first and last:
    raise InputError(
      f"{what} has shape {list(shape)}, whose channels may be axis 1 or axis 3; save grey images as "
      "[N, H, W], others as image files"
    )
  return "NHWC" if last else "NCHW"


def scale_of(low: float, high: float, stated: ValueRange | None, what: str) -> ValueRange:
  """Returns the range that float pixels from `low` to `high` are in.

  Args:
    low: the smallest value.
    high: the largest value.
    stated: by the caller; None: it is [-1, 1] if that fits and some values are negative.
    what: name of the images, for messages.

  Raises:
    InputError: values are not finite, outside the range, or their range is ambiguous.
  """
  if not (math.isfinite(low) and math.isfinite(high)):
    raise InputError(f"{what} is float from {low:.4g} to {high:.4g}; it must be finite")
  if stated:
    stated = stated[0], stated[1]
    if low < stated[0] or high > stated[1]:
      raise InputError(
        f"{what} is float from {low:.4g} to {high:.4g}, and --value_range is {stated[0]:g},{stated[1]:g}"
      )
    return stated
  if -1 <= low < 0 and high <= 1:
    return -1, 1
  problem = "may be in [-1, 1] or in [0, 1]" if low >= 0 and high <= 1 else "is not in [-1, 1]"
  raise InputError(
    f"{what} is float from {low:.4g} to {high:.4g}, which {problem}; state its range ({RANGES}), or give "
    "uint8 from 0 to 255"
  )


class StoredArray:
  """Images of an array, read in pieces as uint8 [n, H, W, C]."""

  def __init__(
    self,
    shape: tuple[int, ...],
    dtype: np.dtype,
    read: Callable[[int, int], np.ndarray],
    what: str,
    stated: ValueRange | None = None,
  ):
    """Checks shape and type; pixels are not read yet.

    Args:
      shape: of the array, see `axes`.
      dtype: of the array: uint8 or float.
      read: first and last + 1 -> images, as they are stored.
      what: name of the images, for messages.
      stated: range of float pixels; None: see `scale_of`.

    Raises:
      InputError: they are no images.
    """
    self.axes, self.dtype, self.read_stored, self.what = axes(shape, what), dtype, read, what
    if dtype != np.uint8 and dtype.kind != "f":
      raise InputError(
        f"{what} is {dtype}; it must be uint8 from 0 to 255, or float; of other integers, give "
        "x.astype('uint8') if they are from 0 to 255"
      )
    self.number, order = shape[0], [self.axes.index(axis) for axis in "HW"]
    self.height, self.width = (shape[i] for i in order)
    self.channels = 1 if self.axes == "NHW" else shape[self.axes.index("C")]
    if self.height * self.width > MOST_PIXELS:
      raise InputError(f"{what} has images of {self.height}x{self.width} pixels, which is too large")
    self.stated = stated
    self.scale: ValueRange | None = None
    self.crc32 = 0  # of all images and their range, once inspected

  def runs(self, index: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yields ascending numbers of images as (first, last + 1), each of at most PIECE_BYTES."""
    most = max(1, PIECE_BYTES // (self.height * self.width * self.channels * self.dtype.itemsize))
    for run in np.split(index, np.flatnonzero(np.diff(index) != 1) + 1) if len(index) else ():
      for start in range(int(run[0]), int(run[-1]) + 1, most):
        yield start, min(start + most, int(run[-1]) + 1)

  def stored(self, first: int, end: int) -> np.ndarray:
    """Returns images as [n, H, W, C], uint8 or float32."""
    images = self.read_stored(first, end)
    images = images[..., None] if self.axes == "NHW" else images
    images = images.transpose(0, 2, 3, 1) if self.axes == "NCHW" else images
    return images if self.dtype == np.uint8 else images.astype(np.float32)

  def inspect(self) -> bool:
    """Reads all pixels and checks their range; returns whether any has colour.

    Raises:
      InputError: see `scale_of`; or the file is damaged.
    """
    colour, low, high, crc = False, math.inf, -math.inf, 0
    for run in self.runs(np.arange(self.number)):
      images = self.stored(*run)
      crc = zlib.crc32(np.ascontiguousarray(images).data, crc)
      colour = colour or (images.shape[-1] == 3 and bool((images[..., :1] != images[..., 1:]).any()))
      if self.dtype != np.uint8:
        bounds = float(images.min()), float(images.max())
        if not all(map(math.isfinite, bounds)):
          scale_of(*bounds, self.stated, self.what)
        low, high = min(low, bounds[0]), max(high, bounds[1])
    if self.dtype != np.uint8:
      self.scale = scale_of(low, high, self.stated, self.what)
    about = [self.height, self.width, self.channels, *(map(float, self.scale or ()))]
    self.crc32 = zlib.crc32(repr(about).encode(), crc)
    return colour

  def read(self, index: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns images by ascending numbers: [n, H, W, C] uint8 of another shape, see `pixels.fit`."""
    found, filled = np.empty((len(index), *shape), np.uint8), 0
    for run in self.runs(index):
      images = self.stored(*run)
      images = SCALES[self.scale](images) if self.scale else images
      if images.shape[1:] != shape:
        images = np.stack([fit(image, shape) for image in images])
      found[filled : filled + len(images)] = images
      filled += len(images)
    return found


def fit(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
  """Brings an image [H, W, C] uint8 to another shape; see `pixels.fit`."""
  picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
  if image.shape[:2] != shape[:2]:
    return pixels.fit(picture, shape[0], shape[2])
  return np.asarray(picture.convert("L" if shape[2] == 1 else "RGB")).reshape(shape)


def in_memory(array: np.ndarray, what: str, stated: ValueRange | None = None) -> StoredArray:
  """Returns the images of an array in memory.

  Raises:
    InputError: they are no images.
  """
  return StoredArray(array.shape, array.dtype, lambda first, end: array[first:end], what, stated)
