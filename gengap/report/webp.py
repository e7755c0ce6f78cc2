"""Pictures as WebP files."""

import io

from PIL import Image

QUALITIES = range(90, 0, -10)  # of a picture that is too large without loss


def lossless(image: Image.Image) -> bytes:
  """Returns a picture as a lossless WebP file."""
  image.save(file := io.BytesIO(), "WEBP", lossless=True, quality=100, method=6)
  return file.getvalue()


def within(image: Image.Image, most_bytes: int) -> bytes:
  """Returns a picture as a WebP file of a number of bytes at most: lossless, or else of the best quality.

  A file of the lowest quality may be larger.
  """
  data, qualities = lossless(image), iter(QUALITIES)
  while len(data) > most_bytes and (quality := next(qualities, 0)):
    image.save(file := io.BytesIO(), "WEBP", quality=quality, method=6)
    data = file.getvalue()
  return data


def size(data: bytes) -> tuple[int, int]:
  """Returns the width and height of a picture in pixels.

  Raises:
    OSError: the data are no picture.
  """
  with Image.open(io.BytesIO(data)) as opened:
    return opened.size
