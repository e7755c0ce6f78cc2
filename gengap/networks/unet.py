"""A U-Net that predicts one image from another and a noise level, for diffusion models.

After Ho et al. (2020, arXiv:2006.11239, appendix B): residual blocks with group normalisation on maps of
falling side, then back up, with the features of the way down concatenated on the way up. The noise level
scales and shifts the second normalisation of every block (Dhariwal and Nichol 2021, arXiv:2105.05233).
"""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Keys
from gengap.networks.attention import Attention
from gengap.networks.layers import Array, Conv, Dense, dropout, mean_pool, upsample

GROUPS = 32  # most groups of a normalisation
LEAST = 4  # channels of a group, if there are so many
FREQUENCY = 64.0  # the largest of the noise embedding
EPSILON = 1e-5

ZeroConv = functools.partial(Conv, kernel_init=nn.initializers.zeros)  # the kernel starts at 0


def check_sides(shape: tuple[int, ...], levels: int) -> None:
  """Raises InputError unless the sides of an image can be halved between so many levels."""
  height, columns, _ = shape
  if height % 2 ** (levels - 1) or columns % 2 ** (levels - 1):
    raise InputError(
      f"image_size: {height}x{columns} cannot be halved {levels - 1} times, as {levels} "
      "config.method_args.multipliers need it"
    )


def groups(channels: int) -> int:
  """Returns the number of groups: a divisor of the channels, 32 at most, of 4 channels each or more."""
  most = max(1, min(GROUPS, channels // LEAST))
  return next(n for n in range(most, 0, -1) if channels % n == 0)


@jax.custom_vjp
def scaled_silu(x: Array, scale: Array, shift: Array) -> Array:
  """SiLU of x scale + shift: [B, H, W, C], [B, C], [B, C] -> [B, H, W, C]. Reverse mode only, once.

  Its derivative computes the sigmoid again: on a CPU that is faster than writing it to memory and reading it.
  """
  return nn.silu(affine(x, scale, shift))


def affine(x: Array, scale: Array, shift: Array) -> Array:
  """Returns x scale + shift, in the dtype of x: [B, H, W, C], [B, C], [B, C] -> [B, H, W, C]."""
  return x * scale[:, None, None].astype(x.dtype) + shift[:, None, None].astype(x.dtype)


def scaled_silu_gradient(saved: tuple[Array, Array, Array], g: Array) -> tuple[Array, Array, Array]:
  """Returns the gradients of `scaled_silu` by its arguments."""
  x, scale, shift = saved
  u = affine(x, scale, shift)
  s = nn.sigmoid(u)
  g = g * s * (1 + u * (1 - s))
  wide = g.astype(jnp.float32)
  return affine(g, scale, jnp.zeros_like(shift)), (wide * x).sum((1, 2)), wide.sum((1, 2))


scaled_silu.defvjp(lambda *args: (scaled_silu(*args), args), scaled_silu_gradient)


class GroupNormSiLU(nn.Module):
  """Group normalisation (Wu and He 2018, arXiv:1803.08494), optionally another scale and shift, then SiLU.

  [B, H, W, C] -> the same. `modulation` [B, 2 C] holds s and t of y (1 + s) + t. The statistics are float32
  in any dtype. The result is one scale and one shift of each channel of an image: two passes over it.
  """

  @nn.compact
  def __call__(self, x: Array, modulation: Array | None = None) -> Array:
    b, _, _, channels = x.shape
    n = groups(channels)
    scale = self.param("scale", nn.initializers.ones, (channels,))
    shift = self.param("bias", nn.initializers.zeros, (channels,))
    wide = x.astype(jnp.float32)

    def mean(v: Array) -> Array:
      """Means over a group, for each of its channels: [B, C]."""
      each = v.mean((1, 2)).reshape(b, n, -1).mean(-1)
      return jnp.repeat(each, channels // n, axis=1)

    centre = mean(wide)
    variance = jnp.maximum(mean(wide**2) - centre**2, 0.0)
    scale = scale * jax.lax.rsqrt(variance + EPSILON)
    shift = shift - centre * scale
    if modulation is not None:
      s, t = jnp.split(modulation.astype(jnp.float32), 2, -1)
      scale, shift = scale * (1 + s), shift * (1 + s) + t
    return scaled_silu(x, scale, shift)


class Block(nn.Module):
  """GN, SiLU, 3x3, GN, noise, SiLU, dropout, 3x3, beside a shortcut: [B, H, W, C] -> [B, H, W, width].

  The shortcut is a 1x1 convolution where the number of channels changes.
  """

  width: int
  dropout: float = 0.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, noise: Array, keys: Keys | None, layer: int) -> Array:
    y = Conv(self.width, use_bias=False, dtype=self.dtype)(GroupNormSiLU(name="GroupNorm_0")(x))
    modulation = Dense(2 * self.width, dtype=self.dtype)(noise)
    y = dropout(GroupNormSiLU(name="GroupNorm_1")(y, modulation), self.dropout, keys, layer)
    y = ZeroConv(self.width, dtype=self.dtype, name="ZeroConv_0")(y)
    if x.shape[-1] != self.width:
      x = Conv(self.width, (1, 1), dtype=self.dtype)(x)
    return x + y


def fourier(noise: Array, width: int) -> Array:
  """Sines and cosines of numbers at frequencies from 1 to 64, in geometric progression: [B] -> [B, width]."""
  frequencies = jnp.geomspace(1.0, FREQUENCY, max(1, width // 2))
  angles = noise[:, None] * frequencies
  return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1)


class UNet(nn.Module):
  """image [B, H, W, C], number of the noise level [B] -> [B, H, W, C] float32, zero at first.

  Level i has maps of 1 / 2**i of the image's side and multipliers[i] * width channels.

  Raises:
    InputError: The image cannot be halved so often.
  """

  width: int = 32
  multipliers: Sequence[int] = (1, 2, 2)
  blocks: int = 1  # residual blocks of a level, each way
  attention: bool = True  # at the smallest map
  dropout: float = 0.0
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, noise: Array, keys: Keys | None = None) -> Array:
    check_sides(x.shape[1:], len(self.multipliers))
    colours, made = x.shape[-1], 0
    embedding = nn.silu(Dense(4 * self.width, dtype=self.dtype)(fourier(noise, self.width)))
    embedding = nn.silu(Dense(4 * self.width, dtype=self.dtype)(embedding))

    def block(x: Array, width: int) -> Array:
      nonlocal made
      made += 1
      return Block(width, self.dropout, self.dtype)(x, embedding, keys, made)

    features, widths = [], [m * self.width for m in self.multipliers]
    x = Conv(self.width, dtype=self.dtype)(x)
    for level, width in enumerate(widths):
      x = mean_pool(x) if level else x
      for _ in range(self.blocks):
        x = block(x, width)
        features.append(x)
    x = block(x, widths[-1])
    x = Attention(dtype=self.dtype)(x) if self.attention else x
    x = block(x, widths[-1])
    for level, width in reversed(list(enumerate(widths))):
      for _ in range(self.blocks):
        x = block(jnp.concatenate([x, features.pop()], -1), width)
      x = upsample(x) if level else x
    x = GroupNormSiLU(name="GroupNorm_0")(x)
    return ZeroConv(colours, dtype=self.dtype, name="ZeroConv_0")(x).astype(jnp.float32)
