"""Energy distance between two sets of images (Szekely and Rizzo, J. Stat. Plan. Inference 143, 2013)."""

import numpy as np

from gengap.errors import InputError
from gengap.metrics.sets import numbers, scaled

BLOCK = 1024  # rows of the distance matrix in memory at once


def energy_distance(x: np.ndarray, y: np.ndarray, *, block: int = BLOCK) -> float:
  """Estimates 2 E|X - Y| - E|X - X'| - E|Y - Y'| without bias, |.| being Euclidean.

  It is zero in expectation if and only if both sets come from one distribution; the estimate can be negative.

  Args:
    x: [N, ...] images or features, N >= 2; flattened, in their own units.
    y: [M, ...], M >= 2.
    block: rows at once; changes memory and speed only.

  Raises:
    InputError: a set is too small, the sizes differ, or numbers are not finite or too large to be squared.
  """
  x, y = (np.asarray(a).reshape(len(a), -1) for a in (x, y))
  if min(len(x), len(y)) < 2 or x.shape[1] != y.shape[1]:
    raise InputError(f"energy_distance needs two sets of at least 2 alike items; got {x.shape} and {y.shape}")
  (x, y), unit = scaled(*(numbers(a).astype(np.float64) for a in (x, y)))
  centre = (x.mean(0) + y.mean(0)) / 2  # distances do not change, and lose fewer digits
  x, y = x - centre, y - centre
  n, m = len(x), len(y)
  between = 2 * _sum_of_distances(x, y, block) / (n * m)
  within_x = _sum_of_distances(x, x, block) / (n * (n - 1))
  within_y = _sum_of_distances(y, y, block) / (m * (m - 1))
  return float(between - within_x - within_y) * unit


def _sum_of_distances(x: np.ndarray, y: np.ndarray, block: int) -> float:
  """Sums |x_i - y_j| over all pairs; a pair of an item with itself adds nothing."""
  square = np.sum(y**2, 1)
  total = 0.0
  for start in range(0, len(x), block):
    rows = x[start : start + block]
    gap = np.sum(rows**2, 1)[:, None] + square - 2 * rows @ y.T
    if x is y:
      gap[np.arange(len(rows)), start + np.arange(len(rows))] = 0
    total += np.sqrt(np.maximum(gap, 0)).sum()
  return total
