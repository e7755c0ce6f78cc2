"""Objectives of GANs as functions of the critic's scores: one function per paper.

D is the critic's output before any sigmoid, x a real and G(z) a generated image. Every function here returns
an `Objective`, from which `adversarial.build` makes a method.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array
from gengap.methods import common, penalties

log_sigmoid = jax.nn.log_sigmoid  # log s(D); log(1 - s(D)) is log_sigmoid(-D)


class Objective(NamedTuple):
  """The losses of both players, and what of the loss's own regularises the critic.

  Both losses get the scores of real and of generated images, paired by example. The real scores cost a
  generator nothing that does not use them: JAX drops unused computations before it compiles.
  """

  critic: Callable[[Array, Array], Array]  # D(x) [B], D(G(z)) [B] -> loss
  generator: Callable[[Array, Array], Array]  # D(x) [B], D(G(z)) [B] -> loss
  boundary: float | None = None  # scores above it mean real; None if only differences of scores mean anything
  penalty: penalties.Penalty | None = None  # of its own, added to the one that the method argument names
  clip: float = 0.0  # bound of the critic's weights; 0 sets none


def raise_scores(real: Array, fake: Array) -> Array:
  """Returns -E D(G(z)): the generator raises its own scores."""
  del real
  return -jnp.mean(fake)


def wasserstein(real: Array, fake: Array) -> Array:
  """Returns -(E D(x) - E D(G(z))), the negative of the critic's estimate of the Wasserstein distance."""
  return jnp.mean(fake) - jnp.mean(real)


def gan(loss: str = "non_saturating", real_label: float = 1.0) -> Objective:
  """Goodfellow et al. (2014, arXiv:1406.2661), equation 1, with s the sigmoid.

    max_D  E log s(D(x)) + E log(1 - s(D(G(z))))
    min_G  E log(1 - s(D(G(z))))    minimax
    max_G  E log s(D(G(z)))         non-saturating (section 3)

  The critic minimises the negative of its objective. One-sided label smoothing (Salimans et al. 2016,
  arXiv:1606.03498, section 3.4) labels real images as real with probability `real_label`.

  Args:
    loss: of the generator, "minimax" or "non_saturating".
    real_label: in (0, 1]; 1 disables smoothing.
  """
  if not 0 < real_label <= 1:
    raise InputError(f"config.method_args.real_label is {real_label}; it must be above 0 and at most 1")

  def critic(real: Array, fake: Array) -> Array:
    real_term = real_label * log_sigmoid(real) + (1 - real_label) * log_sigmoid(-real)
    return -jnp.mean(real_term) - jnp.mean(log_sigmoid(-fake))

  generator = {
    "minimax": lambda real, fake: jnp.mean(log_sigmoid(-fake)),
    "non_saturating": lambda real, fake: -jnp.mean(log_sigmoid(fake)),
  }
  return Objective(critic, common.choose("loss", loss, generator), boundary=0.0)


def lsgan(a: float = 0.0, b: float = 1.0, c: float = 1.0) -> Objective:
  """Mao et al. (2017, arXiv:1611.04076), equation 2.

    min_D  1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2
    min_G  1/2 E (D(G(z)) - c)^2

  Args:
    a: the critic's target for generated images.
    b: the critic's target for real images.
    c: the generator's target for its own images.
  """
  for name, value in {"a": a, "b": b, "c": c}.items():
    if not math.isfinite(value):
      raise InputError(f"config.method_args.{name} is {value}; it must be a finite number")
  if a == b:
    raise InputError(f"config.method_args.a and b are both {a}; the critic needs two different targets")

  def critic(real: Array, fake: Array) -> Array:
    return 0.5 * jnp.mean((real - b) ** 2) + 0.5 * jnp.mean((fake - a) ** 2)

  def generator(real: Array, fake: Array) -> Array:
    del real
    return 0.5 * jnp.mean((fake - c) ** 2)

  return Objective(critic, generator, boundary=(a + b) / 2)


def hinge() -> Objective:
  """Lim and Ye (2017, arXiv:1705.02894); Miyato et al. (2018, arXiv:1802.05957), equations 16 and 17.

  min_D  E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))
  min_G  -E D(G(z))
  """

  def critic(real: Array, fake: Array) -> Array:
    return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + fake))

  return Objective(critic, raise_scores, boundary=0.0)


def wgan(clip: float = 0.01) -> Objective:
  """Arjovsky et al. (2017, arXiv:1701.07875), equations 2 and 3 and algorithm 1.

    max_D  E D(x) - E D(G(z)),    every weight of D in [-clip, clip]
    max_G  E D(G(z))

  Args:
    clip: bound of the critic's weights after an update.
  """
  common.positive(clip=clip)
  return Objective(wasserstein, raise_scores, clip=clip)


def wgan_gp() -> Objective:
  """Gulrajani et al. (2017, arXiv:1704.00028), equation 3 without its penalty, which is one of `penalties`.

  max_D  E D(x) - E D(G(z))
  max_G  E D(G(z))
  """
  return Objective(wasserstein, raise_scores)
