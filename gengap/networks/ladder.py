"""Levels of latents, from a vector at the top to maps of half the image's side.

Kingma et al. (2016, arXiv:1606.04934, section 4). What the image says is gathered on the way up; the way
down adds one level of latents after the other, and the posterior of each sees both what the image says and
the levels above it.

Every level's prior is N(mu(h), sigma(h)^2), given all levels above. In place of its latents z stand
u = (z - mu) / sigma throughout, whose prior is N(0, I) and whose posterior is relative to it (Vahdat and
Kautz 2020, arXiv:2007.03898, section 3.2); the KL does not change with the coordinates.
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


class Drawn(NamedTuple):
  """Latents, and the Gaussian that they are drawn from: [B, ...] each."""

  mean: Array
  log_std: Array
  u: Array


def draw(noise: Array, said: Array | None = None) -> Drawn:
  """Returns what noise [B, ..., n] makes of means and log variances [B, ..., 2n], or of the prior."""
  if said is None:
    return Drawn(jnp.zeros_like(noise), jnp.zeros_like(noise), noise)
  mean, log_variance = jnp.split(said.astype(jnp.float32), 2, -1)
  return Drawn(mean, 0.5 * log_variance, mean + jnp.exp(0.5 * log_variance) * noise)


def shapes(image: Shape, latents: Sequence[int]) -> list[tuple[int, ...]]:
  """Returns the shape of every level's latents: a vector, then maps from the smallest, twice the side each.

  Raises:
    InputError: the image suits no convolutional network, or has not as many maps.
  """
  base, doublings = grid(image)
  if len(latents) > doublings + 1:
    raise InputError(
      f"config.method_args.latents names {len(latents)} levels, and {image[0]}x{image[1]} images have "
      f"{doublings + 1}: a vector and {doublings} maps"
    )
  sides = [base * 2**i for i in range(len(latents) - 1)]
  return [(latents[0],), *((side, side, n) for side, n in zip(sides, latents[1:], strict=True))]


class Gather(nn.Module):
  """The way up: image -> maps [B, s, s, w] of half its side and less, the smallest first."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> list[Array]:
    seen = []
    doublings = grid(x.shape[1:]).doublings
    x = Conv(self.width, dtype=self.dtype)(x)
    for _ in range(doublings):
      x = Residual(self.width, dtype=self.dtype)(Down(self.width, dtype=self.dtype)(x))
      seen.append(x)
    return seen[::-1]


class Level(nn.Module):
  """Adds one level of maps to the way down: h [B, s, s, w] -> the same, and the level's latents [B, s, s, n].

  They are drawn with the noise given: from q(u | x, levels above), or without an image from the prior.
  """

  channels: int
  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, h: Array, noise: Array, seen: Array | None) -> tuple[Array, Drawn]:
    said = None
    h = Residual(self.width, dtype=self.dtype, name="before")(h)
    if seen is not None:
      both = nn.relu(jnp.concatenate([h, seen], -1))
      said = Conv(2 * self.channels, dtype=self.dtype, name="posterior")(both)
    drawn = draw(noise, said)
    prior = Conv(2 * self.channels, (1, 1), dtype=self.dtype, name="prior")(nn.relu(h))
    mean, log_std = jnp.split(prior.astype(jnp.float32), 2, -1)
    # Any other positive function of log_std gives the same family of models, in other weights.
    z = mean + jnp.exp(log_std) * drawn.u
    return h + Conv(self.width, (1, 1), dtype=self.dtype, name="told")(z), drawn


class Ladder(nn.Module):
  """Both ways, meeting in the levels of latents, which are one vector [B, D] outside, the top's first.

  Noise [B, D] and images [B, H, W, C] -> the decoder's numbers [B, H, W, .], and latents drawn from
  q(u | x); without images drawn from the prior, whose noise they are.
  """

  shape: Shape  # (H, W, numbers the decoder has for each pixel)
  latents: Sequence[int]  # how many the top has, then the channels of each level of maps, the smallest first
  width: int = 32
  dtype: Any = None

  @nn.compact
  def __call__(self, noise: Array, x: Array | None = None) -> tuple[Array, Drawn]:
    base, doublings = grid(self.shape)
    width, dtype = self.width, self.dtype
    forms = shapes(self.shape, self.latents)
    ends = [sum(map(math.prod, forms[: i + 1])) for i in range(len(forms) - 1)]
    noises = [v.reshape(-1, *form) for v, form in zip(jnp.split(noise, ends, -1), forms, strict=True)]
    seen, said = [None] * doublings, None
    if x is not None:
      seen = Gather(width, dtype=dtype, name="gather")(x)
      said = Dense(2 * self.latents[0], dtype=dtype, name="top")(nn.relu(seen[0]).reshape(len(x), -1))
    drawn = [draw(noises[0], said)]
    h = Dense(base * base * width, dtype=dtype, name="start")(drawn[0].u).reshape(-1, base, base, width)
    for i in range(doublings):
      if i + 1 < len(forms):
        h, more = Level(self.latents[i + 1], width, dtype, name=f"level_{i + 2}")(h, noises[i + 1], seen[i])
        drawn.append(more)
      h = ConvTranspose(width, dtype=dtype, name=f"up_{i + 1}")(nn.relu(h))
    numbers = Conv(self.shape[-1], dtype=dtype, name="out")(nn.relu(h)).astype(jnp.float32)
    return numbers, jax.tree.map(lambda *v: jnp.concatenate([x.reshape(len(x), -1) for x in v], -1), *drawn)
