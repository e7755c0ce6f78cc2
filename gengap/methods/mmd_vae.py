"""MMD-VAE, of the family InfoVAE (Zhao et al. 2017, arXiv:1706.02262, equation 6).

  L = E -log p(x | z) + (1 - alpha) E KL(q(z | x) || p(z)) + (alpha + lambda - 1) MMD(q(z), p(z))

with q(z) the aggregate posterior. alpha = 0 and lambda = 1 is the VAE, alpha = 1 the MMD-VAE. The MMD has the
kernel k(a, b) = exp(-|a - b|^2 / (2 s^2)), s^2 = bandwidth times the latent dimension, and is estimated from
the codes z_i of the whole batch and as many draws y_j of the prior by the biased V-statistic (Gretton et al.
2012, equation 5), which keeps the pairs i = j:

  MMD = mean_ij k(z_i, z_j) + mean_ij k(y_i, y_j) - 2 mean_ij k(z_i, y_j)

It logs "mmd", and what `elbo.closed_form` logs except beta.
"""

import math

import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Keys, Metrics, whole_batch
from gengap.methods import common, elbo, kl
from gengap.methods.posteriors import Gaussian, Sample


def squared_mmd(x: Array, y: Array, bandwidth: float) -> Array:
  """The MMD of samples [N, D] and [M, D], as above."""

  def kernel(a: Array, b: Array) -> Array:
    squares = jnp.sum((a[:, None] - b) ** 2, -1)
    return jnp.exp(-squares / (2 * bandwidth * a.shape[1]))

  return jnp.mean(kernel(x, x)) + jnp.mean(kernel(y, y)) - 2 * jnp.mean(kernel(x, y))


def mmd_vae(alpha: float = 1.0, weight: float = 1000.0, bandwidth: float = 1.0) -> elbo.Regulariser:
  """The last two terms of L.

  Args:
    alpha: weight of the information between image and code, at most 1.
    weight: lambda, at least 1 - alpha.
    bandwidth: of the kernel, in units of the latent dimension.
  """
  common.positive(bandwidth=bandwidth)
  if not -math.inf < alpha <= 1:
    raise InputError(f"config.method_args.alpha is {alpha}; it must be a finite number of at most 1")
  if not 1 - alpha <= weight < math.inf:
    raise InputError(
      f"config.method_args.weight is {weight}; it must be a finite number of at least 1 - alpha, {1 - alpha}"
    )

  def regulariser(q: Gaussian, sample: Sample, keys: Keys, step: Array) -> tuple[Array, Metrics]:
    del step
    units, active = elbo.batch_kl(q.mean, q.log_std)
    prior = common.normal(keys, sample.z.shape[1])
    mmd = squared_mmd(*whole_batch((sample.z, prior)), bandwidth)
    estimate = jnp.mean(kl.of_sample(q.log_std, *sample))
    metrics = {"kl": units.sum(), "kl_sample": estimate, "active_units": active, "mmd": mmd}
    return (1 - alpha) * metrics["kl"] + (alpha + weight - 1) * mmd, metrics

  return regulariser
