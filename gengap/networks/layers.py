"""Layers with stock Linen parameters: `kernel` [kh, kw, in, out] and `bias` [out], always float32.

Kernels start as PyTorch's do, uniform with variance 1 / (3 fan_in); biases start at zero. How a convolution
is computed depends on the backend (see `convolution`); its parameters do not.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype

from gengap.errors import InputError
from gengap.method import AXIS, Keys
from gengap.networks import convolution
from gengap.networks.convolution import mean_pool, upsample

__all__ = [
  "BatchNorm",
  "Conv",
  "ConvTranspose",
  "Dense",
  "Keys",
  "Skips",
  "UpConv",
  "dropout",
  "mean_pool",
  "upsample",
]

Array = jax.Array
Dtype = Any

kernel_init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
# PyTorch counts the fan-in of a transposed convolution on its output side.
transpose_init = nn.initializers.variance_scaling(1 / 3, "fan_out", "uniform")

Dense = functools.partial(nn.Dense, kernel_init=kernel_init)


def apply(
  module: nn.Module, f: Callable[..., Array], x: Array, kernel_size: Sequence[int], init=kernel_init
) -> Array:
  """Declares the parameters of a convolution, and computes f(x, kernel) + bias in the module's dtype."""
  kernel = module.param("kernel", init, (*kernel_size, x.shape[-1], module.features))
  bias = module.param("bias", nn.initializers.zeros, (module.features,)) if module.use_bias else None
  x, kernel, bias = promote_dtype(x, kernel, bias, dtype=module.dtype)
  y = f(x, kernel)
  return y if bias is None else y + bias


def dropout(x: Array, rate: float, keys: Keys | None, layer: int) -> Array:
  """Sets numbers to zero with probability `rate` and scales the others by 1 / (1 - rate): [B, ...].

  Args:
    x: the numbers.
    rate: in [0, 1), rounded to a multiple of 2^-16.
    keys: one for each example; None drops nothing.
    layer: the layer's number in its network; layers draw independently.
  """
  if not rate or keys is None:
    return x
  drop = round(rate * 2**16)
  bits = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, layer), x.shape[1:], jnp.uint16))(keys)
  return jnp.where(bits >= drop, x * (2**16 / (2**16 - drop)), 0)


class Conv(nn.Module):
  """Convolution padded by (k - 1) // 2: [B, H, W, C] -> [B, H / stride, W / stride, features]."""

  features: int
  kernel_size: Sequence[int] = (3, 3)
  strides: Sequence[int] = (1, 1)
  use_bias: bool = True
  dtype: Dtype | None = None
  kernel_init: nn.initializers.Initializer = kernel_init

  @nn.compact
  def __call__(self, x: Array) -> Array:
    f = functools.partial(convolution.conv, stride=self.strides[0])
    return apply(self, f, x, self.kernel_size, self.kernel_init)


class ConvTranspose(nn.Module):
  """Transposed convolution, 4x4, stride 2, padding 1: [B, H, W, C] -> [B, 2H, 2W, features]."""

  features: int
  use_bias: bool = True
  dtype: Dtype | None = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    return apply(self, convolution.conv_transpose, x, (4, 4), transpose_init)


class UpConv(nn.Module):
  """Nearest x2 upsampling, then a 3x3 convolution: [B, H, W, C] -> [B, 2H, 2W, features]."""

  features: int
  use_bias: bool = True
  dtype: Dtype | None = None

  @nn.compact
  def __call__(self, x: Array) -> Array:
    return apply(self, convolution.up_conv, x, (3, 3))


class Skips(nn.Module):
  """Latent skip connections: feeds the latent to the stages of a decoder, [B, ..., F] -> [B, ..., F + n].

  Stage i gets channels[i] linear functions of z [B, D] at every position of its feature map. A stage with 0
  channels, or past the end of the list, is unchanged.

  Raises:
    InputError: The list is longer than the decoder.
  """

  channels: Sequence[int]
  stages: int  # of the decoder
  dtype: Dtype | None = None

  @nn.compact
  def __call__(self, x: Array, z: Array, stage: int) -> Array:
    if len(self.channels) > self.stages:
      raise InputError(
        f"config.method_args.skips names {len(self.channels)} stages, and this decoder has {self.stages}"
      )
    if stage >= len(self.channels) or not self.channels[stage]:
      return x
    latent = Dense(self.channels[stage], dtype=self.dtype, name=f"stage_{stage}")(z)
    latent = latent.reshape(len(z), *(1,) * (x.ndim - 2), -1)
    return jnp.concatenate(
      [x, jnp.broadcast_to(latent, (*x.shape[:-1], latent.shape[-1])).astype(x.dtype)], -1
    )


class BatchNorm(nn.Module):
  """Batch normalisation with PyTorch's momentum and epsilon, over the examples of all devices in training.

  The statistics are float32 in any dtype. In training it must run inside a map over AXIS.
  """

  dtype: Dtype | None = None

  @nn.compact
  def __call__(self, x: Array, train: bool) -> Array:
    norm = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5, dtype=self.dtype, axis_name=AXIS)
    return norm(x)
