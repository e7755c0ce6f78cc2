"""Features for the Frechet Inception Distance (Heusel et al., 2017, arXiv:1706.08500)."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError
from gengap.features import inputs, resize, weights
from gengap.features.batched import batches, over_devices
from gengap.features.state_dict import StateDict
from gengap.features.types import FeatureExtractor
from gengap.networks.convolution import stock
from gengap.networks.inception import EPSILON, SIDE, Inception

Array: TypeAlias = jax.Array
Params: TypeAlias = dict[str, Any]

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
  arrays = StateDict(state, "FID Inception network", lambda name: name.endswith("num_batches_tracked"))
  take = arrays.take

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
  arrays.end()
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
  return network(layer)(params, batches(images, batch()), functools.partial(scaled, protocol=protocol))


def batch() -> int:
  """Returns how many images a device takes at a time: few on the CPU, so that they fit its cache."""
  return 128 if stock() else 32


def scaled(images: np.ndarray | Sequence[np.ndarray], protocol: str) -> Array | np.ndarray:
  """Returns the input of the network: [N, 299, 299, 3] float32; see `inputs.scaled`."""
  return inputs.scaled(images, resize.PROTOCOLS[protocol], SIDE, "Inception")


@functools.cache
def network(layer: str) -> Callable[..., np.ndarray]:
  """Returns the compiled function from weights, batches and a function that scales them, to features."""

  def forward(params: Params, x: Array) -> Array:
    layers: Any = Inception().apply({"params": params}, x)
    return layers[STAGES[layer]].mean((1, 2)) if layer in STAGES else layers[layer]

  return over_devices(forward)
