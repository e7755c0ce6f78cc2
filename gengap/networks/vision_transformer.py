"""The Vision Transformer of DINOv2 (Oquab et al., 2023, arXiv:2304.07193), without registers.

The transformer of Dosovitskiy et al. (2021, arXiv:2010.11929) with layer scale (Touvron et al., 2021,
arXiv:2103.17239). Sizes that DINOv2 was published in with this MLP: S/14, B/14 and L/14.
"""

from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

Array: TypeAlias = jax.Array

SIDE = 224  # side of input images, in pixels
PATCH = 14  # side of a patch, in pixels
EPSILON = 1e-6  # of its layer norms
HIGHEST = jax.lax.Precision.HIGHEST  # TF32 or bfloat16 would change a distance by a hundredth


class Size(NamedTuple):
  """A size of the network."""

  width: int
  blocks: int
  heads: int


SIZES = {"vits14": Size(384, 12, 6), "vitb14": Size(768, 12, 12), "vitl14": Size(1024, 24, 16)}


def dense(features: int, name: str) -> nn.Dense:
  """A linear layer of the module that calls it."""
  return nn.Dense(features, precision=HIGHEST, name=name)


def norm(name: str) -> nn.LayerNorm:
  """A layer norm of the module that calls it."""
  return nn.LayerNorm(EPSILON, use_fast_variance=False, name=name)


def attention(qkv: Array, heads: int) -> Array:
  """Softmax attention of queries, keys and values, side by side: [B, T, 3 * width] -> [B, T, width]."""
  b, t, width = qkv.shape
  query, key, value = jnp.moveaxis(qkv.reshape(b, t, 3, heads, width // (3 * heads)), 2, 0)
  scores = jnp.einsum("bthd,bshd->bhts", query, key, precision=HIGHEST) * query.shape[-1] ** -0.5
  found = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores), value, precision=HIGHEST)
  return found.reshape(b, t, width // 3)


class Block(nn.Module):
  """Attention, then a perceptron of each token, both scaled and added: [B, T, width] -> the same."""

  heads: int

  @nn.compact
  def __call__(self, x: Array) -> Array:
    width = x.shape[-1]

    def scaled(x: Array, name: str) -> Array:
      return x * self.param(name, nn.initializers.ones, (width,))

    seen = attention(dense(3 * width, "qkv")(norm("norm1")(x)), self.heads)
    x = x + scaled(dense(width, "proj")(seen), "ls1")
    hidden = jax.nn.gelu(dense(4 * width, "fc1")(norm("norm2")(x)), approximate=False)
    return x + scaled(dense(width, "fc2")(hidden), "ls2")


class VisionTransformer(nn.Module):
  """Images [B, S, S, 3], standardised -> the tokens after every block and after the last norm, by name.

  The names are embeddings, block_0, block_1, ... and norm; each is [B, 1 + (S / 14)^2, width]. Token 0 is the
  class token, the others are patches, row by row.
  """

  size: Size

  @nn.compact
  def __call__(self, x: Array) -> dict[str, Array]:
    b, side, _, channels = x.shape
    grid, width = side // PATCH, self.size.width
    patches = x.reshape(b, grid, PATCH, grid, PATCH, channels).swapaxes(2, 3)
    patches = dense(width, "patch_embed")(patches.reshape(b, grid**2, -1))
    token = self.param("cls_token", nn.initializers.zeros, (1, 1, width))
    position = self.param("pos_embed", nn.initializers.normal(0.02), (1, 1 + grid**2, width))
    x = jnp.concatenate([jnp.broadcast_to(token, (b, 1, width)), patches], 1) + position
    outputs: dict[str, Any] = {"embeddings": x}
    for i in range(self.size.blocks):
      x = outputs[f"block_{i}"] = Block(self.size.heads, name=f"block_{i}")(x)
    return outputs | {"norm": norm("norm")(x)}
