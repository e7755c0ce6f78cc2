"""Kernel Inception Distance: maximum mean discrepancy of features (Binkowski et al. 2018, 1801.01401).

The name is that of Inception's features; of others it is a squared MMD under the same kernel.

With features x = c + u and y = c + v about a common centre c, the kernel k(x, y) = (x . y / D + 1)^3 has
parts that depend on x alone or on y alone. They cancel in the unbiased estimate; of features far from 0 they
are so large that the rest would be lost in rounding. So `kernel` leaves them out: with a = c . c / D + 1,
p = c . u / D, q = c . v / D, g = u . v / D and w = a + p + q,

  k(x, y) - f(x) - f(y) = g (3 w^2 + 3 w g + g^2) + 3 p q (w + a),   f(x) = (a + p)^3 - a^3 / 2.
"""

from typing import NamedTuple

import numpy as np

from gengap.errors import InputError
from gengap.metrics.sets import LARGEST, pair

BLOCK = 256  # rows of the kernel's matrix in memory at once


def mmd2_unbiased(real: np.ndarray, fake: np.ndarray) -> float:
  """Unbiased estimate of the squared MMD under k(x, y) = (x . y / D + 1)^3, in float64.

  The two sums within a set leave out the diagonal and divide by N (N - 1); the sum between them, by N M.
  Gretton et al. (2012, JMLR 13), equation 3; it may be negative.

  Args:
    real: [N, D], N >= 2.
    fake: [M, D], M >= 2.

  Raises:
    InputError: fewer than two of either, widths that differ, or features that are not finite or whose kernel
      is not.
  """
  both = centred(*pair(real, fake, 2))
  n, m = (len(x.item) for x in both)
  a, b = (total(x, x) - diagonal(x).sum() for x in both)
  return a / (n * (n - 1)) + b / (m * (m - 1)) - 2 * total(*both) / (n * m)


def kid(
  real: np.ndarray, fake: np.ndarray, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
  """Mean and population standard deviation of `mmd2_unbiased` over random subsets of both sets.

  Args:
    real: [N, D].
    fake: [M, D].
    subsets: how many.
    subset_size: images of each set in a subset, drawn without replacement.
    seed: of the draws.

  Raises:
    InputError: a set is smaller than a subset, or as for `mmd2_unbiased`.
  """
  real, fake = pair(real, fake, 2)
  if subsets < 1 or not 2 <= subset_size <= min(len(real), len(fake)):
    raise InputError(
      f"KID by {subsets} subsets of {subset_size} needs at least one subset, of at least 2 images and of no "
      f"more than the {len(real)} real and {len(fake)} generated ones"
    )
  rng = np.random.default_rng(seed)
  chosen = [[rng.choice(len(x), subset_size, replace=False) for x in (real, fake)] for _ in range(subsets)]
  if max(len(real), len(fake)) ** 2 <= subsets * subset_size**2:  # pairs of all, against those of all subsets
    values = mmd2_of_subsets(real, fake, *(np.array(rows) for rows in zip(*chosen, strict=True)))
  else:
    values = [mmd2_unbiased(real[i], fake[j]) for i, j in chosen]
  return float(np.mean(values)), float(np.std(values))


def mmd2_of_subsets(real: np.ndarray, fake: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
  """`mmd2_unbiased` of subsets, each pair's kernel computed once: [N, D], [M, D], [S, n], [S, n] -> [S].

  A sum over the pairs of a subset is a product of the kernel's matrix with who is in the subset.
  """
  x, y = centred(real, fake)
  a, b = np.zeros((len(i), len(real))), np.zeros((len(j), len(fake)))
  np.put_along_axis(a, i, 1.0, 1)
  np.put_along_axis(b, j, 1.0, 1)
  within = [totals(z, z, c, c) - c @ diagonal(z) for z, c in ((x, a), (y, b))]
  n = i.shape[1]
  return (within[0] + within[1]) / (n * (n - 1)) - 2 * totals(x, y, a, b) / n**2


class Centred(NamedTuple):
  """Features about the centre of both sets, over the root of their width."""

  item: np.ndarray  # [N, D], u
  along: np.ndarray  # [N], p
  level: float  # a


def centred(real: np.ndarray, fake: np.ndarray) -> tuple[Centred, Centred]:
  """Centres two sets of features, in float64.

  Raises:
    InputError: the kernel overflows.
  """
  root = np.sqrt(real.shape[1])
  centre = (real.mean(0, dtype=np.float64) + fake.mean(0, dtype=np.float64)) / 2
  items = [(x.astype(np.float64) - centre) / root for x in (real, fake)]
  c = centre / root
  level = float(c @ c) + 1
  along = [u @ c for u in items]
  largest = max(
    level, *(float(max(abs(p).max(), np.sum(u**2, 1).max())) for u, p in zip(items, along, strict=True))
  )
  if largest > LARGEST ** (1 / 3):
    raise InputError(
      f"features are so large that the kernel, their sixth power, is {largest:.3g} cubed; scale them"
    )
  a, b = (Centred(u, p, level) for u, p in zip(items, along, strict=True))
  return a, b


def kernel(product: np.ndarray, p: np.ndarray, q: np.ndarray, level: float) -> np.ndarray:
  """k(x, y) - f(x) - f(y) of inner products [..., M]; see above."""
  w = level + p + q
  return product * (3 * w * (w + product) + product * product) + 3 * p * q * (w + level)


def diagonal(x: Centred) -> np.ndarray:
  """The kernel of every item with itself: [N]."""
  return kernel(np.einsum("nd,nd->n", x.item, x.item), x.along, x.along, x.level)


def block(x: Centred, y: Centred, rows: slice) -> np.ndarray:
  """The kernel of some items of x with all of y: [B, M]."""
  return kernel(x.item[rows] @ y.item.T, x.along[rows, None], y.along, x.level)


def blocks(x: Centred) -> list[slice]:
  """Returns the blocks of rows."""
  return [slice(start, start + BLOCK) for start in range(0, len(x.item), BLOCK)]


def total(x: Centred, y: Centred) -> float:
  """Sum of the kernel over all pairs."""
  return float(sum(block(x, y, rows).sum() for rows in blocks(x)))


def totals(x: Centred, y: Centred, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Sums of the kernel over the pairs of subsets, given by 0 and 1: [S, N], [S, M] -> [S]."""
  return np.sum([np.einsum("sm,sm->s", a[:, rows] @ block(x, y, rows), b) for rows in blocks(x)], 0)
