"""Variational autoencoders with levels of latents (Sønderby et al. 2016, arXiv:1602.02282).

  p(z) = p(z_1) p(z_2 | z_1) ...,    q(z | x) = q(z_1 | x) q(z_2 | x, z_1) ...

`networks.ladder` has both networks of a few levels, `networks.deep_ladder` those of many, and both have
coordinates u in which every prior is N(0, I); `autoencoder` has the loss. The KL of level i, given samples of
the levels above, is logged as level_i; level_1 is the top.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax

from gengap.errors import InputError
from gengap.method import Array, Encoding, Method, Spec
from gengap.methods import common, elbo, kl, likelihoods, spectral_regularisation
from gengap.methods.autoencoder import assemble, log_scale_of
from gengap.methods.likelihoods import Likelihood
from gengap.methods.posteriors import Gaussian, Sample
from gengap.networks import deep_ladder, ladder


class Hierarchy(nn.Module):
  """A ladder as a model of p(x | z) and q(z | x), and the scale of p(x | z) if all pixels share one."""

  ladder: ladder.Ladder | deep_ladder.DeepLadder
  latent_dim: int
  likelihood: Likelihood

  @nn.compact
  def scale(self) -> Array:
    """Returns the log scale []."""
    return log_scale_of(self, self.likelihood)

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


def of_ladder(
  spec: Spec,
  network: ladder.Ladder | deep_ladder.DeepLadder,
  likelihood: Likelihood,
  beta: float | Mapping[str, Any],
  free_bits: float,
  tx: optax.GradientTransformation,
) -> Method:
  """Builds the method of a network; see `build` for the arguments."""
  kl.not_negative(free_bits=free_bits)
  sizes = tuple(math.prod(form) for form in ladder.shapes(spec.shape, network.latents))
  regulariser = elbo.closed_form(kl.weight(beta), free_bits, sizes)
  return assemble(
    spec,
    "vae",
    Hierarchy(network, sum(sizes), likelihood),
    sum(sizes),
    likelihood,
    tx,
    regulariser,
    sample=True,
    encodes=Encoding.LEVELS,
    alarms=(elbo.collapse_alarm("vae"),),
  )


def outputs(spec: Spec, likelihood: Likelihood) -> tuple[int, int, int]:
  """Returns the shape of a decoder's outputs, (H, W, each * C)."""
  height, columns, colours = spec.shape
  return height, columns, colours * likelihood.each


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
  p = likelihoods.find(likelihood)
  network = ladder.Ladder(outputs(spec, p), tuple(latents), width, spec.dtype)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  return of_ladder(spec, network, p, beta, free_bits, tx)


def groups(latents: Any) -> tuple[tuple[int, ...], ...]:
  """Returns the latents of each level, those of maps of one size together; the vector at the top is first.

  Raises:
    InputError: the field is not as `deep` describes it.
  """
  if not isinstance(latents, Sequence) or isinstance(latents, str):
    raise InputError(
      f"config.method_args.latents is {latents!r}; it must be a list such as (16, (2, 2), 1): the size of "
      "the vector at the top, then the channels of the levels of each size of maps"
    )
  found = []
  for i, group in enumerate(latents):
    several = isinstance(group, Sequence) and not isinstance(group, str)
    if several and not (i and group):
      what = "is a vector, and needs one whole number" if i == 0 else "names no level; it needs at least one"
      raise InputError(f"config.method_args.latents has {group!r} in place {i + 1}, which {what}")
    found.append(tuple(group) if several else (group,))
    common.counts("latents", found[-1], least=1)
  if not found:
    raise InputError("config.method_args.latents is empty; it needs at least one level")
  return tuple(found)


def deep(
  spec: Spec,
  width: int = 64,
  latents: Sequence[int | Sequence[int]] = (32, (4, 4, 4), (2, 2, 2)),
  cells: int = 1,
  likelihood: str | Mapping[str, Any] = "squared_error",
  beta: float | Mapping[str, Any] = 1.0,
  free_bits: float = 0.0,
  spectral_weight: float = 0.0,
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds a deep hierarchical variational autoencoder: several levels on maps of one size, residual cells.

  Args:
    spec: of the data.
    width: channels of the features.
    latents: the number of latents in the top level, which is a vector, then, for each size of maps from the
      smallest to half the image's side, the channels of each of its levels. A number stands for one level.
    cells: residual cells of every level, in each of the two passes.
    likelihood: as in `vae.build`.
    beta: as in `vae.build`.
    free_bits: the least KL in nats of every level, in the mean over the batch; 0 sets none.
    spectral_weight: of the largest singular values of all kernels (see `spectral_regularisation`).
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 disables clipping.

  Raises:
    InputError: a value outside its range, or levels of more sizes than the images have.
  """
  common.positive(width=width)
  common.whole(cells=cells)
  p = likelihoods.find(likelihood)
  network = deep_ladder.DeepLadder(outputs(spec, p), groups(latents), width, cells, spec.dtype)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  return spectral_regularisation.regularise(of_ladder(spec, network, p, beta, free_bits, tx), spectral_weight)
