"""Residual pair between an image and a grid of vectors, after VQ-VAE (van den Oord et al. 2017, 1711.00937).

Section 4.1 there: strided 4x4 convolutions and two residual blocks, and the same backwards. Here the width
doubles towards the grid, and a 3x3 convolution stands beside the residual blocks.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.networks.grid import Shape
from gengap.networks.layers import Array, Conv, ConvTranspose

BLOCKS = 2


def grid_of(shape: Shape, halvings: int) -> tuple[int, int]:
  """Returns the height and the width of the grid of an image whose sides are halved so often.

  Raises:
    InputError: A side cannot be halved so often.
  """
  height, width, _ = shape
  if min(height, width) >> halvings == 0 or any(side % 2**halvings for side in (height, width)):
    raise InputError(
      f"config.method_args.halvings is {halvings}, and {height}x{width} cannot be halved so often"
    )
  return height >> halvings, width >> halvings


class Block(nn.Module):
  """ReLU, 3x3, ReLU, 1x1, beside the identity: [B, H, W, width] -> the same."""

  width: int
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    y = Conv(self.width, dtype=self.dtype)(nn.relu(x))
    return x + Conv(self.width, (1, 1), dtype=self.dtype)(nn.relu(y))


def widths(width: int, halvings: int) -> list[int]:
  """Returns the channels of the maps from half the image's side to the grid, where they are `width`."""
  return [max(1, width >> i) for i in reversed(range(halvings))]


class Encoder(nn.Module):
  """4x4 convolutions of stride 2, 3x3, two residual blocks, ReLU, 1x1: [B, H, W, C] -> [B, h, w, outputs]."""

  outputs: int
  width: int = 128
  halvings: int = 2
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    for channels in widths(self.width, self.halvings):
      x = nn.relu(Conv(channels, (4, 4), (2, 2), dtype=self.dtype)(x))
    x = Conv(self.width, dtype=self.dtype)(x)
    for _ in range(BLOCKS):
      x = Block(self.width, dtype=self.dtype)(x)
    return Conv(self.outputs, (1, 1), dtype=self.dtype)(nn.relu(x)).astype(jnp.float32)


class Decoder(nn.Module):
  """3x3, two residual blocks, ReLU, transposed convolutions: [B, h, w, inputs] -> [B, H, W, channels]."""

  channels: int  # of the output
  width: int = 128
  halvings: int = 2
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    x = Conv(self.width, dtype=self.dtype)(x)
    for _ in range(BLOCKS):
      x = Block(self.width, dtype=self.dtype)(x)
    for channels in [*widths(self.width, self.halvings)[-2::-1], self.channels]:
      x = ConvTranspose(channels, dtype=self.dtype)(nn.relu(x))
    return x.astype(jnp.float32)


class Autoencoder(nn.Module):
  """The encoder, the decoder, and the scale of p(x | codes) if it is learned."""

  encoder: nn.Module
  decoder: nn.Module
  learned_scale: bool

  def encode(self, x: Array) -> Array:
    """Returns a vector for each code of images [B, H, W, C]: [B, h, w, D]."""
    return self.encoder(x)

  @nn.compact
  def decode(self, vectors: Array) -> tuple[Array, Array]:
    """Returns the decoder's outputs [B, H, W, each * C] for vectors [B, h, w, D], and the log scale."""
    start = nn.initializers.zeros
    log_scale = self.param("log_scale", start, ()) if self.learned_scale else jnp.zeros(())
    return self.decoder(vectors), log_scale

  def __call__(self, x: Array) -> tuple[Array, Array]:
    """Returns `decode` of `encode`, without a codebook."""
    return self.decode(self.encode(x))
