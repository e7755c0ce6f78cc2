"""From image files to pixels and back.

Images become square, of one size and of one or three channels: converted to grayscale (ITU-R 601 luma) or
RGB, cropped to the central square, resized with Pillow's bilinear filter, which averages over the area of a
pixel when it shrinks (antialiasing) and does nothing when the size is right.
"""

import io

import numpy as np
from PIL import Image


def square(encoded: bytes, size: int, channels: int) -> np.ndarray:
  """Decodes an image file: [size, size, channels] uint8."""
  image = Image.open(io.BytesIO(encoded))
  mode = "L" if channels == 1 else "RGB"
  if image.mode != mode:
    image = image.convert(mode)
  width, height = image.size
  side = min(width, height)
  left, top = (width - side) // 2, (height - side) // 2
  if width != height:
    image = image.crop((left, top, left + side, top + side))
  if side != size:
    image = image.resize((size, size), Image.Resampling.BILINEAR)
  return np.asarray(image).reshape(size, size, channels)


def png(image: Image.Image | np.ndarray) -> bytes:
  """Encodes an image without loss."""
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  file = io.BytesIO()
  image.save(file, "PNG")
  return file.getvalue()
