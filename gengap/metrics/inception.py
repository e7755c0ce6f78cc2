"""The network of the Frechet Inception Distance: Inception-v3, as TensorFlow released it in 2015.

Szegedy et al. (2016, arXiv:1512.00567); Heusel et al. (2017, arXiv:1706.08500) compare images by its last
pooled features. It differs from later Inception-v3s: 1008 classes, mean pools that do not count the padding,
and in Mixed_7c a pool by maximum. Layers are named as in pt_inception-2015-12-05-6726825d.pth, the file with
its weights that is passed on among users of PyTorch.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError
from gengap.metrics import resize, weights
from gengap.metrics.features import over_devices

Array: TypeAlias = jax.Array
Params: TypeAlias = dict[str, Any]

BATCH = 32  # images of a device at a time
EPSILON = 1e-3  # of its batch norms
WIDTHS = {"64": 64, "192": 192, "768": 768, "2048": 2048, "logits": 1008, "logits_unbiased": 1008}
STAGES = {"64": "MaxPool_1", "192": "MaxPool_2", "768": "Mixed_6e", "2048": "Mixed_7c"}  # layer -> its map


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


# What is applied in turn. A tuple instead of a layer is a fork: all of its layers see the same, and what they
# make stands side by side. A block is a fork of branches.
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
    seen = {}
    for layer in STEM:
      x = seen[layer.name] = convolve(x, layer) if isinstance(layer, Conv) else pool(x, layer)
    for name, branches in BLOCKS.items():
      x = seen[name] = Block(branches, name=name)(x)
    fc = nn.Dense(WIDTHS["logits"], precision=jax.lax.Precision.HIGHEST, name="fc")
    seen["logits"] = fc(x.mean((1, 2)))
    bias = self.get_variable("params", "fc")["bias"]
    seen["logits_unbiased"] = seen["logits"] - bias
    return seen


@functools.cache
def shapes() -> Params:
  """Returns the shapes of the weights."""
  image = jax.ShapeDtypeStruct((1, resize.SIDE, resize.SIDE, 3), jnp.float32)
  return jax.eval_shape(Inception().init, jax.random.key(0), image)["params"]


def from_state_dict(state: Mapping[str, np.ndarray]) -> Params:
  """Returns the network's weights from arrays named and shaped as in PyTorch's file.

  Batch norms are folded into the convolutions before them, in float64. The counters num_batches_tracked,
  which some files have, are not looked at.

  Raises:
    InputError: an array is missing, is not of this network, or has another shape; it is named.
  """
  left = {name: np.asarray(value) for name, value in state.items()}
  left = {name: value for name, value in left.items() if not name.endswith("num_batches_tracked")}

  def take(name: str, *shape: int) -> np.ndarray:
    if name not in left:
      raise InputError(f"the weights lack {name!r}: they are not those of the FID Inception network")
    value = left.pop(name)
    if value.shape != shape:
      raise InputError(f"{name!r} has shape {value.shape}; the FID Inception network wants {shape}")
    if not np.isfinite(value).all():
      raise InputError(f"{name!r} holds numbers that are not finite")
    return value.astype(np.float64)

  def fold(path: str, height: int, width: int, inputs: int, outputs: int) -> Params:
    kernel = take(f"{path}.conv.weight", outputs, inputs, height, width).transpose(2, 3, 1, 0)
    scale, shift, mean, variance = (
      take(f"{path}.bn.{part}", outputs) for part in ("weight", "bias", "running_mean", "running_var")
    )
    if variance.min() <= -EPSILON:
      raise InputError(f"'{path}.bn.running_var' has a negative variance, {variance.min():.3g}")
    scale /= np.sqrt(variance + EPSILON)
    return {
      "kernel": jnp.asarray(kernel * scale, jnp.float32),
      "bias": jnp.asarray(shift - mean * scale, jnp.float32),
    }

  def build(path: str, wanted: Any) -> Params:
    if "kernel" in wanted:
      return fold(path, *wanted["kernel"].shape)
    return {name: build(f"{path}.{name}", inner) for name, inner in wanted.items()}

  params = {name: build(name, wanted) for name, wanted in shapes().items() if name != "fc"}
  inputs, classes = shapes()["fc"]["kernel"].shape
  kernel = take("fc.weight", classes, inputs).T
  params["fc"] = {
    "kernel": jnp.asarray(kernel, jnp.float32),
    "bias": jnp.asarray(take("fc.bias", classes), jnp.float32),
  }
  if left:
    raise InputError(f"the FID Inception network has no {sorted(left)[0]!r} ({len(left)} such arrays)")
  return params


def load(path: str | pathlib.Path) -> Params:
  """Returns the network's weights from a file: .pth, .npz or .safetensors, with PyTorch's names.

  A .pth is read without torch, and nothing that is pickled in it is executed.

  Raises:
    InputError: no such file, a damaged one, or one of another network.
  """
  try:
    return from_state_dict(weights.read(path))
  except InputError as error:
    raise InputError(f"{path}: {error}") from error


def features(
  params: Params,
  images: np.ndarray | Sequence[np.ndarray],
  *,
  protocol: str = "legacy",
  layer: str = "2048",
) -> np.ndarray:
  """Returns the features of images: [N, width of the layer] float32.

  Args:
    params: of `load` or `from_state_dict`.
    images: [N, H, W, C] uint8, or a list of [H, W, C] of any sizes; a single channel is shown three times.
    protocol: how images are resized and scaled (`resize.PROTOCOLS`): "pytorch_fid", "legacy" (as TensorFlow
      1 did) or "clean".
    layer: "64", "192", "768", "2048": mean over the map after the first and second max pool, after Mixed_6e
      and after Mixed_7c; "logits", or "logits_unbiased" without their bias.

  Raises:
    InputError: images that are none, or an unknown protocol or layer.
  """
  if layer not in WIDTHS:
    raise InputError(f"layer is {layer!r}; it must be one of {', '.join(WIDTHS)}")
  if protocol not in resize.PROTOCOLS:
    raise InputError(f"protocol is {protocol!r}; it must be one of {', '.join(resize.PROTOCOLS)}")
  if not len(images):
    raise InputError("there are no images")
  see = network(layer)
  found = []
  for start in range(0, len(images), size := BATCH * jax.local_device_count()):
    found.append(see(params, scaled(images[start : start + size], protocol)))
  return np.concatenate(found)


def scaled(images: np.ndarray | Sequence[np.ndarray], protocol: str) -> np.ndarray:
  """Images as the network wants them: [N, 299, 299, 3] float32.

  Raises:
    InputError: they are not [H, W, 1] or [H, W, 3], or not uint8.
  """
  alike: dict[tuple[int, ...], list[int]] = {}
  for i, image in enumerate(images):
    shape, dtype = np.shape(image), np.asarray(image).dtype
    if len(shape) != 3 or shape[-1] not in (1, 3) or 0 in shape:
      raise InputError(f"image {i} has shape {shape}; Inception wants [H, W, 3], or a single channel")
    if dtype != np.uint8:
      raise InputError(f"image {i} is {dtype}; Inception wants uint8, from 0 to 255")
    alike.setdefault(shape, []).append(i)
  found = np.empty((len(images), resize.SIDE, resize.SIDE, 3), np.float32)
  for indices in alike.values():
    found[indices] = resizer(protocol)(np.stack([images[i] for i in indices]))
  return found


@functools.cache
def resizer(protocol: str) -> Callable[[np.ndarray], Array]:
  """Returns the compiled way from [N, H, W, C] uint8 to [N, 299, 299, C]."""
  return jax.jit(resize.PROTOCOLS[protocol])


@functools.cache
def network(layer: str) -> Callable[[Params, np.ndarray], np.ndarray]:
  """Returns the way from weights and scaled images [N, 299, 299, 3] to features."""

  def look(params: Params, x: Array) -> Array:
    seen: Any = Inception().apply({"params": params}, x)
    return seen[STAGES[layer]].mean((1, 2)) if layer in STAGES else seen[layer]

  return over_devices(look, BATCH)
