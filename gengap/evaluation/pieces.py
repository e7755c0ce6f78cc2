"""Images in pieces, with the CRC-32 of all of them: memory does not grow with their number."""

import zlib
from collections.abc import Iterator

import numpy as np

from gengap.data.image_sets import ImageSet
from gengap.data.progress import progress

PIECE = 500  # images that are processed at a time
PIECE_BYTES = 2**27  # at most


class Pieces:
  """Some of a set of images, in pieces [n, H, W, C] uint8, to be read once."""

  def __init__(
    self, images: np.ndarray | ImageSet, index: np.ndarray, what: str, part: np.ndarray | None = None
  ):
    """Stores what to read.

    Args:
      images: [N, H, W, C] uint8.
      index: numbers of the images, ascending.
      what: words for the progress bar.
      part: [len(index)] bool, images that have a CRC-32 of their own.
    """
    self.images, self.index, self.what = images, index, what
    self.part = np.zeros(len(index), bool) if part is None else part
    self.crc32 = self.crc32_of_part = 0  # of the pixels that were read so far

  def __len__(self) -> int:
    return len(self.index)

  def __iter__(self) -> Iterator[np.ndarray]:
    """Reads the images, with a progress bar."""
    size = max(1, min(PIECE, PIECE_BYTES // int(np.prod(self.images.shape[1:]))))
    with progress(f"looking at {self.what}", len(self)) as bar:
      for start in range(0, len(self), size):
        images = np.asarray(self.images[self.index[start : start + size]])
        self.crc32 = zlib.crc32(images.tobytes(), self.crc32)
        self.crc32_of_part = zlib.crc32(images[self.part[start : start + size]].tobytes(), self.crc32_of_part)
        yield images
        bar.update(len(images))
