"""Networks of matrix products and LeakyReLU(0.2), for images of any size."""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.method import Keys
from gengap.networks.grid import Shape
from gengap.networks.layers import Array, Dense, Skips, dropout


class Decoder(nn.Module):
  """z -> w -> 2w -> 4w -> image: [B, latent] -> [B, H, W, C]."""

  shape: Shape
  width: int = 256
  skips: Sequence[int] = ()
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    del train
    skips = Skips(self.skips, 3, dtype=self.dtype)
    x = z
    for stage, times in enumerate((1, 2, 4)):
      x = nn.leaky_relu(Dense(times * self.width, dtype=self.dtype)(x), 0.2)
      x = skips(x, z, stage)
    x = Dense(math.prod(self.shape), dtype=self.dtype)(x)
    return x.reshape(-1, *self.shape).astype(jnp.float32)


class Encoder(nn.Module):
  """image -> 4w -> 2w -> w -> outputs: [B, H, W, C] -> [B, outputs].

  Optional dropout follows every LeakyReLU.
  """

  outputs: int
  width: int = 256
  dropout: float = 0.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> Array:
    del train
    x = x.reshape(len(x), -1)
    for i, times in enumerate((4, 2, 1)):
      x = nn.leaky_relu(Dense(times * self.width, dtype=self.dtype)(x), 0.2)
      self.sow("intermediates", "stage", x)
      x = dropout(x, self.dropout, keys, layer=i)
    return Dense(self.outputs)(x.astype(jnp.float32))
