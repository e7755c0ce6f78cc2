"""Whether generated images are copies of training images."""

import numpy as np

from gengap.errors import InputError
from gengap.metrics import neighbours
from gengap.metrics.sets import pair


def memorisation(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> dict[str, float]:
  """Compares how near generated images come to training images and to others of the same distribution.

  Args:
    train: [N, D] features of training images.
    held_out: [N, D], as many, that were not trained on.
    fake: [M, D].

  Returns:
    nearer_train: share of generated images whose nearest training image is nearer than their nearest held-out
      one; ties count half. 0.5 without memory, 1 for copies.
    distance_ratio: median distance to the nearest training image over that to the nearest held-out one.
    authentic: share of generated images that are farther from their nearest training image than that is from
      its own nearest (AuthPct: Alaa et al. 2022, arXiv:2102.08921, section 2.3). Images of the distribution
      itself have about a half, copies 0; a generator far from the data has 1.

  Raises:
    InputError: fewer than two images of a kind, not as many held-out as training ones, or features that are
      not finite.
  """
  train, fake = pair(train, fake, 2)
  pair(held_out, fake, 2)
  if len(held_out) != len(train):
    raise InputError(
      f"there are {len(train)} training and {len(held_out)} held-out images; give as many of both, since the "
      "nearest of many is nearer than that of few"
    )
  (seen, nearest), (unseen, _) = neighbours.kth(fake, 1, train), neighbours.kth(fake, 1, held_out)
  own, _ = neighbours.kth(train, 1)
  return {
    "nearer_train": float(np.mean((seen < unseen) + 0.5 * (seen == unseen))),
    "distance_ratio": float(np.sqrt(np.median(seen) / max(np.median(unseen), np.finfo(float).tiny))),
    "authentic": float(np.mean(seen > own[nearest])),
  }
