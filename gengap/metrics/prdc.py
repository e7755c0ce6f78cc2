"""Precision, recall, density and coverage, by nearest neighbours in feature space.

Precision and recall: Kynkaanniemi et al. (2019, arXiv:1904.06991). Density and coverage: Naeem et al. (2020,
arXiv:2002.09797), whose conventions are kept: an image's radius is the distance to its k-th nearest neighbour
other than itself, and who lies at exactly that distance is outside.
"""

import numpy as np

from gengap.errors import InputError
from gengap.metrics import neighbours
from gengap.metrics.sets import pair, scaled


def prdc(real: np.ndarray, fake: np.ndarray, k: int = 5) -> dict[str, float]:
  """Compares two sets of features.

  Args:
    real: [N, D].
    fake: [M, D].
    k: which neighbour's distance is the radius.

  Returns:
    precision: share of generated images within the radius of a real one.
    recall: share of real images within the radius of a generated one.
    density: real images whose radius a generated one is within, in the mean, over k; may be above 1.
    coverage: share of real images within whose radius there is a generated one.

  Raises:
    InputError: no more than k of either, widths that differ, features that are not finite, or real ones that
      are all the same: nothing lies within a radius of 0.
  """
  (real, fake), _ = scaled(*pair(real, fake, k + 1))
  if (real == real[0]).all():
    raise InputError("the features of all real images are the same: none has a neighbourhood")
  inside, outside = neighbours.kth(real, k)[0], neighbours.kth(fake, k)[0]
  pairs, counts, covered, recalled = neighbours.Items(real, fake), np.zeros(len(fake), int), 0, 0
  for rows in pairs.blocks():
    rough = pairs.rough(rows)
    within = pairs.below(rows, rough, inside[rows, None])
    counts += np.count_nonzero(within, 0)
    covered += np.count_nonzero(within.any(1))
    recalled += np.count_nonzero(pairs.below(rows, rough, outside).any(1))
  return {
    "precision": float(np.mean(counts > 0)),
    "recall": float(recalled / len(real)),
    "density": float(counts.mean() / k),
    "coverage": float(covered / len(real)),
  }
