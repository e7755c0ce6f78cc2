"""Floors of a reference without other real images: one half of it beside the other half."""

import numpy as np

from gengap.evaluation.image_statistics import ImageStatistics
from gengap.metrics.frechet import Moments, moments


def split(statistics: ImageStatistics, second: np.ndarray) -> tuple[ImageStatistics, ImageStatistics]:
  """Returns the statistics of both halves of a set of images.

  Args:
    statistics: of all images; moments need their features.
    second: [N] bool, images of the second half.
  """
  return part(statistics, ~second), part(statistics, second)


def part(statistics: ImageStatistics, chosen: np.ndarray) -> ImageStatistics:
  """Returns the statistics of some images."""
  computed = {}
  for name, value in statistics.computed.items():
    if isinstance(value, Moments):
      if "features" in statistics:
        computed[name] = moments(statistics["features"][chosen])
    elif isinstance(value, dict):
      computed[name] = {key: rows[chosen] for key, rows in value.items()}
    else:
      computed[name] = value[chosen]
  label = None if statistics.label is None else statistics.label[chosen]
  return ImageStatistics(int(chosen.sum()), computed, statistics.faults, label)
