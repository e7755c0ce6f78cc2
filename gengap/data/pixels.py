"""From image files to pixels and back, and many images in one.

Images become square, of one size and of one or three channels: converted to grayscale (ITU-R 601 luma) or
RGB, cropped to the central square, resized with Pillow's bilinear filter, which averages over the area of a
pixel when it shrinks (antialiasing) and does nothing when the size is right.
"""

import io
import math

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


def tile(images: np.ndarray, margin: int = 2, columns: int = 0) -> np.ndarray:
  """Arranges images [n, H, W, C] in [-1, 1] in rows: [h, w, 3] uint8, without `columns` about square."""
  n, height, width, channels = images.shape
  columns = columns or math.ceil(math.sqrt(n))
  rows = math.ceil(n / columns)
  pixels = np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)
  grid = np.full((rows * (height + margin) + margin, columns * (width + margin) + margin, 3), 255, np.uint8)
  for i, image in enumerate(np.broadcast_to(pixels, (n, height, width, max(3, channels)))):
    y, x = (i // columns) * (height + margin) + margin, (i % columns) * (width + margin) + margin
    grid[y : y + height, x : x + width] = image
  return grid
