"""Fidelity against coverage of one generator at several temperatures, and the area under that curve.

Fidelity is precision (Kynkaanniemi et al. 2019, arXiv:1904.06991), coverage is that of Naeem et al. (2020,
arXiv:2002.09797); see `prdc`. A temperature dominates all points of less or equal precision and coverage. The
area is that of the dominated points of the unit square: the hypervolume indicator of both numbers with the
reference point (0, 0) (Zitzler and Thiele 1999). A single point has the area precision times coverage.
"""

from typing import NamedTuple

import numpy as np

from gengap.metrics import neighbours
from gengap.metrics.estimate import LEVEL, RESAMPLES, Estimate
from gengap.metrics.sets import pair, scaled

NEIGHBOUR = 5  # k of precision and coverage


class Hits(NamedTuple):
  """Which images of two sets lie in neighbourhoods of real images."""

  fake: np.ndarray  # [M] bool, generated images within the radius of a real one; their mean is the precision
  real: np.ndarray  # [N] bool, real images within whose radius there is a generated one; mean: coverage


class Manifold:
  """Real images and their neighbourhoods, computed once for any number of generated sets."""

  def __init__(self, real: np.ndarray, k: int = NEIGHBOUR):
    """Finds the squared radius of every image, the distance to its k-th nearest other one.

    Args:
      real: features [N, D].
      k: which neighbour's distance is the radius.

    Raises:
      InputError: no more than k images, or features that are not finite.
    """
    self.real, _ = pair(real, real, k + 1)
    self.radius, self.k = neighbours.kth(self.real, k)[0], k

  def hits(self, fake: np.ndarray) -> Hits:
    """Compares features [M, D] of generated images, by the conventions of `prdc`.

    Raises:
      InputError: widths that differ, or features that are not finite.
    """
    (real, fake), unit = scaled(*pair(self.real, fake, 1))
    pairs, radius = neighbours.Items(real, fake), self.radius / unit**2
    inside, covered = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for rows in pairs.blocks():
      within = pairs.below(rows, pairs.rough(rows), radius[rows, None])
      inside |= within.any(0)
      covered[rows] = within.any(1)
    return Hits(inside, covered)


def area(precision: np.ndarray, coverage: np.ndarray) -> np.ndarray:
  """Returns the area that points dominate.

  It is the integral over c from 0 to 1 of the largest precision of a point whose coverage is at least c.

  Args:
    precision: [..., T] in [0, 1].
    coverage: [..., T] in [0, 1].

  Returns:
    [...] in [0, 1].
  """
  order = np.argsort(coverage, -1)
  coverage, precision = (np.take_along_axis(x, order, -1) for x in (coverage, precision))
  best = np.maximum.accumulate(precision[..., ::-1], -1)[..., ::-1]
  return np.sum(best * np.diff(coverage, axis=-1, prepend=0.0), -1)


def estimate(hits: list[list[Hits]], resamples: int = RESAMPLES) -> Estimate:
  """Estimates the area under the curve, as the mean over draws, with an interval of 95 % over images.

  The bootstrap (Efron 1979) draws real images with replacement, the same for all temperatures and draws, and
  generated images with replacement, the same for all temperatures of a draw. The neighbourhoods and the sets
  whose points cover a real image stay as they are. So the interval covers which images are counted; it
  covers neither another draw of all latents, whose effect on coverage is the spread over draws, nor another
  training run.

  Args:
    hits: of each draw, those of each temperature; images of one draw and place have the same latents.
    resamples: how often.
  """
  fake = [np.stack([each.fake for each in draw], 1) for draw in hits]  # [M, T] of each draw
  real = np.stack([[each.real for each in draw] for draw in hits]).transpose(2, 0, 1)  # [N, S, T]
  value = float(np.mean([area(f.mean(0), real[:, s].mean(0)) for s, f in enumerate(fake)]))
  rng, number = np.random.default_rng(0), len(real)
  coverage = weights(rng, number, resamples) @ real.reshape(number, -1) / number
  coverage = coverage.reshape(resamples, *real.shape[1:])
  found = [area(weights(rng, len(f), resamples) @ f / len(f), coverage[:, s]) for s, f in enumerate(fake)]
  low, high = np.percentile(np.mean(found, 0), [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
  return Estimate(value, min(value, float(low)), max(value, float(high)))


def weights(rng: np.random.Generator, number: int, resamples: int) -> np.ndarray:
  """Returns how often each of `number` rows is in resamples of as many: [resamples, number] float32."""
  drawn = rng.integers(0, number, (resamples, number))
  return np.stack([np.bincount(each, minlength=number) for each in drawn]).astype(np.float32)
