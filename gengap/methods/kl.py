"""The KL term of an ELBO, KL(q(z | x) || N(0, I)): its value, and its weight over the course of training."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from gengap.errors import InputError
from gengap.method import Array, Metrics
from gengap.methods import common

ACTIVE = 0.01  # a latent whose mean has a larger variance over the data is active (Burda et al.)


def to_prior(mean: Array, log_std: Array) -> Array:
  """KL(N(mean, exp(log_std)^2) || N(0, 1)) of every latent in nats: [B, D] -> [B, D].

  Kingma and Welling (2014, arXiv:1312.6114), appendix B.
  """
  return 0.5 * (mean**2 + jnp.exp(2 * log_std) - 2 * log_std - 1.0)


def of_sample(log_std: Array, noise: Array, z: Array, log_det: Array) -> Array:
  """The estimate of the KL from one sample z, log q(z | x) - log p(z) in nats, [B].

  log_std, noise and z are [B, D], log_det is [B]. z is mean + exp(log_std) noise, or a flow's output for it;
  log_det is the flow's (Rezende and Mohamed 2015, arXiv:1505.05770, equation 13), or 0.
  """
  return jnp.sum(0.5 * (z**2 - noise**2) - log_std, -1) - log_det


def log_prior(z: Array) -> Array:
  """Log density N(z; 0, I) in nats: [B, D] -> [B]."""
  return -0.5 * jnp.sum(z**2 + math.log(2 * math.pi), -1)


def active_units(mean: Array) -> Array:
  """Number of latents whose posterior mean varies over the images, [N, D] -> []; NaN if N is 1.

  Burda et al. (2016, arXiv:1509.00519), section 5: Var_x(E_q(z | x) z) > 0.01, with the unbiased variance.
  """
  if len(mean) < 2:
    return jnp.full((), jnp.nan)
  return jnp.sum(jnp.var(mean, axis=0, ddof=1) > ACTIVE).astype(jnp.float32)


class KLWeight(NamedTuple):
  """Weighs a KL at a step: beta(step) kl, or beta(step) |kl - capacity(step)|."""

  beta: optax.Schedule
  capacity: optax.Schedule | None = None

  def __call__(self, kl: Array, step: Array) -> tuple[Array, Metrics]:
    """Returns the weighted KL [] of a KL [] in nats, and beta and capacity to log."""
    beta = jnp.asarray(self.beta(step), jnp.float32)
    if self.capacity is None:
      return beta * kl, {"beta": beta}
    capacity = jnp.asarray(self.capacity(step), jnp.float32)
    return beta * jnp.abs(kl - capacity), {"beta": beta, "capacity": capacity}


def not_negative(**values: float) -> None:
  """Raises InputError for the first method argument that is not a finite number of at least 0."""
  for name, value in values.items():
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
      raise InputError(f"config.method_args.{name} is {value!r}; it must be a number of at least 0")


def constant(value: float) -> KLWeight:
  """Constant beta (Higgins et al. 2017); 1 is the ELBO, 0 leaves the KL out."""
  not_negative(beta=value)
  return KLWeight(optax.constant_schedule(float(value)))


def linear(start: float, stop: float, steps: int) -> KLWeight:
  """Beta rises or falls linearly from `start` at step 0 to `stop` at step `steps`, then stays constant."""
  not_negative(**{"beta.start": start, "beta.stop": stop})
  common.positive(**{"beta.steps": steps})
  return KLWeight(optax.linear_schedule(float(start), float(stop), steps))


def warmup(steps: int, stop: float = 1.0) -> KLWeight:
  """Beta rises linearly from 0 to `stop` over the first `steps` (Bowman et al. 2016, arXiv:1511.06349)."""
  return linear(0.0, stop, steps)


def cyclical(steps: int, stop: float = 1.0, rising: float = 0.5) -> KLWeight:
  """Beta rises from 0 to `stop` in every cycle (Fu et al. 2019, arXiv:1903.10145, equation 6).

  Args:
    steps: length of a cycle.
    stop: beta at the end of each cycle.
    rising: share of a cycle in which beta rises; it is `stop` for the rest of it.
  """
  not_negative(**{"beta.stop": stop})
  common.positive(**{"beta.steps": steps})
  if not 0 < rising <= 1:
    raise InputError(f"config.method_args.beta.rising is {rising}; it must be above 0 and at most 1")
  return KLWeight(lambda step: stop * jnp.minimum((step % steps) / (rising * steps), 1.0))


def capacity(steps: int, stop: float, start: float = 0.0, weight: float = 1.0) -> KLWeight:
  """Burgess et al. (2018, arXiv:1804.03599), equation 8: weight |KL - C|.

  C goes from `start` to `stop` nats over `steps`, then stays constant.
  """
  not_negative(**{"beta.start": start, "beta.stop": stop, "beta.weight": weight})
  common.positive(**{"beta.steps": steps})
  return KLWeight(
    optax.constant_schedule(float(weight)), optax.linear_schedule(float(start), float(stop), steps)
  )


SCHEDULES = {f.__name__: f for f in (constant, linear, warmup, cyclical, capacity)}


def weight(beta: float | Mapping[str, Any]) -> KLWeight:
  """Returns the weight that config.method_args.beta describes: a number, or a schedule and its settings.

  For instance {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 3900}.

  Raises:
    InputError: unknown schedule, settings that it does not take, or a value outside its range.
  """
  if isinstance(beta, int | float):
    return constant(beta)
  return common.from_description("beta", beta, "schedule", SCHEDULES)


def with_free_bits(units: Array, free: float) -> Array:
  """Sum of the KLs of the latents, at least `free` nats each: [D] -> [].

  Free bits (Kingma et al. 2016, arXiv:1606.04934, equation 15): a latent whose KL, in the mean over the
  batch, is below `free` nats gains nothing by lowering it further.
  """
  return jnp.sum(jnp.maximum(units, free))
