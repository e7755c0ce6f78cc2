"""Bilinear resampling by 2, with zeros outside the image, as pads and slices.

Both functions filter with [1, 3, 3, 1] along each side, the filter of R3GAN (Huang et al. 2024,
arXiv:2501.05441) and of StyleGAN2 before it. `upsample` is 4 times the transpose of `downsample`.
"""

import jax
import jax.numpy as jnp

Array = jax.Array


def shift(x: Array, by: int, axis: int) -> Array:
  """Moves an array along an axis by 1 or -1; zeros enter."""
  pads = [(0, 0)] * x.ndim
  pads[axis] = (max(by, 0), max(-by, 0))
  start = max(-by, 0)
  return jax.lax.slice_in_dim(jnp.pad(x, pads), start, start + x.shape[axis], axis=axis)


def upsample(x: Array) -> Array:
  """[B, H, W, C] -> [B, 2H, 2W, C]: of each side, outputs 2i and 2i + 1 lie at i - 1/4 and i + 1/4."""
  for axis in (1, 2):
    near = 0.75 * x
    phases = (near + 0.25 * shift(x, by, axis) for by in (1, -1))
    x = jnp.stack(list(phases), axis + 1).reshape(*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
  return x


def downsample(x: Array) -> Array:
  """[B, 2H, 2W, C] -> [B, H, W, C]: of each side, (x[2i - 1] + 3 x[2i] + 3 x[2i + 1] + x[2i + 2]) / 8."""
  for axis in (1, 2):
    pairs = x.reshape(*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
    even, odd = (jax.lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in (0, 1))
    x = 0.375 * (even + odd) + 0.125 * (shift(odd, 1, axis) + shift(even, -1, axis))
  return x
