"""From a model of p(x | z) and q(z | x) to a method: the loss of every autoencoder, and what is logged of it.

  L = E -log p(x | z) + beta KL(q(z | x) || p(z)),    z = mu + sigma e,    e ~ N(0, I)

with p(z) = N(0, I) (Kingma and Welling 2014, arXiv:1312.6114, equation 7). Both terms are summed over
dimensions and averaged over the batch. `likelihoods` has the choices of p(x | z), and `kl` those of beta.

  reconstruction    E -log p(x | z) in nats, as the loss has it
  kl, kl_sample     closed form, and its estimate from the one z of each image; with a flow, both the estimate
  elbo              nats an image, all constants, beta = 1
  bits              -elbo in bits a dimension, of 8-bit images (of binarised ones where they are)
  active_units      latents whose mean has a variance above 0.01 in the batch; NaN for a batch of one image
"""

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
import optax

from gengap.method import (
  Array,
  Batch,
  Density,
  Key,
  Keys,
  Method,
  Metrics,
  Nets,
  Params,
  Spec,
  Turn,
  whole_batch,
)
from gengap.methods import common, kl
from gengap.methods.likelihoods import Likelihood
from gengap.methods.posteriors import Gaussian, Sample

# q(z | x), a sample of it, the step -> what it costs in nats, and numbers to log
Cost: TypeAlias = Callable[[Gaussian, Sample, Array], tuple[Array, Metrics]]


def told(mean: Array, log_std: Array) -> tuple[Array, Array]:
  """Returns the batch's mean KL of every latent [D] and its number of active units, of Gaussians [B, D]."""
  mean, log_std = whole_batch((mean, log_std))
  return jnp.mean(kl.to_prior(mean, log_std), 0), kl.active_units(mean)


def sampled(price: kl.Price) -> Cost:
  """What a posterior costs of which only samples tell the KL."""

  def cost(q: Gaussian, drawn: Sample, step: Array) -> tuple[Array, Metrics]:
    rate = jnp.mean(whole_batch(kl.of_sample(q.log_std, *drawn)))
    paid, priced = price(rate, step)
    return paid, priced | {"kl": rate, "kl_sample": rate}

  return cost


def closed_form(price: kl.Price, free_bits: float, levels: tuple[int, ...] = ()) -> Cost:
  """What a Gaussian posterior costs.

  Args:
    price: of its KL.
    free_bits: nats that every latent, or every level where there are some, pays at least in the batch's mean.
    levels: how many latents each level has; its KL is logged as level_1, level_2, ...
  """
  ends = [sum(levels[: i + 1]) for i in range(len(levels) - 1)]

  def cost(q: Gaussian, drawn: Sample, step: Array) -> tuple[Array, Metrics]:
    units, active = told(q.mean, q.log_std)
    groups = jnp.stack([group.sum() for group in jnp.split(units, ends)]) if levels else units
    paid, priced = price(kl.spared(groups, free_bits), step)
    seen = {
      "kl": units.sum(),
      "kl_sample": jnp.mean(kl.of_sample(q.log_std, *drawn)),
      "active_units": active,
    }
    return paid, priced | seen | {f"level_{i + 1}": groups[i] for i in range(len(levels))}

  return cost


def assemble(
  spec: Spec,
  player: str,
  model: Any,
  latent_dim: int,
  p: Likelihood,
  tx: optax.GradientTransformation,
  cost: Cost | None = None,
  sample: bool = False,
  gaussian: bool = False,
) -> Method:
  """Builds an autoencoder of one player.

  Args:
    spec: of the data.
    player: its name.
    model: a module of images, noise [B, latent_dim] and `train` -> q(z | x), a sample, the decoder's numbers
      and log scale; with the methods `encode`, `code` and `decode`, as `vae.Autoencoder` has them.
    latent_dim: of z.
    p: the likelihood.
    tx: the optimiser.
    cost: of q(z | x); None where there is none: a plain autoencoder.
    sample: whether z is drawn from q(z | x).
    gaussian: whether q(z | x) is a Gaussian whose parameters `encode` gives.
  """
  dimensions = math.prod(spec.shape)

  def init(key: Key, batch: Batch) -> Nets:
    noise = jnp.zeros((len(batch.image), latent_dim))
    return {player: model.init(key, batch.image, noise, train=False)}

  def loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    data_keys, noise_keys = common.split(keys)
    x = p.observe(batch.image, data_keys)
    noise = common.normal(noise_keys, latent_dim) if sample else jnp.zeros((len(x), latent_dim))
    variables = nets[player] | {"params": params}
    (q, drawn, (numbers, log_scale)), changed = model.apply(
      variables, x, noise, train=True, mutable=["batch_stats"]
    )
    value = -jnp.mean(p.log_prob(numbers, log_scale, x))
    seen = {"reconstruction": value}
    if cost:
      paid, described = cost(q, drawn, step)
      if sample:
        elbo = -(value + p.constant * dimensions + described["kl"])
        seen |= {"elbo": elbo, "bits": p.bits(elbo, dimensions)}
      else:
        del described["kl_sample"]  # of no sample
      value, seen = value + paid, seen | described
    return value, ({player: changed}, seen)

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    del label
    numbers, _ = model.apply(nets[player], z, train=False, method="decode")
    return common.clip_to_image(p.mean(numbers))

  def look(method: str, nets: Nets, x: Array) -> Any:
    return model.apply(nets[player], p.observe(x, None), train=False, method=method)

  def log_joint(nets: Nets, x: Array, z: Array) -> Array:
    numbers, log_scale = model.apply(nets[player], z, train=False, method="decode")
    return p.log_prob(numbers, log_scale, x) - p.constant * dimensions + kl.log_prior(z)

  def look_once(nets: Nets, x: Array, keys: Keys) -> tuple[Array, Array, Array]:
    noise = common.normal(keys, latent_dim)
    q, drawn, (numbers, log_scale) = model.apply(nets[player], x, noise, train=False)
    log_p = p.log_prob(numbers, log_scale, x) - p.constant * dimensions
    return log_p, -kl.of_sample(q.log_std, *drawn), drawn.z

  def posterior(nets: Nets, x: Array) -> tuple[Array, Array]:
    q = model.apply(nets[player], x, train=False, method="encode")
    return q.mean, q.log_std

  represent, density = {"code": functools.partial(look, "code")}, None
  if cost:
    bits = functools.partial(p.bits, dimensions=dimensions)
    density = Density(p.observe, look_once, log_joint, bits, posterior if gaussian else None)
    represent |= {
      "mean": lambda nets, x: look("encode", nets, x).mean,
      "log_std": lambda nets, x: look("encode", nets, x).log_std,
    }
  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(Turn(player, loss, tx),),
    generate=generate,
    represent=represent,
    density=density,
  )
