"""A variational autoencoder with levels of latents (Sønderby et al. 2016, arXiv:1602.02282).

  p(z) = p(z_1) p(z_2 | z_1) ...,    q(z | x) = q(z_1 | x) q(z_2 | x, z_1) ...

`networks.ladder` has both networks, and coordinates u in which every prior is N(0, I); `autoencoder` has the
loss. The KL of level i, given samples of the levels above, is logged as level_i; level_1 is the top.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Encoding, Method, Spec
from gengap.methods import common, elbo, kl, likelihoods
from gengap.methods.autoencoder import assemble
from gengap.methods.posteriors import Gaussian, Sample
from gengap.networks import ladder


class Hierarchy(nn.Module):
  """A ladder as a model of p(x | z) and q(z | x), and the scale of p(x | z) if it is learned."""

  ladder: ladder.Ladder
  latent_dim: int
  learned_scale: bool = False

  @nn.compact
  def scale(self) -> Array:
    """Returns the log scale []."""
    return self.param("log_scale", nn.initializers.zeros, ()) if self.learned_scale else jnp.zeros(())

  def __call__(self, x: Array, noise: Array, train: bool) -> tuple[Gaussian, Sample, tuple[Array, Array]]:
    """Returns q(u | x), its sample for noise [B, D], and `decode` of that sample."""
    del train
    outputs, (mean, log_std, u) = self.ladder(noise, x)
    q = Gaussian(mean, log_std, context=mean[:, :0])
    return q, Sample(noise, u, log_det=jnp.zeros(len(x))), (outputs, self.scale())

  def encode(self, x: Array, train: bool) -> Gaussian:
    """Returns q(u | x) of images [B, H, W, C], each level's given the means of the levels above."""
    return self(x, jnp.zeros((len(x), self.latent_dim)), train)[0]

  def code(self, x: Array, train: bool) -> Array:
    """Returns the u of zero noise [B, D] for images [B, H, W, C]."""
    return self.encode(x, train).mean

  def decode(self, u: Array, train: bool) -> tuple[Array, Array]:
    """Returns the decoder's outputs [B, H, W, each * C] for latents [B, D], and the log scale."""
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
    latents: the number of latents in the top level, which is a vector, then the channels of each level of
      maps, from the smallest (7x7 for 28x28 images, 4x4 for 32x32) to half the image's side.
    likelihood: as in `vae.build`.
    beta: as in `vae.build`.
    free_bits: the least KL in nats of every level, in the mean over the batch; 0 sets none.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 disables clipping.

  Raises:
    InputError: a value outside its range, or more levels than the images have.
  """
  common.positive(width=width)
  if not latents:
    raise InputError("config.method_args.latents is empty; it needs at least one level")
  common.counts("latents", latents, least=1)
  kl.not_negative(free_bits=free_bits)
  p = likelihoods.find(likelihood)
  height, columns, colours = spec.shape
  shape = (height, columns, colours * p.each)
  sizes = tuple(math.prod(form) for form in ladder.shapes(shape, latents))
  model = Hierarchy(
    ladder.Ladder(shape, tuple(latents), width, spec.dtype), sum(sizes), learned_scale=p.learned_scale
  )
  regulariser = elbo.closed_form(kl.weight(beta), free_bits, sizes)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  alarms = (elbo.collapse_alarm("vae"),)
  return assemble(
    spec, "vae", model, sum(sizes), p, tx, regulariser, sample=True, encodes=Encoding.LEVELS, alarms=alarms
  )
