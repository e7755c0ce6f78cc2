"""Penalties on the gradient of a critic with respect to its images.

A penalty is a function of the critic, real images, generated images and one key per example. It returns the
cost that is added to the critic's loss, and numbers to log as critic/NAME. The critic that it gets maps
images [B, H, W, C] to scores [B], in float32 whatever `config.dtype` is; its weights, classes and dropout are
fixed, with the i-th image's class and dropout those of the i-th example. The keys are for the penalty alone.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from gengap.method import Array, Keys, Metrics
from gengap.methods import common

Critic: TypeAlias = Callable[[Array], Array]  # images [B, H, W, C] -> scores [B]
Penalty: TypeAlias = Callable[[Critic, Array, Array, Keys], tuple[Array, Metrics]]


def gradients(critic: Critic, images: Array) -> Array:
  """Returns d critic(x_i) / d x_i of every image, [B, H, W, C]."""
  return jax.grad(lambda x: critic(x).sum())(images)


def norms(x: Array) -> Array:
  """Returns the Euclidean norm of every example, [B, ...] -> [B], differentiable at 0."""
  return jnp.sqrt(jnp.sum(x**2, axis=range(1, x.ndim)) + 1e-12)


COSTS = {
  "two_sided": lambda norm: (norm - 1.0) ** 2,  # pulls the norm to 1 (equation 3 of WGAN-GP)
  "one_sided": lambda norm: jnp.maximum(norm - 1.0, 0.0) ** 2,  # pushes it below 1 (section 4 there)
  "zero_centred": lambda norm: norm,  # pulls it to 0
}


def wgan_gp_penalty(cost: Callable[[Array], Array], weight: float) -> Penalty:
  """Returns the penalty of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, equation 3).

    weight E cost(|grad D(m)|),    m = e x + (1 - e) G(z),    e ~ U[0, 1], one per image

  It logs "penalty", E cost without the weight, and "slope", E |grad D(m)|.

  Args:
    cost: of the norms [B] -> [B], such as one of COSTS.
    weight: lambda.
  """

  def penalty(critic: Critic, real: Array, fake: Array, keys: Keys) -> tuple[Array, Metrics]:
    e = common.uniform(keys)[:, None, None, None]
    mixed = e * real + (1 - e) * fake
    norm = norms(gradients(critic, mixed))
    value = jnp.mean(cost(norm))
    return weight * value, {"penalty": value, "slope": jnp.mean(norm)}

  return penalty
