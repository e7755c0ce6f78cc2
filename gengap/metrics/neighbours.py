"""Who is near whom among features: exact comparisons of distances, by blocks of rows.

The squared distances of a block of rows are a product of matrices in float32, on the device. They are wrong
by less than `slack`; what is that near to a decision is computed again in float64, from the differences.
Memory grows with the number of items, and not with its square.
"""

import functools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError

Array = jax.Array

BLOCK = 256  # rows of the distance matrix in memory at once
TILE = 1024  # rows and columns, where only a part of each row is looked at
GROUP = 16  # columns of a tile of which the smallest distance is looked for
PAIRS = 2**21  # numbers of differences in memory at once
MANY = 128  # doubtful pairs of a row above which all are computed again


class Items:
  """Two sets of features [N, D] and [M, D], or one with itself, ready to be compared."""

  def __init__(self, x: np.ndarray, y: np.ndarray | None = None):
    """Centres the features, which changes no distance and loses fewer digits."""
    self.x, self.alone = np.asarray(x), y is None
    self.y = self.x if y is None else np.asarray(y)
    centre = np.asarray(self.y.mean(0), np.float32)
    self.here = shifted(jnp.array(self.x, jnp.float32), centre)
    self.there = self.here if self.alone else shifted(jnp.array(self.y, jnp.float32), centre)
    self.norms = [square(z) for z in (self.here, self.there)]
    # Rounding errors of D products add up like a walk; eight times their size bounds them.
    error = 8 * np.finfo(np.float32).eps * math.sqrt(self.x.shape[1])
    self.slack = error * (np.asarray(self.norms[0]) + np.asarray(self.norms[1]).max())

  def blocks(self) -> Iterator[slice]:
    """Yields the blocks of rows."""
    return (slice(start, min(start + BLOCK, len(self.x))) for start in range(0, len(self.x), BLOCK))

  def tiles(self) -> Iterator[tuple[slice, slice]]:
    """Yields tiles of rows and columns; of a set with itself those on the diagonal and above it."""
    for rows in (slice(start, start + TILE) for start in range(0, len(self.x), TILE)):
      for start in range(rows.start if self.alone else 0, len(self.y), TILE):
        yield rows, slice(start, start + TILE)

  def rough(self, rows: slice, columns: slice = slice(None)) -> np.ndarray:
    """Squared distances in float32, each wrong by less than the slack of its row: [B, C]."""
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

  def whole(self, rows: slice, columns: slice = slice(None)) -> np.ndarray:
    """Squared distances in float64, about the rows' own centre: of items that are all but alike.

    They are good to some 15 digits of the squared norms, so what lies at exactly a limit may fall either way.
    """
    x = self.x[rows].astype(np.float64)
    x -= (centre := x.mean(0))
    others = self.y[columns]
    found = np.empty((len(x), len(others)))
    for start in range(0, len(others), BLOCK):
      y = others[start : start + BLOCK] - centre
      gap = np.sum(x**2, 1)[:, None] + np.sum(y**2, 1) - 2 * x @ y.T
      found[:, start : start + BLOCK] = np.maximum(gap, 0)
    return found

  def below(self, rows: slice, rough: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Which squared distances of a block are below a limit, [B, 1] or [M]: [B, M] bool."""
    within, near = sides(rough, limit.astype(np.float32), self.slack[rows, None])
    i, j = marked(np.asarray(near))
    if len(i) > MANY * len(rough):
      return self.whole(rows) < limit
    within = np.array(within)
    within[i, j] = self.exact(i + rows.start, j) < np.broadcast_to(limit, rough.shape)[i, j]
    return within


@jax.jit
def product(x: Array, x_norm: Array, y: Array, y_norm: Array) -> Array:
  """Squared distances between [B, D] and [M, D] of known squared norms: [B, M]."""
  return x_norm[:, None] + y_norm - 2 * jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)


@functools.partial(jax.jit, donate_argnums=0)
def shifted(x: Array, centre: np.ndarray) -> Array:
  """[N, D] less a centre [D], in the same memory."""
  return x - centre


@jax.jit
def square(x: Array) -> Array:
  """Squared norms of [N, D]: [N]."""
  return jnp.sum(x**2, 1)


@jax.jit
def sides(rough: Array, limit: Array, slack: Array) -> tuple[Array, Array]:
  """Which numbers are below a limit, and which are so near to it that it is not sure."""
  return rough < limit, jnp.abs(rough - limit) <= slack


def marked(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """np.nonzero of [B, M] at a fraction of its time."""
  return np.divmod(np.flatnonzero(mask), mask.shape[1])


def kth(x: np.ndarray, k: int, y: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
  """Squared distance to the k-th nearest of y, and which it is: [N, D], [M, D] -> [N] float64, [N].

  Without y, of x itself; an item is no neighbour of its own.

  Raises:
    InputError: there are not k others.
  """
  pair = Items(x, y)
  others = len(pair.y) - pair.alone
  if not 1 <= k <= others:
    raise InputError(f"k is {k}; it must be from 1 to {others}, the number of other images")
  bound = np.full((len(pair.x), k), np.inf, np.float32)  # distances of k others that have been seen
  seen = []
  for rows, columns in pair.tiles():
    rough = pair.rough(rows, columns)
    seen.append(nearest(pair, rows, columns, rough, bound))
    if pair.alone and rows.start != columns.start:
      seen.append(nearest(pair, columns, rows, np.ascontiguousarray(rough.T), bound))
  i, j, value = (np.concatenate(part) for part in zip(*seen, strict=True))
  left = value <= bound[:, -1][i] + 2 * pair.slack[i]
  if pair.alone:
    left &= i != j  # which a bound that is still infinite lets through
  i, j = i[left], j[left]
  found = pair.exact(i, j)
  order = np.lexsort((found, i))
  chosen = order[np.searchsorted(i[order], np.arange(len(pair.x))) + k - 1]
  return found[chosen], j[chosen]


def nearest(
  pair: Items, rows: slice, columns: slice, rough: np.ndarray, bound: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Looks in a tile for pairs that may be among the k nearest, and lowers the bounds of its rows.

  Returns: Rows [P], columns [P], squared distances [P] in float32.
  """
  k, slack = bound.shape[1], pair.slack[rows]
  if itself := pair.alone and rows.start == columns.start:
    rough = rough.copy()
    np.fill_diagonal(rough, np.inf)
  # The least of each group is the distance of another item, so the k-th of them bounds the k-th of all.
  least = np.minimum.reduceat(rough, np.arange(0, rough.shape[1], GROUP), axis=1)
  bound[rows] = np.partition(np.concatenate([bound[rows], least], 1), k - 1, axis=1)[:, :k]
  i, j = marked(rough <= (bound[rows, -1] + 2 * slack)[:, None])
  if len(i) > MANY * len(rough):
    exact = pair.whole(rows, columns)
    if itself:
      np.fill_diagonal(exact, np.inf)
    few = min(k, exact.shape[1])
    j = np.argpartition(exact, few - 1, axis=1)[:, :few].ravel()
    i = np.repeat(np.arange(len(exact)), few)
    return i + rows.start, j + columns.start, exact[i, j].astype(np.float32)
  return i + rows.start, j + columns.start, rough[i, j]
