"""Resizes images to the square input of a network; scores depend on how.

Each way of resizing is linear in rows and in columns, so it is two matrices, computed in float64 for the size
of the image. An image of the network's size stays as it is. Parmar et al. (2022, arXiv:2104.11222) measure
how scores change.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gengap.networks.inception import SIDE

Array = jax.Array
Matrix = Callable[[int, int], np.ndarray]  # pixels of the image, pixels wanted -> [wanted, pixels]
CUBIC = -0.5  # the a of Keys's kernel (1981), as in Pillow


def between(source: np.ndarray, n: int) -> np.ndarray:
  """Returns the matrix [side, n] of linear interpolation at `source` [side]; edge pixels are extended."""
  source = np.clip(source, 0, n - 1)
  low = np.floor(source).astype(int)
  part = source - low
  matrix = np.zeros((len(source), n))
  rows = np.arange(len(source))
  np.add.at(matrix, (rows, low), 1 - part)
  np.add.at(matrix, (rows, np.minimum(low + 1, n - 1)), part)
  return matrix


def half_pixel(n: int, side: int) -> np.ndarray:
  """Bilinear, centres at half pixels, no antialiasing: PyTorch with align_corners=False."""
  return between((np.arange(side) + 0.5) * n / side - 0.5, n)


def corner(n: int, side: int) -> np.ndarray:
  """Bilinear, the corner of the first pixel at 0, no antialiasing: TensorFlow 1."""
  return between(np.arange(side) * n / side, n)


def keys(t: np.ndarray, a: float = CUBIC) -> np.ndarray:
  """Returns Keys's cubic kernel at distances t >= 0, in pixels."""
  near = (a + 2) * t**3 - (a + 3) * t**2 + 1
  far = a * (t**3 - 5 * t**2 + 8 * t - 4)
  return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def bicubic(n: int, side: int) -> np.ndarray:
  """Bicubic, centres at half pixels, a wider kernel where the image shrinks: Pillow."""
  scale = max(n / side, 1.0)
  centre = (np.arange(side)[:, None] + 0.5) * n / side
  first, last = np.trunc(centre - 2 * scale + 0.5), np.trunc(centre + 2 * scale + 0.5)
  pixel = np.arange(n)[None]
  weight = keys(np.abs((pixel + 0.5 - centre) / scale)) * ((pixel >= first) & (pixel < last))
  return weight / weight.sum(1, keepdims=True)


def resized(matrix: Matrix, images: Array, side: int = SIDE) -> Array:
  """Resizes images [N, H, W, C] to [N, side, side, C], without rounding."""
  _, h, w, _ = images.shape
  rows, columns = (jnp.asarray(matrix(n, side), jnp.float32) for n in (h, w))
  highest = jax.lax.Precision.HIGHEST
  x = jnp.einsum("qw,nhwc->nhqc", columns, images.astype(jnp.float32), precision=highest)
  return jnp.einsum("ph,nhqc->npqc", rows, x, precision=highest)


def pytorch_fid(images: Array) -> Array:
  """As pytorch-fid: [N, H, W, C] uint8 -> [N, 299, 299, C] in [-1, 1]."""
  return resized(half_pixel, images) / 127.5 - 1


def legacy(images: Array) -> Array:
  """As TensorFlow 1 and torch-fidelity: [N, H, W, C] uint8 -> [N, 299, 299, C] in [-1, 0.992]."""
  return (resized(corner, images) - 128) / 128


def clean(images: Array) -> Array:
  """As clean-fid: [N, H, W, C] uint8 -> [N, 299, 299, C] in [-1, 0.992]."""
  return (jnp.clip(resized(bicubic, images), 0, 255) - 128) / 128


PROTOCOLS: dict[str, Callable[[Array], Array]] = {
  function.__name__: function for function in (pytorch_fid, legacy, clean)
}
