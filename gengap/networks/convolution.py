"""Convolutions of [B, H, W, C] with [kh, kw, in, out]: stock XLA on accelerators, matrix products on the CPU.

XLA's CPU backend is fast for one kind of convolution only: stride 1 and many channels. All others, and
especially gradients, take 2 to 200 times as long as a matrix product of the same size. On the CPU they are
therefore written as matrix products of `patches`, or as `fold`, its transpose, of a product. These are sums
of pads and slices, which XLA fuses into one pass. They can be differentiated any number of times and give the
same values as the stock convolution. The fast kind needs `compiler_options`, or it uses one core only.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array

FEW = 8  # channels below which a product with patches beats XLA's convolution
CACHE = 2**18  # numbers that stay in a core's cache
PARTS = 8  # most pieces that a batch is split into, since each piece is compiled
SMALL = 8  # side of a grid below which the windows of `subpixel` outnumber its inputs
DIMENSIONS = ("NHWC", "HWIO", "NHWC")
OPTIONS: dict[str, Any] = {
  "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
}


def stock() -> bool:
  """Whether XLA's own convolutions are used. This is decided here only."""
  return jax.default_backend() != "cpu"


@functools.cache
def compiler_options() -> dict[str, Any]:
  """Returns XLA options for programs with convolutions; empty on accelerators, or if XLA does not know them.

  By default XLA's CPU backend hands convolutions, products and sums to a library, YNN, whose convolution runs
  on one core. With these options YNN gets only products and sums, and XLA's own convolution uses all cores.
  """
  if stock():
    return {}
  try:
    jax.jit(lambda: 0).lower().compile(OPTIONS)
  except jax.errors.JaxRuntimeError:
    return {}
  return OPTIONS


def conv(x: Array, kernel: Array, stride: int = 1) -> Array:
  """Convolution padded by (k - 1) // 2: [B, H, W, I], [k, k, I, O] -> [B, H / stride, W / stride, O]."""
  k, _, inputs, outputs = kernel.shape
  before = (k - 1) // 2
  if stock():
    return convolve(x, kernel, stride)
  if stride == 1 and k == 3 and min(inputs, outputs) >= FEW:
    return wide(x, kernel)
  if stride == 1 and outputs < FEW <= inputs:
    # Each pixel's contribution to its neighbours, then their sum: the kernel flipped, [I, k * k * O].
    taps = product(x, kernel[::-1, ::-1].transpose(2, 0, 1, 3).reshape(inputs, -1))
    return crop(fold(taps, k), before)
  if stride == 2 and k == 4:
    return halve(x, kernel)
  return product(patches(pad(x, before), k, stride), kernel.reshape(-1, outputs))


def convolve(x: Array, kernel: Array, stride: int = 1, groups: int = 1) -> Array:
  """XLA's own `conv`, in groups of input and of output channels."""
  before = (kernel.shape[0] - 1) // 2
  padding, strides = [(before, before)] * 2, (stride, stride)
  return lax.conv_general_dilated(
    x, kernel, strides, padding, dimension_numbers=DIMENSIONS, feature_group_count=groups
  )


@jax.custom_vjp
def wide(x: Array, kernel: Array) -> Array:
  """`conv`, 3x3 at stride 1, whose gradient of the kernel is `correlate`. Reverse mode only."""
  return convolve(x, kernel)


@jax.custom_vjp
def correlate(x: Array, g: Array) -> Array:
  """Gradient of the kernel of `wide`: [B, H, W, I], [B, H, W, O] -> [3, 3, I, O].

  XLA computes it as a convolution by g, some images at a time here, since g must stay in the cache. The two
  functions are each other's derivatives, so both may be differentiated any number of times.
  """
  kernel = jnp.zeros((3, 3, x.shape[-1], g.shape[-1]), x.dtype)
  images = max(CACHE * len(g) // g.size, -(-len(g) // PARTS))
  parts = (slice(i, i + images) for i in range(0, len(g), images))
  found = (jax.linear_transpose(functools.partial(convolve, x[part]), kernel)(g[part])[0] for part in parts)
  return functools.reduce(jnp.add, found)


def flip(kernel: Array) -> Array:
  """The kernel of the transposed convolution: [k, k, I, O] -> [k, k, O, I]."""
  return kernel[::-1, ::-1].swapaxes(2, 3)


wide.defvjp(
  lambda x, kernel: (wide(x, kernel), (x, kernel)),
  lambda saved, g: (wide(g, flip(saved[1])), correlate(saved[0], g)),
)
correlate.defvjp(
  lambda x, g: (correlate(x, g), (x, g)),
  lambda saved, kernel: (wide(saved[1], flip(kernel)), wide(saved[0], kernel)),
)


@jax.custom_vjp
def halve(x: Array, kernel: Array) -> Array:
  """`conv`, 4x4 at stride 2: [B, 2H, 2W, I], [4, 4, I, O] -> [B, H, W, O]. Reverse mode only.

  It is one of three functions, each linear in both arguments: of an image, a kernel and an output they make
  the third from two, and each one's derivatives are the other two. So all may be differentiated any number of
  times, always in the formulation that is fast.
  """
  return product(windows(x), kernel.reshape(-1, kernel.shape[-1]))


@jax.custom_vjp
def double(y: Array, kernel: Array) -> Array:
  """Gradient of the image of `halve`: [B, H, W, O], [4, 4, I, O] -> [B, 2H, 2W, I]."""
  return subpixel(y, kernel.swapaxes(2, 3))


@jax.custom_vjp
def relate(x: Array, y: Array) -> Array:
  """Gradient of the kernel of `halve`: [B, 2H, 2W, I], [B, H, W, O] -> [4, 4, I, O]."""
  inputs, outputs = x.shape[-1], y.shape[-1]
  kernel = y.reshape(-1, outputs).T @ windows(x).reshape(-1, 16 * inputs)  # faster than its transpose
  return kernel.reshape(outputs, 4, 4, inputs).transpose(1, 2, 3, 0)


halve.defvjp(
  lambda x, kernel: (halve(x, kernel), (x, kernel)),
  lambda saved, y: (double(y, saved[1]), relate(saved[0], y)),
)
double.defvjp(
  lambda y, kernel: (double(y, kernel), (y, kernel)),
  lambda saved, x: (halve(x, saved[1]), relate(x, saved[0])),
)
relate.defvjp(
  lambda x, y: (relate(x, y), (x, y)),
  lambda saved, kernel: (double(saved[1], kernel), halve(saved[0], kernel)),
)


def windows(x: Array) -> Array:
  """Every 4x4 window at stride 2 of an image padded by 1: [B, 2H, 2W, C] -> [B, H, W, 16 C]."""
  b, h, w, _ = x.shape
  x = pad(x, 1)
  rows = (jnp.stack([x[:, i : i + h : 2, j : j + w : 2] for j in range(4)], 3) for i in range(4))
  return jnp.stack(list(rows), 3).reshape(b, h // 2, w // 2, -1)


def conv_transpose(x: Array, kernel: Array) -> Array:
  """The gradient of a 4x4 stride-2 convolution padded by 1: [B, H, W, I], [4, 4, I, O] -> [B, 2H, 2W, O].

  Tap k of a row takes input i to output 2i + k - 1, as in PyTorch; not flipped as in lax.conv_transpose.
  """
  if stock():
    return lax.conv_general_dilated(
      x, kernel[::-1, ::-1], (1, 1), [(2, 2)] * 2, (2, 2), dimension_numbers=DIMENSIONS
    )
  return double(x, kernel.swapaxes(2, 3))


def up_conv(x: Array, kernel: Array) -> Array:
  """Nearest x2 upsampling, then a 3x3 convolution: [B, H, W, I], [3, 3, I, O] -> [B, 2H, 2W, O].

  The three taps of an output row fall on two input rows, so the pair is a transposed 4x4 convolution, at
  4/9 of the products.
  """
  if stock():
    return conv(upsample(x), kernel)
  a, b, c = kernel
  kernel = jnp.stack([c, b + c, a + b, a])
  a, b, c = kernel.swapaxes(0, 1)
  return conv_transpose(x, jnp.stack([c, b + c, a + b, a], 1))


def subpixel(x: Array, kernel: Array) -> Array:
  """conv_transpose as one 2x2 convolution to the four phases of the output (Shi et al. 2016, 1609.05158).

  The window of inputs i - 1 and i makes outputs 2i - 1 and 2i, from taps (2, 0) and (3, 1).
  """
  b, h, w, inputs = x.shape
  outputs = kernel.shape[-1]
  kernel = kernel.reshape(2, 2, 2, 2, inputs, outputs).transpose(4, 0, 2, 1, 3, 5)
  if h < SMALL or outputs < FEW:  # (h + 1)**2 windows would be many more than h**2 inputs
    y = fold(product(x, kernel.reshape(inputs, -1)), 2)
  else:
    kernel = kernel[:, ::-1, ::-1].transpose(1, 2, 0, 3, 4, 5).reshape(-1, 4 * outputs)
    y = product(patches(pad(x, 1), 2), kernel)
  y = y.reshape(b, h + 1, w + 1, 2, 2, outputs).swapaxes(2, 3)
  return crop(y.reshape(b, 2 * h + 2, 2 * w + 2, outputs), 1)


def upsample(x: Array) -> Array:
  """Nearest neighbour: [B, H, W, C] -> [B, 2H, 2W, C]."""
  b, h, w, c = x.shape
  return jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def mean_pool(x: Array) -> Array:
  """Mean of 2x2 windows: [B, H, W, C] -> [B, H / 2, W / 2, C]."""
  b, h, w, c = x.shape
  return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def product(x: Array, matrix: Array) -> Array:
  """[B, H, W, I] @ [I, O] -> [B, H, W, O], as one product of two matrices."""
  return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], -1)


def pad(x: Array, n: int) -> Array:
  """Zeros around an image, n pixels wide."""
  return jnp.pad(x, ((0, 0), (n, n), (n, n), (0, 0)))


def crop(x: Array, n: int) -> Array:
  """Undoes `pad`."""
  return x[:, n : x.shape[1] - n, n : x.shape[2] - n]


def patches(x: Array, k: int, stride: int = 1) -> Array:
  """Every k x k window, its taps side by side: [B, H, W, C] -> [B, (H - k) // stride + 1, ..., k * k * C].

  A sum of padded slices: XLA's concatenation takes twice the time.
  """
  taps = [(i, j) for i in range(k) for j in range(k)]
  h, w, c = x.shape[1] - k + 1, x.shape[2] - k + 1, x.shape[3]
  placed = (
    jnp.pad(x[:, i : i + h : stride, j : j + w : stride], (*((0, 0),) * 3, (n * c, (k * k - 1 - n) * c)))
    for n, (i, j) in enumerate(taps)
  )
  return functools.reduce(jnp.add, placed)


def fold(x: Array, k: int) -> Array:
  """Transpose of `patches` at stride 1, a sum of windows: [B, H, W, k * k * C] -> [B, H + k - 1, ..., C]."""
  taps = [(i, j) for i in range(k) for j in range(k)]
  placed = (
    jnp.pad(tap, ((0, 0), (i, k - 1 - i), (j, k - 1 - j), (0, 0)))
    for (i, j), tap in zip(taps, jnp.split(x, k * k, axis=-1), strict=True)
  )
  return functools.reduce(jnp.add, placed)
