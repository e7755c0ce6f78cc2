"""Pair of strided convolutions, after DCGAN (Radford et al. 2016, arXiv:1511.06434).

All convolutions are 4x4 with stride 2; LeakyReLU(0.2) in both networks. The decoder normalises by batch; the
encoder, unlike the paper's, does not normalise, because a gradient penalty is of one image at a time.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.method import Keys
from gengap.networks.attention import Attention
from gengap.networks.grid import Shape, grid
from gengap.networks.layers import Array, BatchNorm, Conv, ConvTranspose, Dense, Skips, dropout


class Decoder(nn.Module):
  """z -> Dense 7x7x2w -> 14x14xw -> image, for 28x28 (4x4x4w -> 8x8x2w -> 16x16xw -> image for 32x32).

  [B, latent] -> [B, H, W, C]. Dense and transposed convolutions, BN and LeakyReLU after each but the last.
  Biases where BN, which is by channel, does not take them away: Dense has one at every place, without which
  z = 0 could draw no shape at all.
  """

  shape: Shape
  width: int = 64
  attention: bool = False
  skips: Sequence[int] = ()
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    base, doublings = grid(self.shape, least=1)
    width = self.width * 2 ** (doublings - 1)
    skips = Skips(self.skips, doublings - 1, dtype=self.dtype)
    x = Dense(base * base * width, dtype=self.dtype)(z).reshape(-1, base, base, width)
    for i in reversed(range(1, doublings + 1)):
      x = nn.leaky_relu(BatchNorm(dtype=self.dtype)(x, train), 0.2)
      if self.attention and i == 1:
        x = Attention(dtype=self.dtype)(x)
      if i < doublings:
        x = skips(x, z, doublings - 1 - i)
      if i > 1:
        x = ConvTranspose(self.width * 2 ** (i - 2), use_bias=False, dtype=self.dtype)(x)
    x = ConvTranspose(self.shape[-1], dtype=self.dtype)(x)
    return x.astype(jnp.float32)


class Encoder(nn.Module):
  """Image -> half the side and w channels -> a quarter and 2w -> ... -> Dense: [B, H, W, C] -> [B, outputs].

  Optional dropout follows every LeakyReLU.
  """

  outputs: int
  width: int = 64
  attention: bool = False
  dropout: float = 0.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> Array:
    del train
    for i in range(grid(x.shape[1:], least=1).doublings):
      x = nn.leaky_relu(Conv(self.width * 2**i, (4, 4), (2, 2), dtype=self.dtype)(x), 0.2)
      self.sow("intermediates", "stage", x)
      if self.attention and i == 0:
        x = Attention(dtype=self.dtype)(x)
      x = dropout(x, self.dropout, keys, layer=i)
    return Dense(self.outputs)(x.astype(jnp.float32).reshape(len(x), -1))
