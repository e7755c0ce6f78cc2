"""The two scales of pixels: uint8 from 0 to 255 in files, float32 from -1 to 1 in models."""

from typing import Any

import numpy as np


def to_float(images: Any) -> Any:
  """Converts uint8 pixels to float32 in [-1, 1], of any shape, in NumPy or JAX."""
  return images.astype("float32") / 127.5 - 1.0


def to_uint8(images: Any) -> np.ndarray:
  """Rounds pixels in [-1, 1] to uint8, of any shape; clips what lies outside."""
  return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)
