"""Clipped Density and Clipped Coverage: fidelity and coverage that read as shares of good samples.

Salvy, Talbot and Thirion (2025, arXiv:2507.01761). As for density and coverage (see `prdc`), every real image
has a ball that reaches to its k-th nearest other real image. What outliers could contribute is clipped:

- of the density, radii are clipped at their median, and a sample in more than k balls counts as one in k. The
  mean is divided by that of the real images themselves, each among the k nearest of others;
- of the coverage, more than k samples in a ball count as k. The mean is mapped to the share of samples of the
  data's distribution that would have it in expectation, `expected_coverage`.

As in the authors' program, an image at exactly the radius is inside for the density and outside for the
coverage. They look up the coverage's rank among the expected values, over M + 1; here it is
interpolated, over M.
"""

import numpy as np
from scipy.special import betaln, gammaln

from gengap.errors import InputError
from gengap.metrics import neighbours
from gengap.metrics.sets import pair, scaled


def clipped(real: np.ndarray, fake: np.ndarray, k: int = 5) -> dict[str, float]:
  """Compares two sets of features.

  Args:
    real: [N, D].
    fake: [M, D].
    k: which neighbour's distance is the radius.

  Returns:
    clipped_density: share of generated images that are as good as real ones, in [0, 1].
    clipped_coverage: share of generated images that, if they were of the data's distribution, would cover the
      real images as well, in [0, 1].

  Raises:
    InputError: no more than k of either, widths that differ, features that are not finite, or real ones that
      are all the same: nothing lies within a radius of 0.
  """
  (real, fake), _ = scaled(*pair(real, fake, k + 1))
  if (real == real[0]).all():
    raise InputError("the features of all real images are the same: none has a neighbourhood")
  distances, which = neighbours.k_nearest(real, k)
  radius, middle = distances[:, -1], np.median(np.sqrt(distances[:, -1]))
  shorter = np.where(np.sqrt(radius) <= middle, radius, middle**2)
  own = np.bincount(which[distances <= shorter[:, None]], minlength=len(real))
  up_to = np.nextafter(shorter, np.inf)  # below it is what is not above the radius
  pairs, counts, covered = neighbours.Items(real, fake), np.zeros(len(fake), int), 0
  for rows in pairs.blocks():
    rough = pairs.rough(rows)
    counts += np.count_nonzero(pairs.below(rows, rough, up_to[rows, None]), 0)
    within = np.count_nonzero(pairs.below(rows, rough, radius[rows, None]), 1)
    covered += int(np.minimum(within, k).sum())
  expected = expected_coverage(k, len(real), len(fake))
  share = np.arange(len(expected)) / len(fake)
  return {
    "clipped_density": float(min(np.minimum(counts, k).mean() / np.minimum(own, k).mean(), 1)),
    "clipped_coverage": float(np.interp(covered / (k * len(real)), expected, share)),
  }


def expected_coverage(k: int, real: int, fake: int) -> np.ndarray:
  """Expectation of the mean clipped number of samples in a ball, over k, by how many samples are good.

  The probability of a ball to the k-th nearest of N - 1 others follows Beta(k, N - k), so how many of m good
  samples it holds follows the beta-binomial distribution, of which min(J, k) is averaged. All others are
  taken to be in no ball.

  Args:
    k: which neighbour's distance is the radius.
    real: N, images that have balls; more than k.
    fake: the largest m.

  Returns: [fake + 1], for m = 0, 1, ...; increasing.
  """
  m = np.arange(fake + 1.0)[:, None]
  j = np.arange(float(k))
  with np.errstate(invalid="ignore", divide="ignore"):
    binomial = gammaln(m + 1) - gammaln(j + 1) - gammaln(np.maximum(m - j, 0) + 1)
    log_p = binomial + betaln(k + j, real + np.maximum(m - j, 0) - k) - betaln(k, real - k)
  below = np.where(m >= j, np.exp(log_p), 0)  # P(J = j)
  return 1 - below @ (k - j) / k
