"""Plain convolutional pair of the autoencoders: strides instead of pooling, no normalisation."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.method import Keys
from gengap.networks.attention import Attention
from gengap.networks.grid import Shape, grid
from gengap.networks.layers import Array, Conv, ConvTranspose, Dense, Skips


class Decoder(nn.Module):
  """z -> Dense 4x4x8w -> transposed convolutions 8w -> 4w -> 2w -> w -> 3x3 convolution.

  [B, latent] -> [B, H, W, C]; written for 32x32, other sizes double more or less often.
  """

  shape: Shape
  width: int = 32
  attention: bool = False
  skips: Sequence[int] = ()
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    del train
    base, doublings = grid(self.shape, least=int(self.attention))
    skips = Skips(self.skips, doublings, dtype=self.dtype)
    top = self.width * 2**doublings
    x = Dense(base * base * top, dtype=self.dtype)(z)
    x = nn.relu(x).reshape(-1, base, base, top)
    for i in reversed(range(doublings)):
      if self.attention and i == 0:
        x = Attention(dtype=self.dtype)(x)
      x = nn.relu(ConvTranspose(self.width * 2**i, dtype=self.dtype)(x))
      x = skips(x, z, doublings - 1 - i)
    return Conv(self.shape[-1], dtype=self.dtype)(x).astype(jnp.float32)


class Encoder(nn.Module):
  """3x3 convolutions C -> w, then stride 2 w -> 2w -> 4w -> 8w -> Dense: [B, H, W, C] -> [B, outputs]."""

  outputs: int
  width: int = 32
  attention: bool = False
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> Array:
    del train, keys
    _, doublings = grid(x.shape[1:], least=int(self.attention))
    x = nn.relu(Conv(self.width, dtype=self.dtype)(x))
    for i in range(1, doublings + 1):
      x = nn.relu(Conv(self.width * 2**i, strides=(2, 2), dtype=self.dtype)(x))
      self.sow("intermediates", "stage", x)
      if self.attention and i == 1:
        x = Attention(dtype=self.dtype)(x)
    return Dense(self.outputs, dtype=self.dtype)(x.reshape(len(x), -1)).astype(jnp.float32)
