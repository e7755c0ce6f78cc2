"""A causal transformer over sequences of codes (Vaswani et al. 2017, arXiv:1706.03762, its decoder alone).

Layer norms come before attention and before the perceptron. Everything is float32, and products are exact to
float32 on every backend: the logits of a whole sequence, and those of one code after another, define the same
distribution and must agree.
"""

import functools
from typing import TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Array: TypeAlias = jax.Array
Past: TypeAlias = tuple[Array, Array]  # keys and values of one block at all positions, [B, T, heads, .] each

HEAD = 32  # width of an attention head
HIGHEST = lax.Precision.HIGHEST
INIT = nn.initializers.normal(0.02)
Dense = functools.partial(nn.Dense, kernel_init=INIT, precision=HIGHEST)


class Block(nn.Module):
  """Attention, then a perceptron, each added to its input."""

  width: int

  def attend(self, x: Array, past: Past, position: Array | int) -> tuple[Array, Past]:
    """Attention of x [B, N, width], at `position` and after it, to itself and to what is before it."""
    b, n, _ = x.shape
    query, *new = jnp.split(Dense(3 * self.width, name="qkv")(x).reshape(b, n, -1, past[0].shape[-1]), 3, 2)
    key, value = (
      lax.dynamic_update_slice_in_dim(old, x, position, 1) for old, x in zip(past, new, strict=True)
    )
    scores = jnp.einsum("bnhd,bthd->bhnt", query, key, precision=HIGHEST) * key.shape[-1] ** -0.5
    visible = jnp.arange(key.shape[1]) <= position + jnp.arange(n)[:, None]  # [N, T]
    weights = jax.nn.softmax(jnp.where(visible, scores, -jnp.inf))
    found = jnp.einsum("bhnt,bthd->bnhd", weights, value, precision=HIGHEST)
    return Dense(self.width, name="proj")(found.reshape(b, n, -1)), (key, value)

  @nn.compact
  def __call__(self, x: Array, past: Past, position: Array | int) -> tuple[Array, Past]:
    """Returns the outputs [B, N, width] for x at `position` and after it, and `past` with its keys."""
    found, past = self.attend(nn.LayerNorm(name="norm1")(x), past, position)
    x = x + found
    hidden = jax.nn.gelu(Dense(4 * self.width, name="fc1")(nn.LayerNorm(name="norm2")(x)))
    return x + Dense(self.width, name="fc2")(hidden), past


class CausalTransformer(nn.Module):
  """Logits of every code of a sequence, given the codes before it."""

  codes: int  # number of different codes
  length: int  # of a sequence
  width: int = 128  # a multiple of HEAD, or less than twice HEAD
  layers: int = 3

  def setup(self) -> None:
    """Declares the layers."""
    self.embedding = self.param("embedding", INIT, (self.codes, self.width))
    self.start = self.param("start", INIT, (self.width,))  # stands for the code before the first
    self.place = self.param("place", INIT, (self.length, self.width))
    self.blocks = [Block(self.width, name=f"block_{i}") for i in range(self.layers)]
    self.norm = nn.LayerNorm()
    self.head = Dense(self.codes)

  def no_past(self, number: int) -> list[Past]:
    """Returns the keys and values of every block before the first code of `number` sequences."""
    heads = max(1, self.width // HEAD)
    zeros = jnp.zeros((number, self.length, heads, self.width // heads))
    return [(zeros, zeros)] * self.layers

  def advance(self, x: Array, past: list[Past], position: Array | int) -> tuple[Array, list[Past]]:
    """Returns logits [B, N, codes] from `position` on, given embeddings [B, N, width] of the codes before."""
    x = x + lax.dynamic_slice_in_dim(self.place, position, x.shape[1])
    now = []
    for block, old in zip(self.blocks, past, strict=True):
      x, new = block(x, old, position)
      now.append(new)
    return self.head(self.norm(x)), now

  def __call__(self, codes: Array) -> Array:
    """Returns the logits [B, length, codes] of codes [B, length], each given the codes before it."""
    start = jnp.broadcast_to(self.start, (len(codes), 1, self.width))
    before = jnp.concatenate([start, jnp.take(self.embedding, codes[:, :-1], axis=0)], 1)
    return self.advance(before, self.no_past(len(codes)), 0)[0]

  def step(self, code: Array, past: list[Past], position: Array) -> tuple[Array, list[Past]]:
    """Returns the logits [B, codes] at `position`, given the code [B] before it, and the new past."""
    before = jnp.where(position == 0, self.start, jnp.take(self.embedding, code, axis=0))
    logits, past = self.advance(before[:, None], past, position)
    return logits[:, 0], past
