"""Sampling on the device, without replacement within an epoch, as a function of (seed, position).

No state and no stored permutation: where the n-th image of a run lies is computed, so that a resumed run,
a run on more devices and an evaluation all see the same order.
"""

import jax.numpy as jnp

from gengap.method import Array, Batch

ROUNDS = 40


def _hash(*words: Array) -> Array:
  """Mixes uint32 words in order into one (after each, the finaliser of MurmurHash3; Appleby, 2011)."""
  x = jnp.uint32(0x9E3779B9)
  for word in words:
    x = x ^ word
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    x = x ^ (x >> 16)
  return x


def indices(seed: int, position: Array, size: int) -> Array:
  """Returns the data set index of the image at each position of the run's stream.

  A swap-or-not shuffle (Hoang, Morris and Rogaway, CRYPTO 2012): every round pairs x with its reflection
  k - x and swaps the two or not by a coin that both share, so each epoch is a permutation of the whole data
  set, whatever its size.

  Args:
    seed: of the run.
    position: [B] uint32, images drawn before this one; position // size is its epoch.
    size: images in the data set.
  """
  n = jnp.uint32(size)
  epoch, x = position // n, position % n
  for r in range(ROUNDS):
    key = _hash(jnp.uint32(seed), epoch, jnp.uint32(r))
    partner = (key % n + n - x) % n
    coin = _hash(key, jnp.maximum(x, partner)) & 1
    x = jnp.where(coin == 1, partner, x)
  return x


def batch(images: Array, labels: Array, seed: int, position: Array) -> Batch:
  """Draws a batch: images [N, H, W, C] uint8 and labels [N] int32, at positions [B] uint32 of the stream."""
  index = indices(seed, position, len(images))
  return Batch(images[index].astype(jnp.float32) / 127.5 - 1.0, labels[index])
