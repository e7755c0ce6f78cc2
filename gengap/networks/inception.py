"""The network of the Frechet Inception Distance: Inception-v3, as TensorFlow released it in 2015.

Szegedy et al. (2016, arXiv:1512.00567). It differs from later Inception-v3s: 1008 classes, mean pools that do
not count the padding, and in Mixed_7c a pool by maximum. Layers are named as in
pt_inception-2015-12-05-6726825d.pth, the file with its weights that is passed on among users of PyTorch.
"""

import functools
from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

Array: TypeAlias = jax.Array

SIDE = 299  # side of input images, in pixels
CLASSES = 1008
EPSILON = 1e-3  # of its batch norms, which are folded into the convolutions


class Conv(NamedTuple):
  """Convolution with bias and ReLU; VALID keeps to the image, SAME pads it to its size."""

  name: str
  features: int
  window: tuple[int, int] = (1, 1)
  stride: int = 1
  padding: str = "SAME"


class Pool(NamedTuple):
  """Mean or maximum of 3x3 windows."""

  name: str
  stride: int = 1
  mean: bool = False


# A branch is a sequence of layers. A tuple instead of a layer is a fork: its layers get the same input, and
# their outputs are concatenated. A block is a fork of branches.
Branch: TypeAlias = tuple[Any, ...]
ROW, COLUMN, SQUARE = (1, 7), (7, 1), (3, 3)
MEAN, MAX = Pool("pool", mean=True), Pool("pool")
HALVE = Pool("pool", stride=2)

TRIPLE: Branch = (Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, SQUARE))


def narrow(pooled: int) -> tuple[Branch, ...]:
  """A block of the maps of 35x35."""
  return (
    (Conv("branch1x1", 64),),
    (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
    (*TRIPLE, Conv("branch3x3dbl_3", 96, SQUARE)),
    (MEAN, Conv("branch_pool", pooled)),
  )


def middle(inner: int) -> tuple[Branch, ...]:
  """A block of the maps of 17x17: windows of 7x7, as rows and columns."""
  return (
    (Conv("branch1x1", 192),),
    (Conv("branch7x7_1", inner), Conv("branch7x7_2", inner, ROW), Conv("branch7x7_3", 192, COLUMN)),
    (
      Conv("branch7x7dbl_1", inner),
      Conv("branch7x7dbl_2", inner, COLUMN),
      Conv("branch7x7dbl_3", inner, ROW),
      Conv("branch7x7dbl_4", inner, COLUMN),
      Conv("branch7x7dbl_5", 192, ROW),
    ),
    (MEAN, Conv("branch_pool", 192)),
  )


def wide(pool: Pool) -> tuple[Branch, ...]:
  """A block of the maps of 8x8."""

  def fork(name: str) -> Branch:
    return (Conv(f"{name}a", 384, (1, 3)), Conv(f"{name}b", 384, (3, 1)))

  return (
    (Conv("branch1x1", 320),),
    (Conv("branch3x3_1", 384), fork("branch3x3_2")),
    (Conv("branch3x3dbl_1", 448), Conv("branch3x3dbl_2", 384, SQUARE), fork("branch3x3dbl_3")),
    (pool, Conv("branch_pool", 192)),
  )


HALF_OF_35: tuple[Branch, ...] = (
  (Conv("branch3x3", 384, SQUARE, 2, "VALID"),),
  (*TRIPLE, Conv("branch3x3dbl_3", 96, SQUARE, 2, "VALID")),
  (HALVE,),
)
HALF_OF_17: tuple[Branch, ...] = (
  (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, SQUARE, 2, "VALID")),
  (
    Conv("branch7x7x3_1", 192),
    Conv("branch7x7x3_2", 192, ROW),
    Conv("branch7x7x3_3", 192, COLUMN),
    Conv("branch7x7x3_4", 192, SQUARE, 2, "VALID"),
  ),
  (HALVE,),
)
STEM: Branch = (
  Conv("Conv2d_1a_3x3", 32, SQUARE, 2, "VALID"),
  Conv("Conv2d_2a_3x3", 32, SQUARE, 1, "VALID"),
  Conv("Conv2d_2b_3x3", 64, SQUARE),
  Pool("MaxPool_1", 2),
  Conv("Conv2d_3b_1x1", 80),
  Conv("Conv2d_4a_3x3", 192, SQUARE, 1, "VALID"),
  Pool("MaxPool_2", 2),
)
BLOCKS: dict[str, tuple[Branch, ...]] = {
  "Mixed_5b": narrow(32),
  "Mixed_5c": narrow(64),
  "Mixed_5d": narrow(64),
  "Mixed_6a": HALF_OF_35,
  "Mixed_6b": middle(128),
  "Mixed_6c": middle(160),
  "Mixed_6d": middle(160),
  "Mixed_6e": middle(192),
  "Mixed_7a": HALF_OF_17,
  "Mixed_7b": wide(MEAN),
  "Mixed_7c": wide(MAX),
}


def pool(x: Array, layer: Pool) -> Array:
  """3x3 windows of [B, H, W, C]; at stride 1 of the padded image, whose padding does not count."""
  strides, padding = (layer.stride,) * 2, "SAME" if layer.stride == 1 else "VALID"
  if layer.mean:
    return nn.avg_pool(x, SQUARE, strides, padding, count_include_pad=False)
  return nn.max_pool(x, SQUARE, strides, padding)


class Block(nn.Module):
  """Branches side by side: [B, H, W, C] -> [B, H', W', sum of theirs]."""

  branches: tuple[Branch, ...]

  @nn.compact
  def __call__(self, x: Array) -> Array:
    def apply(x: Array, layer: Any) -> Array:
      if isinstance(layer, Conv):
        return convolve(x, layer)
      if isinstance(layer, Pool):
        return pool(x, layer)
      return jnp.concatenate([apply(x, part) for part in layer], -1)

    return jnp.concatenate([functools.reduce(apply, branch, x) for branch in self.branches], -1)


def convolve(x: Array, layer: Conv) -> Array:
  """A convolution of the module that calls it."""
  conv = nn.Conv(
    layer.features,
    layer.window,
    layer.stride,
    layer.padding,
    precision=jax.lax.Precision.HIGHEST,  # TF32 or bfloat16 would change a distance by a hundredth
    name=layer.name,
  )
  return nn.relu(conv(x))


class Inception(nn.Module):
  """[B, 299, 299, 3], scaled by the protocol -> every stage's map [B, H, W, C] by name, and the classes."""

  @nn.compact
  def __call__(self, x: Array) -> dict[str, Array]:
    outputs = {}
    for layer in STEM:
      x = outputs[layer.name] = convolve(x, layer) if isinstance(layer, Conv) else pool(x, layer)
    for name, branches in BLOCKS.items():
      x = outputs[name] = Block(branches, name=name)(x)
    fc = nn.Dense(CLASSES, precision=jax.lax.Precision.HIGHEST, name="fc")
    outputs["logits"] = fc(x.mean((1, 2)))
    bias = self.get_variable("params", "fc")["bias"]
    outputs["logits_unbiased"] = outputs["logits"] - bias
    return outputs
