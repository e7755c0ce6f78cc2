"""Who is near whom among features: exact comparisons of distances, by blocks of rows.

The squared distances of a block of rows are a product of matrices in float32, on the device. They are wrong
by less than `slack`; what is that near to a decision is computed again in float64, from the differences.
Memory grows with the number of items, and not with its square.
"""

import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError

Array = jax.Array

BLOCK = 256  # rows of the distance matrix in memory at once
PAIRS = 2**22  # numbers of differences in memory at once
MANY = 128  # doubtful pairs of a row above which its block is computed again as a whole


@jax.jit
def product(x: Array, y: Array) -> Array:
  """Squared distances between [B, D] and [N, D] in float32: [B, N]."""
  cross = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
  return jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1) - 2 * cross


class Items:
  """Two sets of features [N, D] and [M, D], or one with itself, ready to be compared."""

  def __init__(self, x: np.ndarray, y: np.ndarray | None = None):
    self.x, self.alone = np.asarray(x), y is None
    self.y = self.x if y is None else np.asarray(y)
    centre = ((self.x.mean(0, np.float64) + self.y.mean(0, np.float64)) / 2).astype(np.float32)
    self.here = jnp.asarray(self.x, jnp.float32) - centre
    self.there = self.here if self.alone else jnp.asarray(self.y, jnp.float32) - centre
    norms = [np.asarray(jnp.sum(z**2, 1), np.float64) for z in (self.here, self.there)]
    # Rounding errors of D products add up like a walk; eight times their size bounds them.
    self.slack = 8 * np.finfo(np.float32).eps * math.sqrt(self.x.shape[1]) * (norms[0] + norms[1].max())

  def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields rows and their squared distances to all of the others, [B, M] float32."""
    for start in range(0, len(self.x), BLOCK):
      rows = slice(start, start + BLOCK)
      yield rows, np.array(product(self.here[rows], self.there))

  def exact(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of pairs in float64: [P], [P] -> [P]."""
    found = np.empty(len(i))
    for start in range(0, len(i), step := max(1, PAIRS // self.x.shape[1])):
      pairs = slice(start, start + step)
      gap = self.x[i[pairs]].astype(np.float64) - self.y[j[pairs]]
      found[pairs] = np.einsum("pd,pd->p", gap, gap)
    return found

  def settled(self, rows: slice, rough: np.ndarray, doubtful: np.ndarray) -> np.ndarray:
    """Returns a block's squared distances in float64, those that are doubtful computed again."""
    i, j = np.nonzero(doubtful)
    if len(i) > MANY * len(rough):
      return self.whole(rows)
    found = rough.astype(np.float64)
    found[i, j] = self.exact(i + rows.start, j)
    return found

  def whole(self, rows: slice) -> np.ndarray:
    """Squared distances of a block in float64, from a centre of its own: of images that are all alike."""
    x = self.x[rows].astype(np.float64)
    x -= (centre := x.mean(0))
    found = np.empty((len(x), len(self.y)))
    for start in range(0, len(self.y), BLOCK):
      y = self.y[start : start + BLOCK] - centre
      gap = np.sum(x**2, 1)[:, None] + np.sum(y**2, 1) - 2 * x @ y.T
      found[:, start : start + BLOCK] = np.maximum(gap, 0)
    return found


def kth(x: np.ndarray, k: int, y: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
  """Squared distance to the k-th nearest of y, and which it is: [N, D], [M, D] -> [N] float64, [N].

  Without y, of x itself; an item is no neighbour of its own.

  Raises:
    InputError: there are not k others.
  """
  pair = Items(x, y)
  others = len(pair.y) - pair.alone
  if not 1 <= k <= others:
    raise InputError(
      f"the {k}-th nearest neighbour is asked for, and there are {others} others; give more images"
    )
  distance, index = np.empty(len(pair.x)), np.empty(len(pair.x), int)
  group = max(1, others // max(64, 2 * k))
  for rows, rough in pair.blocks():
    own = np.arange(len(rough))
    if pair.alone:
      rough[own, rows.start + own] = np.inf
    # The k-th smallest of the groups' minima is no smaller than the k-th smallest of all.
    least = np.minimum.reduceat(rough, np.arange(0, rough.shape[1], group), axis=1)
    reach = np.partition(least, k - 1)[:, k - 1] + 2 * pair.slack[rows]
    near = rough <= reach[:, None]
    found = np.where(near, pair.settled(rows, rough, near), np.inf)
    if pair.alone:
      found[own, rows.start + own] = np.inf
    index[rows] = np.argpartition(found, k - 1)[:, k - 1]
    distance[rows] = found[own, index[rows]]
  return distance, index
