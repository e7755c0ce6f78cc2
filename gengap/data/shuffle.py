"""Shuffling on the device, without replacement within an epoch, as a function of (seed, position).

There is no state and no stored permutation: the index of the n-th image of a run is computed. A resumed run,
a run on more devices and an evaluation therefore see the same order.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gengap.data.scale import to_float
from gengap.method import Array, Batch

ROUNDS = 40


def _mix(x: Any) -> Any:
  """Returns the finaliser of MurmurHash3 of uint32 (Appleby, 2011)."""
  x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
  x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
  return x ^ (x >> 16)


def _hash(*words: Any) -> Any:
  """Hashes arrays of uint32, in order, into one."""
  return functools.reduce(lambda x, word: _mix(x ^ word), words, np.uint32(0x9E3779B9))


def _start(xp: Any, seed: Any, position: Any, n: np.uint32) -> tuple[Any, Any]:
  """Returns the hash of the seed and the epoch, and the place in the epoch, of each position."""
  epoch = position // n
  return _hash(xp.full_like(epoch, seed), epoch), position % n


def _round(xp: Any, start: Any, x: Any, r: Any, n: np.uint32) -> Any:
  """Returns the places after round `r`."""
  key = _mix(start ^ r)
  partner = (key % n + n - x) % n
  coin = _hash(key, xp.maximum(x, partner)) & 1
  return xp.where(coin == 1, partner, x)


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
  if not isinstance(position, np.ndarray):
    return _device_indices(jnp.asarray(seed, jnp.uint32), position, size, unrolled())
  n = np.uint32(size)
  start, x = _start(np, seed, position, n)
  for r in range(ROUNDS):
    x = _round(np, start, x, np.uint32(r), n)
  return x


def unrolled() -> bool:
  """Whether the rounds are one fused kernel on these devices, and not a loop.

  A GPU would launch kernels in each iteration. On the CPU a loop is as fast, and a program with the unrolled
  rounds takes two seconds longer to compile for each batch in it.
  """
  return jax.default_backend() != "cpu"


@functools.partial(jax.jit, static_argnames=("size", "unroll"))  # traced once for all programs
def _device_indices(seed: Array, position: Array, size: int, unroll: bool) -> Array:
  """Returns `indices`, computed by the device."""
  n = np.uint32(size)
  start, x = _start(jnp, seed, position, n)
  rounds = jnp.arange(ROUNDS, dtype=jnp.uint32)
  return lax.scan(lambda x, r: (_round(jnp, start, x, r, n), None), x, rounds, unroll=unroll)[0]


def as_batch(images: Array, labels: Array) -> Batch:
  """Converts images [B, H, W, C] uint8 and their labels [B] int32 to a batch."""
  return Batch(to_float(images), labels)


def batch(images: Array, labels: Array, seed: Any, position: Array) -> Batch:
  """Returns the batch at positions [B] uint32 of the stream, of images [N, H, W, C] uint8 and labels [N]."""
  index = indices(seed, position, len(images))
  return as_batch(images[index], labels[index])
