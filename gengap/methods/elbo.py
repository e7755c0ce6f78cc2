"""Regularisers of q(z | x): what an autoencoder's loss has besides its reconstruction.

  L = E -log p(x | z) + beta KL(q(z | x) || p(z)),    z = mu + sigma e,    e ~ N(0, I)

with p(z) = N(0, I) (Kingma and Welling 2014, arXiv:1312.6114, equation 7). Both terms are summed over
dimensions and averaged over the batch. `likelihoods` has the choices of p(x | z), `kl` those of beta, and
`autoencoder` makes methods of regularisers. The regularisers here log

  kl, kl_sample     closed form, and its estimate from the one z of each image; with a flow, both the estimate
  beta, capacity    as `kl.KLWeight` has them
  active_units      latents whose mean has a variance above 0.01 in the batch; NaN for a batch of one image
"""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp

from gengap.method import Alarm, Array, Keys, Metrics, whole_batch
from gengap.methods import kl
from gengap.methods.posteriors import Gaussian, Sample

Regulariser: TypeAlias = Callable[[Gaussian, Sample, Keys, Array], tuple[Array, Metrics]]
"""q(z | x), one z per image, one key per image, the step -> cost in nats, numbers to log.

The keys are for the regulariser alone, such as for samples of the prior. The numbers must include "kl", from
which the ELBO follows, and "kl_sample". As in any `gengap.method.Loss`, a function of the batch that is not a
mean over examples must be computed from `whole_batch`.
"""


def batch_kl(mean: Array, log_std: Array) -> tuple[Array, Array]:
  """Returns the batch's mean KL of every latent [D] and its number of active units, of Gaussians [B, D]."""
  mean, log_std = whole_batch((mean, log_std))
  return jnp.mean(kl.to_prior(mean, log_std), 0), kl.active_units(mean)


def sampled(weight: kl.KLWeight) -> Regulariser:
  """Returns the regulariser of a posterior whose KL is known from samples only."""

  def regulariser(q: Gaussian, sample: Sample, keys: Keys, step: Array) -> tuple[Array, Metrics]:
    del keys
    mean = jnp.mean(whole_batch(kl.of_sample(q.log_std, *sample)))
    cost, metrics = weight(mean, step)
    return cost, metrics | {"kl": mean, "kl_sample": mean}

  return regulariser


def closed_form(weight: kl.KLWeight, free_bits: float, levels: tuple[int, ...] = ()) -> Regulariser:
  """Returns the regulariser of a Gaussian posterior.

  Args:
    weight: of its KL.
    free_bits: the least KL in nats of every latent, or of every level if there are some, in the batch's mean.
    levels: how many latents each level has; its KL is logged as level_1, level_2, ...
  """
  ends = [sum(levels[: i + 1]) for i in range(len(levels) - 1)]

  def regulariser(q: Gaussian, sample: Sample, keys: Keys, step: Array) -> tuple[Array, Metrics]:
    del keys
    units, active = batch_kl(q.mean, q.log_std)
    groups = jnp.stack([group.sum() for group in jnp.split(units, ends)]) if levels else units
    cost, weights = weight(kl.with_free_bits(groups, free_bits), step)
    metrics = {
      "kl": units.sum(),
      "kl_sample": jnp.mean(kl.of_sample(q.log_std, *sample)),
      "active_units": active,
    }
    return cost, weights | metrics | {f"level_{i + 1}": groups[i] for i in range(len(levels))}

  return regulariser


def collapse_alarm(player: str) -> Alarm:
  """Returns the alarm for a posterior that carries no information about the image.

  Args:
    player: the one that logs "active_units".
  """
  text = "the posterior has collapsed: the means of {value:.2g} latents differ between images"
  return Alarm(f"{player}/active_units", threshold=0.5, since=1000, batch=16, text=text)
