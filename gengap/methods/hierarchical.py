"""Variational autoencoder with levels of latents (Sønderby et al. 2016, arXiv:1602.02282).

  p(z) = p(z_1) p(z_2 | z_1) ...,    q(z | x) = q(z_1 | x) q(z_2 | x, z_1) ...

`networks.ladder` has both ways, and coordinates u in which every prior is N(0, I); `elbo` has the loss. The
KL of level i, given the levels above as they are drawn, is logged as level_i; level_1 is the top.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Method, Spec
from gengap.methods import common, elbo, kl, likelihoods
from gengap.methods.posteriors import Gaussian, Sample
from gengap.networks import ladder


class Hierarchy(nn.Module):
  """A ladder as a model of p(x | z) and q(z | x), and the scale of p(x | z) where one is learned."""

  ladder: ladder.Ladder
  latent_dim: int
  learned_scale: bool = False

  @nn.compact
  def scale(self) -> Array:
    """Returns the log scale []."""
    return self.param("log_scale", nn.initializers.zeros, ()) if self.learned_scale else jnp.zeros(())

  def __call__(self, x: Array, noise: Array, train: bool) -> tuple[Gaussian, Sample, tuple[Array, Array]]:
    """Returns q(u | x), the sample that noise [B, D] makes, and what `decode` makes of that."""
    del train
    numbers, (mean, log_std, u) = self.ladder(noise, x)
    q = Gaussian(mean, log_std, context=mean[:, :0])
    return q, Sample(noise, u, log_det=jnp.zeros(len(x))), (numbers, self.scale())

  def encode(self, x: Array, train: bool) -> Gaussian:
    """[B, H, W, C] -> q(u | x), each level's given the means of those above."""
    return self(x, jnp.zeros((len(x), self.latent_dim)), train)[0]

  def code(self, x: Array, train: bool) -> Array:
    """[B, H, W, C] -> u of no noise [B, D]."""
    return self.encode(x, train).mean

  def decode(self, u: Array, train: bool) -> tuple[Array, Array]:
    """[B, D] -> the decoder's numbers [B, H, W, each * C], and the log scale."""
    del train
    return self.ladder(u)[0], self.scale()


def build(
  spec: Spec,
  width: int = 32,
  latents: Sequence[int] = (32, 4, 2),
  likelihood: str | Mapping[str, Any] = "squared_error",
  beta: float | Mapping[str, Any] = 1.0,
  free_bits: float = 0.0,
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds a hierarchical variational autoencoder.

  Args:
    spec: of the data.
    width: channels of the features.
    latents: how many the top level has, a vector, then the channels of each level of maps, from the smallest
      (7x7 for 28x28 images, 4x4 for 32x32) to those of half the image's side.
    likelihood: as in `vae.build`.
    beta: as in `vae.build`.
    free_bits: nats that every level pays at least, in the mean over the batch; 0 frees none.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 clips nothing.

  Raises:
    InputError: a value outside its range, or more levels than the images have.
  """
  common.positive(width=width)
  if not latents:
    raise InputError("config.method_args.latents is empty; it must have one level at least")
  common.counts("latents", latents, least=1)
  kl.not_negative(free_bits=free_bits)
  p = likelihoods.find(likelihood)
  height, columns, colours = spec.shape
  shape = (height, columns, colours * p.each)
  sizes = tuple(math.prod(form) for form in ladder.shapes(shape, latents))
  model = Hierarchy(
    ladder.Ladder(shape, tuple(latents), width, spec.dtype), sum(sizes), learned_scale=p.learned_scale
  )
  cost = elbo.closed_form(kl.price(beta), free_bits, sizes)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  return elbo.assemble(spec, "vae", model, sum(sizes), p, tx, cost, sample=True)
