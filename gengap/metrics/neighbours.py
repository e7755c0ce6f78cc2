"""Nearest neighbours of features: exact comparisons of distances, by blocks of rows.

The squared distances of a block of rows are a product of matrices in float32, on the device, of features
centred in float64. Each is wrong by less than the sum of the slacks of its two items; what is that near to a
decision is computed again in float64, from the differences. Memory grows with the number of items, and not
with its square.
"""

import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError
from gengap.metrics.sets import scaled

Array = jax.Array

BLOCK = 256  # rows of the distance matrix in memory at once
TILE = 1024  # rows and columns, where only a part of each row is looked at
GROUP = 16  # columns of a tile of which the smallest distance is looked for
PAIRS = 2**21  # numbers of differences in memory at once
MANY = 128  # doubtful pairs of a row above which all are computed again
FEW = 256  # items whose median is the centre


class Items:
  """Two sets of features [N, D] and [M, D], or a set and itself, prepared for comparisons."""

  def __init__(self, x: np.ndarray, y: np.ndarray | None = None):
    """Centres the features, which changes no distance and loses fewer digits.

    Args:
      x: [N, D], scaled (see `sets.scaled`), so that squares do not overflow float32.
      y: [M, D], likewise.
    """
    self.x, self.alone = np.asarray(x), y is None
    self.y = self.x if y is None else np.asarray(y)
    middle = centre(self.y[:: max(1, len(self.y) // FEW)])
    self.here = jnp.asarray(centred(self.x, middle))
    self.there = self.here if self.alone else jnp.asarray(centred(self.y, middle))
    self.norms = [square(z) for z in (self.here, self.there)]
    self.slack = [slack(np.asarray(norm), self.x.shape[1]) for norm in self.norms]

  def blocks(self) -> Iterator[slice]:
    """Yields the blocks of rows."""
    return (slice(start, min(start + BLOCK, len(self.x))) for start in range(0, len(self.x), BLOCK))

  def tiles(self) -> Iterator[tuple[slice, slice]]:
    """Yields tiles of rows and columns; of a set with itself those on the diagonal and above it."""
    for rows in (slice(start, start + TILE) for start in range(0, len(self.x), TILE)):
      for start in range(rows.start if self.alone else 0, len(self.y), TILE):
        yield rows, slice(start, start + TILE)

  def rough(self, rows: slice, columns: slice = slice(None)) -> np.ndarray:
    """Squared distances in float32, each wrong by less than the slacks of its row and its column: [B, C]."""
    here, there = (self.here[rows], self.norms[0][rows]), (self.there[columns], self.norms[1][columns])
    return np.asarray(product(*here, *there))

  def exact(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of pairs in float64: [P], [P] -> [P]."""
    found = np.empty(len(i))
    for start in range(0, len(i), step := max(1, PAIRS // self.x.shape[1])):
      pairs = slice(start, start + step)
      gap = self.x[i[pairs]].astype(np.float64) - self.y[j[pairs]]
      found[pairs] = np.einsum("pd,pd->p", gap, gap)
    return found

  def whole(self, rows: slice, columns: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances in float64, about the rows' own centre: of items that are all but alike.

    Returns: The distances, and by how much each may be wrong: [B, C], [B, C].
    """
    x, others = self.x[rows], self.y[columns]
    x = x.astype(np.float64) - (middle := centre(x))
    found, wrong = np.empty((2, len(x), len(others)))
    here = np.sum(x**2, 1)
    for start in range(0, len(others), BLOCK):
      y = others[start : start + BLOCK].astype(np.float64) - middle
      there, part = np.sum(y**2, 1), slice(start, start + BLOCK)
      found[:, part] = np.maximum(here[:, None] + there - 2 * x @ y.T, 0)
      wrong[:, part] = slack(here, x.shape[1])[:, None] + slack(there, x.shape[1])
    return found, wrong

  def below(self, rows: slice, rough: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Which squared distances of a block are below a limit, [B, 1] or [M]: [B, M] bool."""
    within, near = sides(rough, limit.astype(np.float32), self.slack[0][rows, None] + self.slack[1])
    i, j = marked(np.asarray(near))
    if len(i) > MANY * len(rough):
      found, wrong = self.whole(rows)
      within = found < limit
      i, j = marked(np.abs(found - limit) <= wrong)
    within = np.array(within)
    within[i, j] = self.exact(i + rows.start, j) < np.broadcast_to(limit, rough.shape)[i, j]
    return within


def centre(x: np.ndarray) -> np.ndarray:
  """Median of features [N, D], robust to outliers: [D] float64."""
  return np.median(x.astype(np.float64), axis=0)


def centred(x: np.ndarray, middle: np.ndarray) -> np.ndarray:
  """[N, D] less a centre [D], subtracted in float64 and rounded to float32."""
  found = np.empty(x.shape, np.float32)
  for start in range(0, len(x), TILE):
    found[start : start + TILE] = x[start : start + TILE].astype(np.float64) - middle
  return found


def slack(norm: np.ndarray, width: int) -> np.ndarray:
  """Bounds the contribution of an item of some squared norm to the error of its squared distances.

  Rounding errors of `width` products add up like a walk; eight times their size bounds them.
  """
  info = np.finfo(norm.dtype)
  return norm * (8 * info.eps * math.sqrt(width)) + width * info.tiny


@jax.jit
def product(x: Array, x_norm: Array, y: Array, y_norm: Array) -> Array:
  """Squared distances between [B, D] and [M, D] of known squared norms: [B, M]."""
  return x_norm[:, None] + y_norm - 2 * jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)


@jax.jit
def square(x: Array) -> Array:
  """Squared norms of [N, D]: [N]."""
  return jnp.sum(x**2, 1)


@jax.jit
def sides(rough: Array, limit: Array, slack: Array) -> tuple[Array, Array]:
  """Returns which numbers are below a limit, and which are too close to it to be certain."""
  return rough < limit, jnp.abs(rough - limit) <= slack


def marked(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """np.nonzero of [B, M] at a fraction of its time."""
  return np.divmod(np.flatnonzero(mask), mask.shape[1])


def kth(x: np.ndarray, k: int, y: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
  """Squared distance to the k-th nearest of y, and which it is: see `k_nearest`: [N] float64, [N]."""
  found, which = k_nearest(x, k, y)
  return found[:, -1], which[:, -1]


def k_nearest(x: np.ndarray, k: int, y: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
  """Squared distances to the k nearest of y, and which they are: [N, D], [M, D] -> [N, k] float64, [N, k].

  The nearest comes first. Without y, of x itself; an item is no neighbour of its own.

  Raises:
    InputError: there are not k others.
  """
  sets, unit = scaled(np.asarray(x), *(() if y is None else (np.asarray(y),)))
  pair = Items(*sets)
  others = len(pair.y) - pair.alone
  if not 1 <= k <= others:
    raise InputError(f"k is {k}; it must be from 1 to {others}, the number of other images")
  bound = np.full((len(pair.x), k), np.inf, np.float32)  # of the distances of k others that have been seen
  seen = []
  for rows, columns in pair.tiles():
    rough = pair.rough(rows, columns)
    seen.append(nearest(pair, rows, columns, rough, bound))
    if pair.alone and rows.start != columns.start:
      seen.append(nearest(pair, columns, rows, np.ascontiguousarray(rough.T), bound))
  i, j, least = (np.concatenate(part) for part in zip(*seen, strict=True))
  left = least <= bound[:, -1][i]
  if pair.alone:
    left &= i != j  # which a bound that is still infinite lets through
  i, j = i[left], j[left]
  found = pair.exact(i, j)
  order = np.lexsort((found, i))
  first = np.searchsorted(i[order], np.arange(len(pair.x)))
  chosen = order[first[:, None] + np.arange(k)]
  return found[chosen] * unit**2, j[chosen]


def nearest(
  pair: Items, rows: slice, columns: slice, rough: np.ndarray, bound: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Looks in a tile for pairs that may be among the k nearest, and lowers the bounds of its rows.

  Returns: Rows [P], columns [P], and the least that their squared distances can be [P], in float32.
  """
  k, wrong = bound.shape[1], pair.slack[0][rows, None] + pair.slack[1][columns]
  itself = pair.alone and rows.start == columns.start
  most = rough + wrong
  if itself:
    np.fill_diagonal(most, np.inf)
  # The least of each group bounds the distance of another item, so the k-th of them bounds the k-th of all.
  group = np.minimum.reduceat(most, np.arange(0, most.shape[1], GROUP), axis=1)
  bound[rows] = np.partition(np.concatenate([bound[rows], group], 1), k - 1, axis=1)[:, :k]
  least = rough - wrong
  i, j = marked(least <= bound[rows, -1][:, None])
  if len(i) <= MANY * len(rough):
    return i + rows.start, j + columns.start, least[i, j]
  found, wrong = pair.whole(rows, columns)
  if itself:
    np.fill_diagonal(found, np.inf)
  few = min(k, found.shape[1])
  limit = np.partition(found + wrong, few - 1, axis=1)[:, few - 1]
  i, j = marked(found - wrong <= limit[:, None])
  if len(i) > MANY * len(rough):  # alike to the last digits
    found[i, j], wrong[i, j] = pair.exact(i + rows.start, j + columns.start), 0
    if itself:
      np.fill_diagonal(found, np.inf)
    j = np.argpartition(found, few - 1, axis=1)[:, :few].ravel()
    i = np.repeat(np.arange(len(found)), few)
  lower = (found - wrong)[i, j].astype(np.float32)
  return i + rows.start, j + columns.start, np.nextafter(lower, np.float32(-np.inf))
