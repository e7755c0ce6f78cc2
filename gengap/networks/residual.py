"""A residual network that tells images apart, for classifiers (He et al. 2016, arXiv:1603.05027)."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.networks.grid import grid
from gengap.networks.layers import Array, BatchNorm, Conv, mean_pool

STAGES = 3


class Block(nn.Module):
  """BN, ReLU, 3x3, BN, ReLU, 3x3, beside a shortcut, 1x1 where the width changes: [B, H, W, width]."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool) -> Array:
    y = nn.relu(BatchNorm(dtype=self.dtype)(x, train))
    if x.shape[-1] != self.width:
      x = Conv(self.width, (1, 1), use_bias=False, dtype=self.dtype)(y)
    y = Conv(self.width, use_bias=False, dtype=self.dtype)(y)
    y = nn.relu(BatchNorm(dtype=self.dtype)(y, train))
    return x + Conv(self.width, use_bias=False, dtype=self.dtype)(y)


class Residual(nn.Module):
  """3x3, three blocks with a mean pool between them, BN, ReLU, mean: [B, H, W, C] -> [B, 4 width].

  The width doubles with every pool.
  """

  width: int = 16
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool) -> Array:
    grid(x.shape[1:], least=1)
    x = Conv(self.width, dtype=self.dtype)(x)
    for stage in range(STAGES):
      if stage:
        x = mean_pool(x)
      x = Block(self.width * 2**stage, dtype=self.dtype)(x, train)
    x = nn.relu(BatchNorm(dtype=self.dtype)(x, train))
    return x.astype(jnp.float32).mean((1, 2))
