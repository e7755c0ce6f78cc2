"""Networks of matrix products and LeakyReLU(0.2), for images of any size."""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.networks.grid import Shape
from gengap.networks.layers import Array, Dense


def hidden(x: Array, widths: tuple[int, ...], dtype: Any) -> Array:
  """Dense layers with LeakyReLU after each."""
  for width in widths:
    x = nn.leaky_relu(Dense(width, dtype=dtype)(x), 0.2)
  return x


class Decoder(nn.Module):
  """z -> w -> 2w -> 4w -> image: [B, latent] -> [B, H, W, C]."""

  shape: Shape
  width: int = 256
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    del train
    w = self.width
    x = hidden(z, (w, 2 * w, 4 * w), self.dtype)
    x = Dense(math.prod(self.shape), dtype=self.dtype)(x)
    return x.reshape(-1, *self.shape).astype(jnp.float32)


class Encoder(nn.Module):
  """image -> 4w -> 2w -> w -> outputs: [B, H, W, C] -> [B, outputs]."""

  outputs: int
  width: int = 256
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool) -> Array:
    del train
    w = self.width
    x = hidden(x.reshape(len(x), -1), (4 * w, 2 * w, w), self.dtype)
    return Dense(self.outputs)(x.astype(jnp.float32))
