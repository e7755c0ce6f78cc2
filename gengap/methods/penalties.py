"""Penalties on the gradient of a critic with respect to its images.

A penalty is a function of the critic, real images, generated images and one key per example. It returns the
cost that is added to the critic's loss, and numbers to log as critic/NAME. The critic that it gets maps
images [B, H, W, C] to scores [B], in float32 whatever `config.dtype` is; its weights, classes, dropout and
augmentation are fixed, with the i-th image's those of the i-th example. The keys are for the penalty alone.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from gengap.errors import InputError
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


def squared_norm_penalty(terms: tuple[str, ...], gamma: float) -> Penalty:
  """Returns the zero-centred gradient penalties of Mescheder et al. (2018, arXiv:1801.04406), or their sum.

    R1 = gamma / 2 E |grad D(x)|^2          on real images (equation 8)
    R2 = gamma / 2 E |grad D(G(z))|^2       on generated images (equation 9)

  They log "r1" and "r2", E |grad D|^2 without gamma / 2.

  Args:
    terms: "r1", "r2" or both.
    gamma: weight of the squared norms.
  """

  def cost(critic: Critic, real: Array, fake: Array, keys: Keys) -> tuple[Array, Metrics]:
    del keys
    images = {"r1": real, "r2": fake}
    squares = {term: jnp.sum(gradients(critic, images[term]) ** 2, (1, 2, 3)) for term in terms}
    metrics = {term: jnp.mean(square) for term, square in squares.items()}
    return gamma / 2 * sum(metrics.values(), jnp.zeros(())), metrics

  return cost


class Weighted(NamedTuple):
  """A kind of penalty, and the method argument that is its weight."""

  weight: str
  make: Callable[[float], Penalty]


OF_WGAN_GP = {
  name: Weighted("penalty_weight", functools.partial(wgan_gp_penalty, cost)) for name, cost in COSTS.items()
}
PENALTIES: Mapping[str, Weighted | None] = {
  "none": None,
  **OF_WGAN_GP,
  "r1": Weighted("gamma", functools.partial(squared_norm_penalty, ("r1",))),
  "r2": Weighted("gamma", functools.partial(squared_norm_penalty, ("r2",))),
  "r1r2": Weighted("gamma", functools.partial(squared_norm_penalty, ("r1", "r2"))),
}


def build(name: str, **weights: float) -> Penalty | None:
  """Returns the penalty that config.method_args.penalty names; None for "none".

  Args:
    name: in PENALTIES.
    **weights: the method arguments that weight penalties, each with its value.

  Raises:
    InputError: unknown name, or a weight that is not above 0.
  """
  if not (kind := common.choose("penalty", name, PENALTIES)):
    return None
  common.positive(**{kind.weight: weights[kind.weight]})
  return kind.make(weights[kind.weight])


def check_weights(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
  """Checks that weights of other penalties than the named one are left at their defaults.

  Args:
    given: a method's arguments.
    defaults: of the method.

  Raises:
    InputError: a weight has no effect.
  """
  users: dict[str, list[str]] = {}
  for name, kind in PENALTIES.items():
    if kind:
      users.setdefault(kind.weight, []).append(name)
  for weight, names in users.items():
    if given["penalty"] not in names and given[weight] != defaults[weight]:
      raise InputError(
        f"config.method_args.{weight} is {given[weight]}, but penalty {given['penalty']!r} does not use it; "
        f"leave it at {defaults[weight]}, or set config.method_args.penalty to one of {', '.join(names)}"
      )
