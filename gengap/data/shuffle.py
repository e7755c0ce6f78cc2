"""Shuffling on the device, without replacement within an epoch, as a function of (seed, position).

There is no state and no stored permutation: the index of the n-th image of a run is computed. A resumed run,
a run on more devices and an evaluation therefore see the same order.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from gengap.data.scale import to_float
from gengap.method import Array, Batch

ROUNDS = 40


def _hash(*words: Any) -> Any:
  """Hashes arrays of uint32, in order, into one: the finaliser of MurmurHash3 after each (Appleby, 2011)."""
  x = np.uint32(0x9E3779B9)
  for word in words:
    x = x ^ word
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    x = x ^ (x >> 16)
  return x


def indices(seed: Any, position: Any, size: int) -> Any:
  """Returns the index in the data set of the image at each position of the run's stream.

  A swap-or-not shuffle (Hoang, Morris and Rogaway, CRYPTO 2012): every round pairs x with its reflection
  k - x, and a coin that both share decides whether they are swapped. Each epoch is a permutation of the whole
  data set, for any size.

  Args:
    seed: of the run, [] uint32.
    position: [...] uint32, images drawn before this one; position // size is its epoch. NumPy arrays
      are computed on the host.
    size: images in the data set.
  """
  xp = np if isinstance(position, np.ndarray) else jnp
  n = np.uint32(size)
  epoch, x = position // n, position % n
  for r in range(ROUNDS):
    key = _hash(xp.full_like(epoch, seed), epoch, np.uint32(r))
    partner = (key % n + n - x) % n
    coin = _hash(key, xp.maximum(x, partner)) & 1
    x = xp.where(coin == 1, partner, x)
  return x


def as_batch(images: Array, labels: Array) -> Batch:
  """Converts images [B, H, W, C] uint8 and their labels [B] int32 to a batch."""
  return Batch(to_float(images), labels)


def batch(images: Array, labels: Array, seed: Any, position: Array) -> Batch:
  """Returns the batch at positions [B] uint32 of the stream, of images [N, H, W, C] uint8 and labels [N]."""
  index = indices(seed, position, len(images))
  return as_batch(images[index], labels[index])
