"""Features for the Frechet Inception Distance (Heusel et al., 2017, arXiv:1706.08500)."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError
from gengap.features import resize, weights
from gengap.features.batched import batches, over_devices
from gengap.features.types import FeatureExtractor
from gengap.networks.inception import EPSILON, SIDE, Inception

Array: TypeAlias = jax.Array
Params: TypeAlias = dict[str, Any]

BATCH = 32  # images of a device at a time
STAGES = {
  "64": "MaxPool_1",
  "192": "MaxPool_2",
  "768": "Mixed_6e",
  "2048": "Mixed_7c",
}  # layer -> stage
LAYERS = (*STAGES, "logits", "logits_unbiased")


@functools.cache
def shapes() -> Params:
  """Returns the shapes of the weights."""
  image = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
  return jax.eval_shape(Inception().init, jax.random.key(0), image)["params"]


def from_state_dict(state: Mapping[str, np.ndarray]) -> Params:
  """Returns the network's weights from arrays named and shaped as in PyTorch's file.

  Batch norms are folded into the convolutions before them, in float64. The counters num_batches_tracked,
  which some files have, are ignored.

  Raises:
    InputError: an array is missing, unknown, of another shape or not finite. The error names it.
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

  A .pth is read without torch, and no code in it is executed.

  Raises:
    InputError: the file is missing, damaged, or of another network.
  """
  try:
    return from_state_dict(weights.read(path))
  except InputError as error:
    raise InputError(f"{path}: {error}") from error


def extractor(path: str | pathlib.Path, resizing: str = "clean") -> FeatureExtractor:
  """Returns the extractor of the 2048 features of the last pooling layer, with the 1008 class logits.

  Args:
    path: of the weights, see `load`.
    resizing: see `protocol` of `features`.

  Raises:
    InputError: see `load`.
  """
  params = load(path)
  fc = np.asarray(params["fc"]["kernel"], np.float64)
  protocol = {"network": "inception 2048", "weights": weights.sha256(path), "resize": resizing}
  extract = functools.partial(features, params, protocol=resizing)
  return FeatureExtractor(protocol, extract, lambda x: np.asarray(x, np.float64) @ fc)


def features(
  params: Params,
  images: np.ndarray | Sequence[np.ndarray],
  *,
  protocol: str = "legacy",
  layer: str = "2048",
) -> np.ndarray:
  """Returns the features of images: [N, width of the layer] float32.

  Args:
    params: from `load` or `from_state_dict`.
    images: [N, H, W, C] uint8, or float in [-1, 1], which is not rounded; or a list of [H, W, C] of any
      sizes. A single channel is repeated three times.
    protocol: how images are resized and scaled (`resize.PROTOCOLS`): "pytorch_fid", "legacy" (TensorFlow 1)
      or "clean".
    layer: "64", "192", "768" or "2048" for the spatial mean after the first and second max pool, after
      Mixed_6e and after Mixed_7c; "logits", or "logits_unbiased" without the bias.

  Raises:
    InputError: there are no images, they are of a wrong shape or type, or protocol or layer is unknown.
  """
  if layer not in LAYERS:
    raise InputError(f"layer is {layer!r}; it must be one of {', '.join(LAYERS)}")
  if protocol not in resize.PROTOCOLS:
    raise InputError(f"protocol is {protocol!r}; it must be one of {', '.join(resize.PROTOCOLS)}")
  if not len(images):
    raise InputError("there are no images")
  return network(layer)(params, batches(images, BATCH), functools.partial(scaled, protocol=protocol))


def scaled(images: np.ndarray | Sequence[np.ndarray], protocol: str) -> Array | np.ndarray:
  """Returns the input of the network: [N, 299, 299, 3] float32; on the device if all images have one size.

  Raises:
    InputError: an image is not [H, W, 1] or [H, W, 3], or neither uint8 nor float in [-1, 1].
  """
  alike: dict[tuple[int, ...], list[int]] = {}
  for i, image in enumerate(images):
    image = np.asarray(image)
    shape, dtype = image.shape, image.dtype
    if len(shape) != 3 or shape[-1] not in (1, 3) or 0 in shape:
      raise InputError(f"image {i} has shape {shape}; Inception wants [H, W, 3], or a single channel")
    if dtype != np.uint8 and not (dtype.kind == "f" and abs(image).max() <= 1):
      raise InputError(f"image {i} is {dtype}; Inception wants uint8, from 0 to 255, or float in [-1, 1]")
    alike.setdefault(shape, []).append(i)
  images = [image if image.dtype == np.uint8 else (image + 1) * 127.5 for image in map(np.asarray, images)]
  if len(alike) == 1:
    return resizer(protocol)(np.stack(images))
  found = np.empty((len(images), SIDE, SIDE, 3), np.float32)
  for indices in alike.values():
    found[indices] = resizer(protocol)(np.stack([images[i] for i in indices]))
  return found


@functools.cache
def resizer(protocol: str) -> Callable[[np.ndarray], Array]:
  """Returns the compiled function from images [N, H, W, C], 0 to 255, to [N, 299, 299, 3]."""
  scale = resize.PROTOCOLS[protocol]
  return jax.jit(lambda images: jnp.broadcast_to(scale(images), (len(images), SIDE, SIDE, 3)))


@functools.cache
def network(layer: str) -> Callable[..., np.ndarray]:
  """Returns the compiled function from weights, batches and a function that scales them, to features."""

  def forward(params: Params, x: Array) -> Array:
    layers: Any = Inception().apply({"params": params}, x)
    return layers[STAGES[layer]].mean((1, 2)) if layer in STAGES else layers[layer]

  return over_devices(forward)
