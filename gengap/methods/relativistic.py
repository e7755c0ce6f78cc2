"""The relativistic pairing GAN (Jolicoeur-Martineau 2018, arXiv:1807.00734) and R3GAN's loss.

R3GAN (Huang et al. 2024, arXiv:2501.05441) adds R1 and R2 (see `penalties`). With f(t) = softplus(t), a
real image x and a generated image G(z) of the same class:

  min_D  E f(D(G(z)) - D(x))
  min_G  E f(D(x) - D(G(z)))
"""

import jax
import jax.numpy as jnp

from gengap.method import Array
from gengap.methods.gan import Objective


def critic(real: Array, fake: Array) -> Array:
  """E f(D(G(z)) - D(x)): real images should score above generated ones."""
  return jnp.mean(jax.nn.softplus(fake - real))


def generator(real: Array, fake: Array) -> Array:
  """E f(D(x) - D(G(z))): generated images should score above real ones."""
  return jnp.mean(jax.nn.softplus(real - fake))


def relativistic_gan() -> Objective:
  """The relativistic pairing losses."""
  return Objective(critic, generator)
