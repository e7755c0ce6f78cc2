"""The modernised residual pair of R3GAN (Huang et al. 2024, arXiv:2501.05441, section 4 and appendix).

No normalisation. Every stage is a transition layer (bilinear resampling and, if the width changes, a 1x1
convolution) and residual blocks, in the generator's order; the discriminator is its mirror image. A stage has
`width` channels up to 32x32, and half as many with every doubling after that, as in the paper. The inner
channels of a block, expansion * width, are rounded up to a multiple of 16, which are the channels of a group;
fewer than 16 are one group. Convolutions have no biases; every activation has one.

One parameter is added to the paper's: the biases, initially 0, of the decoder's first linear layer. Without
them the image of z = 0 could have no shape. The paper's generator ends without tanh; here every GAN adds it.
"""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from gengap.method import Keys
from gengap.networks import bilinear
from gengap.networks.grid import Shape, grid
from gengap.networks.grouped import grouped_conv
from gengap.networks.layers import Array

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance through a LeakyReLU
GROUP = 16  # channels of a group
FULL = 32  # largest side of a map with all channels
CONVOLUTIONS = 3  # of a residual block


def scaled(gain: float) -> nn.initializers.Initializer:
  """Returns an initialiser with standard deviation gain / sqrt(fan_in)."""
  return nn.initializers.variance_scaling(gain**2, "fan_in", "normal") if gain else nn.initializers.zeros


def sides(shape: tuple[int, ...]) -> list[int]:
  """Returns the sides of the maps of all stages, such as [4, 8, 16, 32] of an image of 32x32."""
  base, doublings = grid(shape)
  return [base * 2**i for i in range(doublings + 1)]


def channels(width: int, side: int) -> int:
  """Returns the channels of a stage: `width`, halved as often as the side must be to be at most FULL."""
  halvings = max(0, math.ceil(math.log2(side / FULL)))
  return max(1, width // 2**halvings)


class Conv(nn.Module):
  """Convolution without bias: [B, H, W, C] -> [B, H, W, features].

  Groups have `group` input channels each; 0 makes one group.
  """

  features: int
  size: int = 1
  group: int = 0
  gain: float = 1.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    shape = (self.size, self.size, self.group or x.shape[-1], self.features)
    return grouped_conv(*promote_dtype(x, self.param("kernel", scaled(self.gain), shape), dtype=self.dtype))


class BiasedLeakyReLU(nn.Module):
  """LeakyReLU(0.2) of x + bias: [B, H, W, C] -> the same."""

  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    x, bias = promote_dtype(x, self.param("bias", nn.initializers.zeros, x.shape[-1:]), dtype=self.dtype)
    return nn.leaky_relu(x + bias, SLOPE)


class Block(nn.Module):
  """x + 1x1, LeakyReLU, 3x3 in groups, LeakyReLU, 1x1: [B, H, W, C] -> the same.

  It starts as the identity: fix-up initialisation (Zhang et al. 2019, arXiv:1901.09321) sets the last kernel
  to 0 and scales the others by L^(-1 / (2m - 2)), with L blocks in the network and m convolutions in a block.
  """

  blocks: int  # L
  expansion: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    gain = GAIN * self.blocks ** (-1 / (2 * CONVOLUTIONS - 2))
    inner = self.expansion * x.shape[-1]
    inner = inner if inner < GROUP else -(-inner // GROUP) * GROUP
    y = Conv(inner, gain=gain, dtype=self.dtype)(x)
    y = BiasedLeakyReLU(dtype=self.dtype)(y)
    y = Conv(inner, 3, group=min(GROUP, inner), gain=gain, dtype=self.dtype)(y)
    y = BiasedLeakyReLU(dtype=self.dtype)(y)
    return x + Conv(x.shape[-1], gain=0.0, dtype=self.dtype)(y)


class Decoder(nn.Module):
  """z -> a learned map of each channel times a linear function of z -> stages -> 1x1 convolution.

  [B, latent] -> [B, H, W, C]. The first map is 4x4 for 32x32 and 64x64, 7x7 for 28x28. The defaults are the
  paper's for CIFAR-10.
  """

  shape: Shape
  width: int = 768
  blocks: int = 2  # of a stage
  expansion: int = 2
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    del train
    first, *others = stages = sides(self.shape)
    basis = self.param("basis", nn.initializers.normal(1.0), (first, first, channels(self.width, first)))
    scale = nn.Dense(basis.shape[-1], kernel_init=scaled(1.0), dtype=self.dtype)(z)
    x = self.stage(basis.astype(scale.dtype) * scale[:, None, None], len(stages))
    for side in others:
      if x.shape[-1] != (width := channels(self.width, side)):
        x = Conv(width, dtype=self.dtype)(x)
      x = self.stage(bilinear.upsample(x), len(stages))
    return Conv(self.shape[-1], dtype=self.dtype)(x).astype(jnp.float32)

  def stage(self, x: Array, stages: int) -> Array:
    """Applies the residual blocks of a stage."""
    for _ in range(self.blocks):
      x = Block(self.blocks * stages, self.expansion, dtype=self.dtype)(x)
    return x


class Encoder(nn.Module):
  """1x1 convolution -> stages -> weighted sum of each channel's map -> linear: [B, H, W, C] -> [B, outputs].

  The sum is a depthwise convolution over the whole map.
  """

  outputs: int
  width: int = 768
  blocks: int = 2  # of a stage
  expansion: int = 2
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> Array:
    del train, keys
    stages = sides(x.shape[1:])[::-1]
    x = Conv(channels(self.width, stages[0]), dtype=self.dtype)(x)
    for i, side in enumerate(stages):
      if i:
        x = bilinear.downsample(x)
        if x.shape[-1] != (width := channels(self.width, side)):
          x = Conv(width, dtype=self.dtype)(x)
      for _ in range(self.blocks):
        x = Block(self.blocks * len(stages), self.expansion, dtype=self.dtype)(x)
      self.sow("intermediates", "stage", x)
    x = x.astype(jnp.float32)
    weights = self.param("kernel", scaled(1.0), (*x.shape[1:3], 1, x.shape[-1]))
    x = jnp.einsum("bhwc,hwc->bc", x, weights[:, :, 0])
    return nn.Dense(self.outputs, use_bias=False, kernel_init=scaled(1.0))(x)
