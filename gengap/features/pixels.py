"""Pixels as features: no network, no weights, no classes."""

import numpy as np

from gengap.data.scale import to_float
from gengap.features.types import FeatureExtractor, Images

THUMBNAIL = 16  # pixels a side, at most


def extractor() -> FeatureExtractor:
  """Returns the extractor of pixels in [-1, 1], averaged over squares to at most 16 x 16."""

  def extract(images: Images) -> np.ndarray:
    return thumbnails(images).reshape(len(images), -1)

  return FeatureExtractor({"network": f"pixels {THUMBNAIL}"}, extract)


def thumbnails(images: Images) -> np.ndarray:
  """Averages images [N, H, W, C] over squares: float32. Edge pixels are repeated to fill the last squares."""
  side = -(-max(images.shape[1:3]) // THUMBNAIL)
  small = np.asarray(images)
  small = to_float(small) if small.dtype == np.uint8 else small
  small = np.pad(small, [(0, 0), *((0, -n % side) for n in images.shape[1:3]), (0, 0)], mode="edge")
  n, height, width, channels = small.shape
  return small.reshape(n, height // side, side, width // side, side, channels).mean((2, 4))
