"""Many levels of latents: a vector at the top, then several levels for each size of maps.

The order of the levels, their coordinates u and the sizes of maps are those of `ladder`. The networks are
those of Child (2021, arXiv:2011.10650, section 3 and figure 3):

  - bottleneck blocks (He et al. 2016) without normalisation, beside an identity that runs through all levels;
  - the last convolution of a block beside the identity, and that of the latents, starts 1 / sqrt(N) times
    as large, with N blocks in a row, so that the depth does not change the size of the sum; that of the
    prior starts at 0, so at first the prior is N(0, I);
  - nearest neighbour upsampling, average pooling; the features of a size, the same for all its levels, are
    the last that the bottom-up pass has there.

From Vahdat and Kautz (2020, arXiv:2007.03898): SiLU, and a posterior relative to the prior (here by u). Log
standard deviations stay within BOUND smoothly, as in their published code: an image far from all others
cannot make exp(2 log_std), a term of the KL, overflow. Their depthwise convolutions are not used: they have
few products for each number that is read, so they are slow on CPUs.
"""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.networks.grid import Shape, grid
from gengap.networks.ladder import Sampled, divide, join, shapes
from gengap.networks.layers import Array, Conv, Dense, UpConv, mean_pool, upsample

BOUND = 5.0  # of log standard deviations
NARROW = 8  # least channels of a bottleneck; a quarter of the width otherwise


def scaled(scale: float) -> nn.initializers.Initializer:
  """Returns an initialiser of kernels `scale` times as large as usual."""
  return (
    nn.initializers.variance_scaling(scale**2 / 3, "fan_in", "uniform") if scale else nn.initializers.zeros
  )


class Bottleneck(nn.Module):
  """SiLU and convolution four times, 1x1 to a quarter, 3x3, 3x3, 1x1: [B, H, W, C] -> [B, H, W, features]."""

  features: int
  width: int
  scale: float = 1.0  # of the last kernel at the start
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    narrow = max(self.width // 4, NARROW)
    y = Conv(narrow, (1, 1), dtype=self.dtype)(nn.silu(x))
    for _ in range(2):
      y = Conv(narrow, dtype=self.dtype)(nn.silu(y))
    start = scaled(self.scale)
    return Conv(self.features, (1, 1), dtype=self.dtype, kernel_init=start, name="last")(nn.silu(y))


class Cells(nn.Module):
  """`number` bottlenecks, each beside the identity: [B, H, W, width] -> the same."""

  number: int
  width: int
  scale: float
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    for _ in range(self.number):
      x = x + Bottleneck(self.width, self.width, self.scale, dtype=self.dtype)(x)
    return x


def gaussian(parameters: Array) -> tuple[Array, Array]:
  """Returns mean and log standard deviation, within BOUND, of a network's outputs: [..., 2n] -> [..., n]."""
  mean, log_std = jnp.split(parameters.astype(jnp.float32), 2, -1)
  return mean, BOUND * jnp.tanh(log_std / BOUND)


def sample(noise: Array, parameters: Array | None = None) -> Sampled:
  """Samples latents with noise [B, ..., n] from `gaussian` of parameters [B, ..., 2n], or from the prior."""
  if parameters is None:
    return Sampled(jnp.zeros_like(noise), jnp.zeros_like(noise), noise)
  mean, log_std = gaussian(parameters)
  return Sampled(mean, log_std, mean + jnp.exp(log_std) * noise)


class DeepLevel(nn.Module):
  """One level of the top-down pass: h [B, s, s, w] -> the next h, and the level's latents [B, s, s, n].

  The noise samples the latents from q(u | x, levels above), or from the prior if there is no image.
  """

  channels: int
  width: int
  cells: int
  scale: float
  dtype: Any = None

  @nn.compact
  def __call__(self, h: Array, noise: Array, features: Array | None) -> tuple[Array, Sampled]:
    n, width, dtype = self.channels, self.width, self.dtype
    parameters = None
    if features is not None:
      both = jnp.concatenate([h, features], -1)
      parameters = Bottleneck(2 * n, width, dtype=dtype, name="posterior")(both)
    drawn = sample(noise, parameters)
    prior, more = jnp.split(Bottleneck(2 * n + width, width, 0.0, dtype=dtype, name="prior")(h), [2 * n], -1)
    mean, log_std = gaussian(prior)
    z = mean + jnp.exp(log_std) * drawn.u
    h = h + more + Conv(width, (1, 1), dtype=dtype, kernel_init=scaled(self.scale), name="latents")(z)
    return Cells(self.cells, width, self.scale, dtype=dtype, name="cells")(h), drawn


class DeepGather(nn.Module):
  """The bottom-up pass: image -> feature maps [B, s, s, w] of half its side and less, smallest first."""

  cells: Sequence[int]  # of each size, smallest first
  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> list[Array]:
    features, scale = [], sum(self.cells) ** -0.5
    x = Conv(self.width, (4, 4), (2, 2), dtype=self.dtype, name="image")(x)
    for i, number in enumerate(reversed(self.cells)):
      x = mean_pool(x) if i else x
      x = Cells(number, self.width, scale, dtype=self.dtype)(x)
      features.append(x)
    return features[::-1]


class DeepLadder(nn.Module):
  """Both passes; called as `ladder.Ladder` is.

  Each level has `cells` residual cells in the top-down pass, and as many in the bottom-up pass. A size of
  maps without levels has `cells` of them in each pass.
  """

  shape: Shape  # (H, W, outputs of the decoder per pixel)
  latents: Sequence[int | Sequence[int]]  # size of the top level, then channels of each level of each size
  width: int = 64
  cells: int = 1
  dtype: Any = None

  @nn.compact
  def __call__(self, noise: Array, x: Array | None = None) -> tuple[Array, Sampled]:
    base, doublings = grid(self.shape, least=1)
    width, dtype = self.width, self.dtype
    forms = shapes(self.shape, self.latents)
    counts = [sum(form[0] == base * 2**i for form in forms[1:]) for i in range(doublings)]
    cells = [self.cells * max(n, 1) for n in counts]
    scale = sum(cells) ** -0.5
    features, parameters = [None] * doublings, None
    if x is not None:
      features = DeepGather(cells, width, dtype=dtype, name="gather")(x)
      flat = nn.silu(features[0]).reshape(len(x), -1)
      parameters = Dense(2 * forms[0][0], dtype=dtype, name="top")(flat)
    noises = divide(noise, forms)
    drawn = [sample(noises[0], parameters)]
    h = Dense(base * base * width, dtype=dtype, name="start")(drawn[0].u).reshape(-1, base, base, width)
    for i in range(doublings):
      h = upsample(h) if i else h
      for _ in range(counts[i]):
        number = len(drawn)
        level = DeepLevel(
          forms[number][-1], width, self.cells, scale, dtype=dtype, name=f"level_{number + 1}"
        )
        h, more = level(h, noises[number], features[i])
        drawn.append(more)
      if not counts[i]:
        h = Cells(self.cells, width, scale, dtype=dtype, name=f"cells_{i + 1}")(h)
    h = UpConv(math.ceil(width / 2), dtype=dtype, name="up")(nn.silu(h))
    numbers = Conv(self.shape[-1], dtype=dtype, name="out")(nn.silu(h)).astype(jnp.float32)
    return numbers, join(drawn)
