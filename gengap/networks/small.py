"""Strided convolutions, two down and two up, with a Dense layer between or without."""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Keys
from gengap.networks.grid import Shape
from gengap.networks.layers import Array, Conv, ConvTranspose, Dense, Skips


def smallest(shape: tuple[int, ...], width: int) -> tuple[int, int, int]:
  """Returns the shape of the smallest map, (H / 4, W / 4, 2w).

  Raises:
    InputError: four does not divide a side.
  """
  height, columns, _ = shape
  if height % 4 or columns % 4:
    raise InputError(f"image_size: {height}x{columns} does not suit this network; it needs a multiple of 4")
  return height // 4, columns // 4, 2 * width


def check_code(numbers: int, shape: tuple[int, int, int]) -> None:
  """Raises InputError unless a code of so many numbers is a map of this shape."""
  if numbers != math.prod(shape):
    raise InputError(
      f"config.method_args.network: this one has no Dense layer, so its code must be its map of "
      f"{'x'.join(map(str, shape))}: an ae with latent_dim={math.prod(shape)}, not {numbers} numbers"
    )


class Decoder(nn.Module):
  """z -> Dense H/4 x W/4 x 2w, ReLU -> transposed convolutions 2w -> w -> C: [B, latent] -> [B, H, W, C]."""

  shape: Shape
  width: int = 16
  skips: Sequence[int] = ()
  dense: bool = True
  dtype: Any = None

  @nn.compact
  def __call__(self, z: Array, train: bool) -> Array:
    del train
    skips, start = Skips(self.skips, 1, dtype=self.dtype), smallest(self.shape, self.width)
    if self.dense:
      x = nn.relu(Dense(math.prod(start), dtype=self.dtype)(z))
    else:
      check_code((x := z).shape[1], start)
    x = nn.relu(ConvTranspose(self.width, dtype=self.dtype)(x.reshape(-1, *start)))
    return ConvTranspose(self.shape[-1], dtype=self.dtype)(skips(x, z, 0)).astype(jnp.float32)


class Encoder(nn.Module):
  """3x3 convolutions of stride 2, C -> w -> 2w, ReLU after each -> Dense: [B, H, W, C] -> [B, outputs]."""

  outputs: int
  width: int = 16
  dense: bool = True
  dtype: Any = None

  @nn.compact
  def __call__(self, x: Array, train: bool, keys: Keys | None = None) -> Array:
    del train, keys
    end = smallest(x.shape[1:], self.width)
    if not self.dense:
      check_code(self.outputs, end)
    for i in (1, 2):
      x = nn.relu(Conv(i * self.width, strides=(2, 2), dtype=self.dtype)(x))
      self.sow("intermediates", "stage", x)
    x = x.reshape(len(x), -1)
    return (Dense(self.outputs, dtype=self.dtype)(x) if self.dense else x).astype(jnp.float32)


class MapDecoder(Decoder):
  """The same without Dense: the code is the smallest feature map, flattened row by row."""

  dense: bool = False


class MapEncoder(Encoder):
  """The same without Dense: the output is the smallest feature map."""

  dense: bool = False
