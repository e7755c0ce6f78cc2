"""Procedural images of Gaussian blobs, whose every parameter is known.

An image is the sum of K Gaussians of height 1 on a background of 0, clipped at 1 and stored in 0..255: point
sources blurred by a Gaussian point-spread function, with centres uniform over the image. blobs_single has
one blob per image, blobs_multi exactly ten, which may overlap. The class of an image with one blob is the
quarter in which its centre lies; images with several have no classes.

Image i is a function of (settings, i) only: blob k of it reads the step i K + k of a counter-based random
stream (Philox 4x64; Salmon et al., SC 2011). Splits are disjoint ranges of i, so a data set can grow without
changing.

Coordinates are in pixels: the middle of the top left pixel is (x, y) = (0, 0), and the image reaches from
-0.5 to size - 0.5.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gengap.errors import InputError, suggest

COUNT = {"blobs_single": 1, "blobs_multi": 10}
QUARTERS = ("upper_left", "upper_right", "lower_left", "lower_right")
FIRST = {"train": 0, "test": 2**40}  # index of a split's first image
BLOCK = 1024  # images rendered at once

Truth = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Settings:
  """The settings of procedural data, in dataset_args."""

  count: int  # blobs in an image
  sigma: tuple[float, float]  # pixels; uniform in this range, or one number for all
  num_train: int = 50_000
  num_test: int = 10_000
  seed: int = 0


def settings(name: str, size: int, args: Mapping[str, Any]) -> Settings:
  """Checks dataset_args and fills in the defaults: sigma is image_size / 16.

  Raises:
    InputError: an unknown name or a value out of range.
  """
  allowed = [field.name for field in dataclasses.fields(Settings)]
  for key, value in args.items():
    if key not in allowed:
      raise InputError(
        f"dataset_args.{key} is no setting of {name}; there are {', '.join(allowed)}{suggest(key, allowed)}"
      )
    least = 0 if key == "seed" else 1
    if key != "sigma" and not (type(value) is int and least <= value < 2**32):
      raise InputError(f"dataset_args.{key} is {value!r}; it must be a whole number of at least {least}")
  sigma: Any = args.get("sigma", size / 16)
  ends = tuple(sigma) if isinstance(sigma, (list, tuple)) else (sigma, sigma)
  numbers = len(ends) == 2 and all(type(end) in (int, float) for end in ends)
  if not numbers or not 0 < ends[0] <= ends[1] < math.inf:
    raise InputError(
      f"dataset_args.sigma is {sigma!r}; it must be a number above 0, or two: (lowest, highest)"
    )
  rest = {key: value for key, value in args.items() if key != "sigma"}
  return dataclasses.replace(Settings(COUNT[name], ends), **rest)


def read(
  s: Settings, split: str, size: int, channels: int
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, Truth]]]:
  """Returns a split's labels and the function that renders a choice of its images.

  Args:
    s: number, width and seed of the blobs.
    split: "train" or "test".
    size: pixels a side.
    channels: 0 or 1 give one channel, 3 gives three equal ones.
  """
  total = s.num_train if split == "train" else s.num_test

  def take(index: np.ndarray) -> tuple[np.ndarray, Truth]:
    truth = {key: value[index] for key, value in draw(s, FIRST[split], total, size).items()}
    image = render(truth["centre"], truth["sigma"], size)
    return np.repeat(image, channels or 1, axis=-1), truth

  if s.count > 1:
    return np.zeros(total, np.int32), take
  centre = draw(s, FIRST[split], total, size)["centre"][:, 0]
  right, low = (centre > (size - 1) / 2).T
  return (2 * low + right).astype(np.int32), take


def classes(s: Settings) -> tuple[str, ...]:
  """Returns the names of the labels."""
  return QUARTERS if s.count == 1 else ("all",)


def draw(s: Settings, first: int, total: int, size: int) -> Truth:
  """Draws the parameters of images first .. first + total - 1.

  Returns:
    centre [N, K, 2] (x, y) and sigma [N, K], float32, in pixels; count [N] int32.
  """
  stream = np.random.Philox(key=s.seed).advance(first * s.count)
  words = stream.random_raw(total * s.count * 4).reshape(
    total, s.count, 4
  )  # a step of the counter is four words
  uniform = (words >> 11) * 2.0**-53
  low, high = s.sigma
  return {
    "centre": (uniform[..., :2] * size - 0.5).astype(np.float32),
    "sigma": (low + (high - low) * uniform[..., 2]).astype(np.float32),
    "count": np.full(total, s.count, np.int32),
  }


def render(centre: np.ndarray, sigma: np.ndarray, size: int) -> np.ndarray:
  """Renders blobs at centre [N, K, 2] of width sigma [N, K]: images [N, size, size, 1] uint8.

  A Gaussian is a product of its profiles along x and y, so an image is a product of two thin matrices.
  """
  image = np.empty((len(centre), size, size, 1), np.uint8)
  pixel = np.arange(size, dtype=np.float32)
  for start in range(0, len(centre), BLOCK):
    block = slice(start, start + BLOCK)
    offset = (pixel - centre[block, :, :, None]) / sigma[block, :, None, None]
    profile = np.exp(-0.5 * offset**2)  # [n, K, (x, y), size]
    total = profile[:, :, 1].swapaxes(1, 2) @ profile[:, :, 0]  # sum over K
    image[block, :, :, 0] = np.round(255 * np.minimum(total, 1))
  return image
