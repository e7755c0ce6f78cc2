"""How close generated images are to real ones, and how confident a classifier is of them."""

import numpy as np

from gengap.metrics import estimate, neighbours
from gengap.metrics.coverage import SURE, confidence
from gengap.probes.types import Array


def distance_to_data(features: Array, real: Array) -> Array:
  """Returns the distance of features [N, F] to the closest real image, relative to real images: [N].

  The unit is the median distance of a real image to the closest other one. NaN where that median is 0, since
  most real images are then copies of others.

  Raises:
    InputError: there are fewer than two real images.
  """
  unit = np.sqrt(np.median(neighbours.kth(real, 1)[0]))
  return np.sqrt(neighbours.kth(features, 1, real)[0]) / (unit if unit > 0 else np.nan)


def low_confidence_share(logits: Array) -> estimate.Estimate:
  """Returns the share of images, by logits [N, classes], whose likeliest class is less likely than SURE."""
  return estimate.share(~(confidence(logits)[1] >= SURE))
