"""Handwritten digits of 8x8 pixels that come with scikit-learn: real data without files and without network.

They are the 1,797 test images of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
1998; archive.ics.uci.edu/dataset/80), in which every pixel counts the ink in a block of 4x4, from 0 to 16.
They have no official split. A stratified quarter is the test split, the same one always: of every class, the
round(count / 4) images with the smallest numbers drawn by numpy.random.default_rng(0).
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from gengap.data import pixels, splits

NAME = "digits"
CLASSES = tuple(map(str, range(10)))
SIZE = 8  # stored pixels a side
FULL = 16  # the largest stored value
TEST_SHARE = 1 / 4


@functools.cache
def stored() -> tuple[np.ndarray, np.ndarray]:
  """Returns all images [N, 8, 8] in 0..255 and their labels [N]."""
  from sklearn import datasets  # slow

  found: Any = datasets.load_digits()
  return np.rint(found["images"] * (255 / FULL)).astype(np.uint8), found["target"].astype(np.int32)


def read(split: str, size: int, channels: int) -> tuple[np.ndarray, Callable]:
  """Returns a split's labels [N] int32, and the function that reads a choice of its images.

  Args:
    split: "train" or "test".
    size: pixels a side; images are resized as those of files are.
    channels: 0 or 1 give one channel, 3 gives three equal ones.
  """
  image, label = stored()
  held = splits.hold_out(label, TEST_SHARE, np.random.default_rng(0).random(len(label)))
  chosen = np.flatnonzero(held == (split == "test"))

  def take(index: np.ndarray) -> tuple[np.ndarray, dict]:
    fitted = [pixels.fit(Image.fromarray(one), size, channels or 1) for one in image[chosen[index]]]
    return np.stack(fitted), {}

  return label[chosen], take
