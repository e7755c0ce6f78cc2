"""Grouped 3x3 convolutions: stock XLA on accelerators, a convolution of each group on the CPU.

XLA's CPU backend takes about 3 times as long for a grouped convolution as for its groups one by one, and 40
times as long for the gradient of the kernel. The functions below are each other's derivatives, as those of
`convolution` are, so all may be differentiated any number of times (reverse mode only).
"""

import functools

import jax
import jax.numpy as jnp

from gengap.networks import convolution

Array = jax.Array

PARTS = 2  # pieces of a batch in the gradient of a kernel; in one piece, its images fall out of the cache


def grouped_conv(x: Array, kernel: Array) -> Array:
  """Convolution in G groups, padded by (k - 1) // 2: [B, H, W, G * I], [k, k, I, G * O] -> [B, H, W, G * O].

  G groups of 3x3, or one of any size.
  """
  groups = x.shape[-1] // kernel.shape[2]
  if groups == 1:
    return convolution.conv(x, kernel)
  if convolution.stock():
    return convolution.convolve(x, kernel, groups=groups)
  return by_group(x, kernel, groups)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def by_group(x: Array, kernel: Array, groups: int) -> Array:
  """`grouped_conv`, one group at a time."""
  parts = zip(split(x, groups), split(kernel, groups), strict=True)
  return jnp.concatenate([convolution.convolve(*part) for part in parts], -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def correlate(x: Array, g: Array, groups: int) -> Array:
  """Gradient of the kernel of `by_group`: [B, H, W, G * I], [B, H, W, G * O] -> [3, 3, I, G * O]."""
  images = -(-len(x) // PARTS)
  parts = [slice(i, i + images) for i in range(0, len(x), images)]

  def of_group(x: Array, g: Array) -> Array:
    kernel = jnp.zeros((3, 3, x.shape[-1], g.shape[-1]), x.dtype)
    of_part = (functools.partial(convolution.convolve, x[part]) for part in parts)
    found = (jax.linear_transpose(f, kernel)(g[part])[0] for f, part in zip(of_part, parts, strict=True))
    return functools.reduce(jnp.add, found)

  return jnp.concatenate(
    [of_group(*pair) for pair in zip(split(x, groups), split(g, groups), strict=True)], -1
  )


def split(x: Array, groups: int) -> list[Array]:
  """Returns the channels of each group."""
  return jnp.split(x, groups, axis=-1)


def flip(kernel: Array, groups: int) -> Array:
  """The kernel of the transposed convolution: [k, k, I, G * O] -> [k, k, O, G * I]."""
  return jnp.concatenate([convolution.flip(part) for part in split(kernel, groups)], -1)


by_group.defvjp(
  lambda x, kernel, groups: (by_group(x, kernel, groups), (x, kernel)),
  lambda groups, saved, g: (by_group(g, flip(saved[1], groups), groups), correlate(saved[0], g, groups)),
)
correlate.defvjp(
  lambda x, g, groups: (correlate(x, g, groups), (x, g)),
  lambda groups, saved, kernel: (
    by_group(saved[1], flip(kernel, groups), groups),
    by_group(saved[0], kernel, groups),
  ),
)
