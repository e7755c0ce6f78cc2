"""Distance of the aggregate posterior from the prior."""

import math

import numpy as np

from gengap.errors import InputError
from gengap.metrics.sets import numbers


def aggregate(z: np.ndarray) -> dict[str, float]:
  """Compares the moments of the aggregate posterior with those of the prior, N(0, I).

  Args:
    z: one of each image, [N, D] with N > D.

  Returns: mean_norm, the norm of the mean; variance, the mean variance of a latent (1 in the prior), with its
    smallest and largest; kl in nats, of the Gaussian with the mean and the covariance of z from N(0, I):

      1/2 (tr C + |m|^2 - D - log det C).

    With N images a z from the prior itself has about D (D + 3) / 4N, given as kl_floor. If a
    latent is the same for all images, or a sum of others, the covariance is singular and the KL infinite.

  Raises:
    InputError: no more images than latents, or numbers that are not finite.
  """
  z = numbers(z).astype(np.float64)
  n, d = z.shape
  if n <= d:
    raise InputError(
      f"there are {n} images for {d} latents; the aggregate posterior needs more images than latents"
    )
  m, c = z.mean(0), np.atleast_2d(np.cov(z, rowvar=False))
  sign, log_det = np.linalg.slogdet(c)
  variance = np.diag(c)
  return {
    "mean_norm": float(np.linalg.norm(m)),
    "variance": float(variance.mean()),
    "variance_min": float(variance.min()),
    "variance_max": float(variance.max()),
    "kl": float(0.5 * (np.trace(c) + m @ m - d - log_det)) if sign > 0 else math.inf,
    "kl_floor": d * (d + 3) / (4 * n),
  }
