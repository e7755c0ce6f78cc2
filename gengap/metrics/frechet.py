"""Frechet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, 1706.08500)."""

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from gengap.errors import InputError
from gengap.metrics.sets import numbers


class Moments(NamedTuple):
  """Count, mean and scatter of features; float64, so that any number of batches may be added."""

  number: int
  mean: np.ndarray  # [D]
  scatter: np.ndarray  # [D, D], sum of (x - mean) (x - mean)^T

  @property
  def covariance(self) -> np.ndarray:
    """With the divisor N - 1: [D, D].

    Raises:
      InputError: of fewer than two.
    """
    if self.number < 2:
      raise InputError(f"a covariance needs at least 2 items, and there are {self.number}")
    return self.scatter / (self.number - 1)

  @property
  def diversity(self) -> float:
    """Root mean square distance between two different items, in the unit of the features."""
    return float(np.sqrt(2 * np.trace(self.covariance)))


def moments(features: np.ndarray) -> Moments:
  """Returns the moments of features [N, D].

  Raises:
    InputError: there are none, or some are not finite or cannot be squared.
  """
  features = numbers(features).astype(np.float64)
  mean = features.mean(0)
  centred = features - mean
  return Moments(len(features), mean, centred.T @ centred)


def merge(a: Moments, b: Moments) -> Moments:
  """Returns the moments of both sets together (Chan, Golub and LeVeque 1979)."""
  number, shift = a.number + b.number, b.mean - a.mean
  mean = a.mean + shift * (b.number / number)
  scatter = a.scatter + b.scatter + np.outer(shift, shift) * (a.number * b.number / number)
  return Moments(number, mean, scatter)


def frechet_distance(mu1: ArrayLike, cov1: ArrayLike, mu2: ArrayLike, cov2: ArrayLike) -> float:
  """Squared Frechet distance |mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) between two Gaussians.

  With C1 = L L^T, C1 C2 has the eigenvalues of the symmetric L^T C2 L, whose roots are summed. No square root
  of a matrix is taken; L is by Cholesky with pivots, so either covariance may be singular.

  Args:
    mu1: [D].
    cov1: [D, D], symmetric and positive semi-definite.
    mu2: [D].
    cov2: [D, D], likewise.

  Raises:
    InputError: shapes that do not belong together, or a matrix that is no covariance.
  """
  mu1, mu2, cov1, cov2 = (np.atleast_1d(np.asarray(x, np.float64)) for x in (mu1, mu2, cov1, cov2))
  d = len(mu1)
  if not (mu1.shape == mu2.shape == (d,)) or not (cov1.size == cov2.size == d * d):
    raise InputError(
      f"means of shape {mu1.shape} and {mu2.shape} do not go with covariances {cov1.shape} and {cov2.shape}"
    )
  cov1, cov2 = cov1.reshape(d, d), cov2.reshape(d, d)
  if not all(np.isfinite(x).all() for x in (mu1, mu2, cov1, cov2)):
    raise InputError("a mean or a covariance holds numbers that are not finite")
  unit = max(float(np.abs(x).max()) for x in (mu1 - mu2, np.sqrt(np.abs(cov1)), np.sqrt(np.abs(cov2)))) or 1.0
  shift, (cov1, cov2) = (
    (mu1 - mu2) / unit,
    (x / unit / unit for x in (cov1, cov2)),
  )  # products do not overflow
  if not (root := factor(cov1)).size:
    roots = np.zeros(1)
  else:
    roots = np.sqrt(np.maximum(scipy.linalg.eigvalsh(root.T @ cov2 @ root, check_finite=False), 0))
  return float(shift @ shift + np.trace(cov1) + np.trace(cov2) - 2 * roots.sum()) * unit**2


def factor(covariance: np.ndarray) -> np.ndarray:
  """Returns L with covariance = L L^T: [D, D] of rank R -> [D, R].

  Raises:
    InputError: it is not symmetric.
  """
  if not np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-9 * abs(covariance).max()):
    raise InputError("a covariance is not symmetric")
  pstrf: Any = scipy.linalg.get_lapack_funcs("pstrf", (covariance,))
  lower, pivots, rank, _ = pstrf(covariance, lower=1)
  root = np.zeros((len(covariance), rank))
  root[pivots - 1] = np.tril(lower)[:, :rank]
  return root


def frechet_from_features(real: np.ndarray, fake: np.ndarray) -> float:
  """Squared Frechet distance between features [N, D] and [M, D], with the divisors N - 1 and M - 1.

  Raises:
    InputError: fewer than two of either, or features that are not finite.
  """
  a, b = moments(real), moments(fake)
  return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
