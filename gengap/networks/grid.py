"""Which images a convolutional network can make: a grid of 4x4 to 7x7, doubled some times."""

from typing import NamedTuple

from gengap.errors import InputError

Shape = tuple[int, int, int]  # (H, W, C)


class Grid(NamedTuple):
  """An image of base * 2**doublings pixels a side."""

  base: int
  doublings: int


def grid(shape: tuple[int, ...], least: int = 0) -> Grid:
  """Returns the grid of an image: 28 -> (7, 2), 32 -> (4, 3), 64 -> (4, 4).

  Raises:
    InputError: no such grid makes the image, or not by `least` doublings.
  """
  height, width, _ = shape
  base, doublings = height, 0
  while base > 7 and base % 2 == 0:
    base, doublings = base // 2, doublings + 1
  if height != width or not 4 <= base <= 7:
    raise InputError(
      f"image_size: {height}x{width} does not suit a convolutional network; it needs a square of 4, 5, 6 "
      "or 7 times a power of two, such as 28, 32 or 64"
    )
  if doublings < least:
    raise InputError(f"image_size: {height}x{width} is too small for this network; it needs 8x8 at least")
  return Grid(base, doublings)
