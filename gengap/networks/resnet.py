"""Residual pair of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028), as a public course teaches it.

As in the course, every down-block starts with a ReLU, the first included: the image's negative half reaches
the network only through the first shortcut. Unlike in the course, the generator's blocks have no biases: the
BatchNorm that follows removes any constant, so biases get no gradient, and Adam would turn rounding errors
into steps.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.method import Keys
from gengap.networks.attention import Attention
from gengap.networks.grid import Shape, grid
from gengap.networks.layers import Array, BatchNorm, Conv, Dense, Skips, UpConv, dropout, mean_pool, upsample


class Up(nn.Module):
  """BN, ReLU, 3x3, BN, ReLU, upsample, 3x3, beside a 1x1 shortcut: [B, H, W, C] -> [B, 2H, 2W, width]."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool) -> Array:
    y = nn.relu(BatchNorm(dtype=self.dtype)(x, train))
    y = Conv(self.width, use_bias=False, dtype=self.dtype)(y)
    y = nn.relu(BatchNorm(dtype=self.dtype)(y, train))
    y = UpConv(self.width, use_bias=False, dtype=self.dtype)(y)
    # A 1x1 convolution commutes with nearest upsampling, and costs a quarter before it.
    return y + upsample(Conv(self.width, (1, 1), use_bias=False, dtype=self.dtype)(x))


class Down(nn.Module):
  """ReLU, 3x3, ReLU, pool, 3x3, beside a pooled 1x1 shortcut: [B, H, W, C] -> [B, H/2, W/2, width]."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    y = Conv(self.width, dtype=self.dtype)(nn.relu(x))
    y = Conv(self.width, dtype=self.dtype)(mean_pool(nn.relu(y)))
    return y + Conv(self.width, (1, 1), dtype=self.dtype)(mean_pool(x))


class Residual(nn.Module):
  """ReLU, 3x3, ReLU, 3x3, beside the identity: [B, H, W, width] -> the same."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    y = Conv(self.width, dtype=self.dtype)(nn.relu(x))
    return x + Conv(self.width, dtype=self.dtype)(nn.relu(y))


class Decoder(nn.Module):
  """z -> Dense 4x4xw -> an up-block per doubling -> BN, ReLU, 3x3: [B, latent] -> [B, H, W, C]."""

  shape: Shape
  width: int = 128
  attention: bool = False
  skips: Sequence[int] = ()
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    base, doublings = grid(self.shape, least=int(self.attention))
    skips = Skips(self.skips, doublings, dtype=self.dtype)
    x = Dense(base * base * self.width, dtype=self.dtype)(z)
    x = x.reshape(-1, base, base, self.width)
    for i in reversed(range(doublings)):
      if self.attention and i == 0:
        x = Attention(dtype=self.dtype)(x)
      x = Up(self.width, dtype=self.dtype)(x, train)
      x = skips(x, z, doublings - 1 - i)
    x = nn.relu(BatchNorm(dtype=self.dtype)(x, train))
    return Conv(self.shape[-1], dtype=self.dtype)(x).astype(jnp.float32)


class Encoder(nn.Module):
  """Two down-blocks, two residual blocks, ReLU, sum over space, Dense: [B, H, W, C] -> [B, outputs].

  From 64x64 on there is a down-block more for every doubling. No normalisation, because a gradient penalty
  is of one image at a time. Optional dropout comes before the sum.
  """

  outputs: int
  width: int = 128
  attention: bool = False
  dropout: float = 0.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> Array:
    del train
    doublings = grid(x.shape[1:], least=int(self.attention)).doublings
    for i in range(min(doublings, max(2, doublings - 1))):
      x = Down(self.width, dtype=self.dtype)(x)
      self.sow("intermediates", "stage", x)
      if self.attention and i == 0:
        x = Attention(dtype=self.dtype)(x)
    for _ in range(2):
      x = Residual(self.width, dtype=self.dtype)(x)
      self.sow("intermediates", "stage", x)
    x = dropout(nn.relu(x), self.dropout, keys, layer=0)
    return Dense(self.outputs)(x.astype(jnp.float32).sum((1, 2)))
