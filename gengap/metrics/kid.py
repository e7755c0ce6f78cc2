"""Kernel Inception Distance: maximum mean discrepancy of features (Binkowski et al. 2018, 1801.01401)."""

import numpy as np

from gengap.errors import InputError
from gengap.metrics.sets import pair

BLOCK = 256  # rows of the kernel's matrix in memory at once


def mmd2_unbiased(real: np.ndarray, fake: np.ndarray) -> float:
  """Unbiased estimate of the squared MMD under k(x, y) = (x . y / D + 1)^3, in float64.

  The two sums within a set leave out the diagonal and divide by N (N - 1); the sum between them, by N M.
  Gretton et al. (2012, JMLR 13), equation 3; it may be negative.

  Args:
    real: [N, D], N >= 2.
    fake: [M, D], M >= 2.

  Raises:
    InputError: fewer than two of either, widths that differ, or features that are not finite.
  """
  real, fake = (np.asarray(x, np.float64) for x in pair(real, fake, 2))
  n, m = len(real), len(fake)
  a, b = (total(x, x) - diagonal(x).sum() for x in (real, fake))
  return float(a / (n * (n - 1)) + b / (m * (m - 1)) - 2 * total(real, fake) / (n * m))


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
    InputError: a set is smaller than a subset.
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
  x, y = (np.asarray(z, np.float64) for z in (real, fake))
  a, b = np.zeros((len(i), len(x))), np.zeros((len(j), len(y)))
  np.put_along_axis(a, i, 1.0, 1)
  np.put_along_axis(b, j, 1.0, 1)
  within = [totals(z, z, c, c) - c @ diagonal(z) for z, c in ((x, a), (y, b))]
  n = i.shape[1]
  return (within[0] + within[1]) / (n * (n - 1)) - 2 * totals(x, y, a, b) / n**2


def kernel(product: np.ndarray, width: int) -> np.ndarray:
  """(x . y / D + 1)^3 of inner products."""
  value = product / width + 1
  return value * value * value


def diagonal(x: np.ndarray) -> np.ndarray:
  """The kernel of every item with itself: [N, D] -> [N]."""
  return kernel(np.einsum("nd,nd->n", x, x), x.shape[1])


def total(x: np.ndarray, y: np.ndarray) -> float:
  """Sum of the kernel over all pairs, by blocks."""
  return float(sum(kernel(x[i : i + BLOCK] @ y.T, x.shape[1]).sum() for i in range(0, len(x), BLOCK)))


def totals(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Sums of the kernel over the pairs of subsets, given by 0 and 1: [N, D], [M, D], [S, N], [S, M] -> [S]."""
  found = np.zeros(len(a))
  for start in range(0, len(x), BLOCK):
    rows = slice(start, start + BLOCK)
    found += np.einsum("sm,sm->s", a[:, rows] @ kernel(x[rows] @ y.T, x.shape[1]), b)
  return found
