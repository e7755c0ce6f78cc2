"""Levels of latents, from a vector at the top to maps of half the image's side.

Kingma et al. (2016, arXiv:1606.04934, section 4). The bottom-up pass computes features of the image. The
top-down pass adds one level of latents after another; the posterior of a level depends on the features of the
image and on the levels above.

Every level's prior is N(mu(h), sigma(h)^2), given all levels above. The code uses the coordinates u = (z -
mu) / sigma instead of z: their prior is N(0, I), and their posterior is relative to the prior (Vahdat and
Kautz 2020, arXiv:2007.03898, section 3.2). The change of coordinates does not change the KL.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.networks.grid import Shape, grid
from gengap.networks.layers import Array, Conv, ConvTranspose, Dense
from gengap.networks.resnet import Down, Residual


class Sampled(NamedTuple):
  """Latents and the parameters of their Gaussian, [B, ...] each."""

  mean: Array
  log_std: Array
  u: Array


def sample(noise: Array, parameters: Array | None = None) -> Sampled:
  """Samples latents with noise [B, ..., n] from means and log variances [B, ..., 2n], or from the prior."""
  if parameters is None:
    return Sampled(jnp.zeros_like(noise), jnp.zeros_like(noise), noise)
  mean, log_variance = jnp.split(parameters.astype(jnp.float32), 2, -1)
  return Sampled(mean, 0.5 * log_variance, mean + jnp.exp(0.5 * log_variance) * noise)


def shapes(image: Shape, latents: Sequence[int | Sequence[int]]) -> list[tuple[int, ...]]:
  """Returns the shapes of the levels' latents: a vector, then maps, each twice as wide as the last.

  Args:
    image: shape of an image.
    latents: the size of the vector, then the channels of the level of each size of maps, or of its levels.

  Raises:
    InputError: The image size suits no convolutional network, or is too small for so many levels.
  """
  base, doublings = grid(image)
  if len(latents) > doublings + 1:
    raise InputError(
      f"config.method_args.latents has {len(latents)} entries, and {image[0]}x{image[1]} images have "
      f"{doublings + 1} sizes of levels: a vector and maps of {doublings}"
    )
  groups = [(n,) if isinstance(n, int) else tuple(n) for n in latents]
  sides = [base * 2**i for i in range(len(groups) - 1)]
  maps = [(side, side, n) for side, group in zip(sides, groups[1:], strict=True) for n in group]
  return [groups[0], *maps]


def divide(noise: Array, forms: Sequence[tuple[int, ...]]) -> list[Array]:
  """Divides latents of all levels, [B, D], into those of each: [B, ...] each, of the shapes `forms`."""
  ends = [sum(map(math.prod, forms[: i + 1])) for i in range(len(forms) - 1)]
  return [v.reshape(-1, *form) for v, form in zip(jnp.split(noise, ends, -1), forms, strict=True)]


def join(drawn: Sequence[Sampled]) -> Sampled:
  """Joins the latents of all levels, [B, ...] each, to [B, D]; undoes `divide`."""
  return jax.tree.map(lambda *v: jnp.concatenate([x.reshape(len(x), -1) for x in v], -1), *drawn)


class Gather(nn.Module):
  """The bottom-up pass: image -> feature maps [B, s, s, w] of half its side and less, smallest first."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> list[Array]:
    features = []
    doublings = grid(x.shape[1:]).doublings
    x = Conv(self.width, dtype=self.dtype)(x)
    for _ in range(doublings):
      x = Residual(self.width, dtype=self.dtype)(Down(self.width, dtype=self.dtype)(x))
      features.append(x)
    return features[::-1]


class Level(nn.Module):
  """One level of the top-down pass: h [B, s, s, w] -> the next h, and the level's latents [B, s, s, n].

  The noise samples the latents from q(u | x, levels above), or from the prior if there is no image.
  """

  channels: int
  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, h: Array, noise: Array, features: Array | None) -> tuple[Array, Sampled]:
    parameters = None
    h = Residual(self.width, dtype=self.dtype, name="before")(h)
    if features is not None:
      both = nn.relu(jnp.concatenate([h, features], -1))
      parameters = Conv(2 * self.channels, dtype=self.dtype, name="posterior")(both)
    drawn = sample(noise, parameters)
    prior = Conv(2 * self.channels, (1, 1), dtype=self.dtype, name="prior")(nn.relu(h))
    mean, log_std = jnp.split(prior.astype(jnp.float32), 2, -1)
    # Another positive function of log_std would give the same family of models with other weights.
    z = mean + jnp.exp(log_std) * drawn.u
    return h + Conv(self.width, (1, 1), dtype=self.dtype, name="told")(z), drawn


class Ladder(nn.Module):
  """Both passes. Outside, the latents of all levels are one vector [B, D], top level first.

  Noise [B, D] and images [B, H, W, C] -> the decoder's output [B, H, W, .], and latents sampled from q(u |
  x). Without images the latents are samples of the prior, that is the noise itself.
  """

  shape: Shape  # (H, W, outputs of the decoder per pixel)
  latents: Sequence[int]  # size of the top level, then channels of each level of maps, smallest first
  width: int = 32
  dtype: Any = None

  @nn.compact
  def __call__(self, noise: Array, x: Array | None = None) -> tuple[Array, Sampled]:
    base, doublings = grid(self.shape)
    width, dtype = self.width, self.dtype
    forms = shapes(self.shape, self.latents)
    noises = divide(noise, forms)
    features, parameters = [None] * doublings, None
    if x is not None:
      features = Gather(width, dtype=dtype, name="gather")(x)
      parameters = Dense(2 * self.latents[0], dtype=dtype, name="top")(
        nn.relu(features[0]).reshape(len(x), -1)
      )
    drawn = [sample(noises[0], parameters)]
    h = Dense(base * base * width, dtype=dtype, name="start")(drawn[0].u).reshape(-1, base, base, width)
    for i in range(doublings):
      if i + 1 < len(forms):
        h, more = Level(self.latents[i + 1], width, dtype, name=f"level_{i + 2}")(
          h, noises[i + 1], features[i]
        )
        drawn.append(more)
      h = ConvTranspose(width, dtype=dtype, name=f"up_{i + 1}")(nn.relu(h))
    numbers = Conv(self.shape[-1], dtype=dtype, name="out")(nn.relu(h)).astype(jnp.float32)
    return numbers, join(drawn)
