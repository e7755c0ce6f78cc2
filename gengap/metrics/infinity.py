"""FD-infinity: the Frechet distance of infinitely many images (Chong and Forsyth 2020, arXiv:1911.07023).

The Frechet distance of N images is larger than that of the distributions, by about a constant over N. So
distances of random subsets of several sizes are fitted by a line in 1 / N, whose value at 0 is returned.

The authors, and dgm-eval, vary the number of generated images and keep one set of real statistics, whose own
number of images still adds to the intercept. Here both sets are of the same size at every point, so that the
bias of both is extrapolated, and the value of two samples of one distribution is near 0. What remains is the
bias of higher orders in D / N, which is why the smallest subset has at least 2 D images.
"""

import math
from typing import NamedTuple

import numpy as np

from gengap.errors import InputError
from gengap.metrics.frechet import Moments, frechet_distance, merge, moments
from gengap.metrics.sets import pair

POINTS = 15  # sizes of subsets, as of the authors
SHARE = 10  # the smallest subset is at least this part of all
WIDTHS = 2  # and has at least so many images for each feature
LEAST = 50  # images


class Line(NamedTuple):
  """A line through Frechet distances, in 1 / N, and its points."""

  value: float  # at 1 / N = 0
  error: float  # standard error of the value, as if the distances were independent
  slope: float  # the distance of N images is about value + slope / N
  r2: float  # share of the variance of the distances that the line explains
  sizes: list[int]  # N of every point
  distances: list[float]  # the mean over disjoint subsets of that size


def fd_infinity(
  real: np.ndarray, fake: np.ndarray, points: int = POINTS, seed: int = 0, fixed_real: bool = False
) -> Line:
  """Extrapolates the squared Frechet distance to infinitely many images.

  Sizes are evenly spaced from the smallest (a tenth of all, and at least 2 D) to N, the size of the smaller
  set. At each size n the distance is the mean over N // n disjoint subsets of the images in random order.
  Subsets of different sizes overlap, so `error` is too small for the difference between two sets of images:
  compare it with the spread over draws.

  Args:
    real: [N, D].
    fake: [M, D].
    points: sizes, at least 3.
    seed: of the order.
    fixed_real: compare all subsets with all real images, as the authors do.

  Raises:
    InputError: fewer than 4 D or 50 of either, widths that differ, or features that are not finite.
  """
  real, fake = pair(real, fake, 2)
  n, width = min(len(real), len(fake)), real.shape[1]
  if n < (least := max(2 * WIDTHS * width, LEAST)):
    raise InputError(
      f"there are {len(real)} real and {len(fake)} generated images; a line through Frechet distances of "
      f"{width} features needs at least {least} of each, {2 * WIDTHS} for each feature"
    )
  if points < 3:
    raise InputError(f"a line through {points} points has no error; at least 3 are needed")
  rng = np.random.default_rng(seed)
  ordered = [x[rng.permutation(len(x))[:n]] for x in (real, fake)]
  smallest = max(n // SHARE, WIDTHS * width)
  sizes = np.unique(np.linspace(smallest, n, points).astype(int)).tolist()
  whole = moments(real) if fixed_real else None
  first: list[Moments] = []
  distances = []
  for at, size in enumerate(sizes):
    done = sizes[at - 1] if at else 0
    added = [moments(x[done:size]) for x in ordered]
    first = [merge(*both) for both in zip(first, added, strict=True)] if at else added
    others = range(size, n - size + 1, size)
    subsets = [first, *([moments(x[start : start + size]) for x in ordered] for start in others)]
    found = [distance(whole or real_part, fake_part) for real_part, fake_part in subsets]
    distances.append(float(np.mean(found)))
  return fit(sizes, distances)


def distance(real: Moments, fake: Moments) -> float:
  """Squared Frechet distance of two sets by their moments."""
  return frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)


def fit(sizes: list[int], distances: list[float]) -> Line:
  """Returns the line in 1 / N by least squares."""
  x, y = 1 / np.asarray(sizes, float), np.asarray(distances)
  centred = x - x.mean()
  spread = float(centred @ centred)
  slope = float(centred @ y) / spread
  value = float(y.mean()) - slope * float(x.mean())
  rest = float(np.sum((y - value - slope * x) ** 2))
  error = math.sqrt(rest / (len(x) - 2) * (1 / len(x) + float(x.mean()) ** 2 / spread))
  around = float(np.sum((y - y.mean()) ** 2))
  return Line(value, error, slope, 1 - rest / around if around else 1.0, sizes, distances)
