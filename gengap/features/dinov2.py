"""Features of DINOv2 (Oquab et al., 2023, arXiv:2304.07193): the class token after the last norm.

Stein et al. (2023, arXiv:2306.04675) propose them for judging generators. Images are prepared as their
package dgm-eval does with --clean_resize: Pillow's bicubic, unrounded, to 224x224, then the mean and standard
deviation of ImageNet. Their published numbers are of ViT-L/14.
"""

import functools
import pathlib
import re
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
from gengap.networks.vision_transformer import PATCH, SIDE, SIZES, Size, VisionTransformer

Array: TypeAlias = jax.Array
Params: TypeAlias = dict[str, Any]

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of ImageNet's pixels in [0, 1]
TRAINED = 37  # patches a side at the end of its training, at 518x518: positions are interpolated from these
OFFSET = 0.1  # added to the patches a side in the official code, against rounding; it shifts the positions
CUBIC = -0.75  # the a of Keys's kernel, as in PyTorch
HUGGING_FACE = (  # names there -> official names
  (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
  (r"^embeddings\.position_embeddings$", "pos_embed"),
  (r"^embeddings\.(cls_token|mask_token)$", r"\1"),
  (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
  (r"\.attention\.output\.dense\.", ".attn.proj."),
  (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
  (r"^layernorm\.", "norm."),
)
PARTS = tuple(f".attention.attention.{part}." for part in ("query", "key", "value"))  # of attn.qkv, there


def positions(n: int, wanted: int, offset: float = OFFSET) -> np.ndarray:
  """Returns the matrix [wanted, n] of bicubic interpolation, as PyTorch's without antialiasing.

  Args:
    n: positions that there are.
    wanted: positions that are wanted.
    offset: the step between them is n / (wanted + offset). 0.1 is the official code's convention, 0 that of
      transformers.
  """
  source = (np.arange(wanted) + 0.5) * n / (wanted + offset) - 0.5
  low = np.floor(source).astype(int)
  matrix = np.zeros((wanted, n))
  for tap in (-1, 0, 1, 2):
    share = resize.keys(np.abs(source - low - tap), CUBIC)
    np.add.at(matrix, (np.arange(wanted), np.clip(low + tap, 0, n - 1)), share)
  return matrix


def official(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns arrays under their official names, also of a file from Hugging Face.

  Raises:
    InputError: a part of an attention is missing.
  """
  found = {}
  for name, value in state.items():
    if any(part in name for part in PARTS[1:]):
      continue
    if PARTS[0] in name:
      parts = [name.replace(PARTS[0], part) for part in PARTS]
      for part in parts:
        if part not in state:
          raise InputError(f"the weights lack {part!r}")
      name, value = name.replace(PARTS[0], ".attn.qkv."), np.concatenate([state[part] for part in parts])
    for pattern, replacement in HUGGING_FACE:
      name = re.sub(pattern, replacement, name)
    found[name] = value
  return found


def size_of(state: Mapping[str, np.ndarray]) -> str:
  """Returns which of SIZES arrays by official names seem to be of; "" for none."""
  width = np.shape(state.get("cls_token", ()))[-1:]
  blocks = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
  return next((name for name, size in SIZES.items() if ((size.width,), size.blocks) == (width, blocks)), "")


def from_state_dict(state: Mapping[str, np.ndarray], size: Size, offset: float = OFFSET) -> Params:
  """Returns the network's weights from arrays named as in the official file, or as in Hugging Face's.

  The mask token, which only training uses, is ignored.

  Args:
    state: name -> array.
    size: of the network.
    offset: of the positions, see `positions`.

  Raises:
    InputError: an array is missing, unknown, of another shape or not finite. The error names it.
  """
  width, name = size.width, f"DINOv2 network of width {size.width} with {size.blocks} blocks"
  named = official(state)
  if (other := size_of(named)) and SIZES[other] != size:
    raise InputError(f"they are the weights of DINOv2 {other}, and not of the {name}")
  arrays = StateDict(named, name, lambda name: name == "mask_token")

  def linear(path: str, inputs: int, outputs: int) -> Params:
    return {
      "kernel": jnp.asarray(arrays.take(f"{path}.weight", outputs, inputs).T, jnp.float32),
      "bias": jnp.asarray(arrays.take(f"{path}.bias", outputs), jnp.float32),
    }

  def norm(path: str) -> Params:
    scale, bias = (arrays.take(f"{path}.{part}", width) for part in ("weight", "bias"))
    return {"scale": jnp.asarray(scale, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}

  def block(path: str) -> Params:
    return {
      "norm1": norm(f"{path}.norm1"),
      "qkv": linear(f"{path}.attn.qkv", width, 3 * width),
      "proj": linear(f"{path}.attn.proj", width, width),
      "ls1": jnp.asarray(arrays.take(f"{path}.ls1.gamma", width), jnp.float32),
      "norm2": norm(f"{path}.norm2"),
      "fc1": linear(f"{path}.mlp.fc1", width, 4 * width),
      "fc2": linear(f"{path}.mlp.fc2", 4 * width, width),
      "ls2": jnp.asarray(arrays.take(f"{path}.ls2.gamma", width), jnp.float32),
    }

  kernel = arrays.take("patch_embed.proj.weight", width, 3, PATCH, PATCH).transpose(2, 3, 1, 0)
  position = arrays.take("pos_embed", 1, 1 + TRAINED**2, width)
  grid = position[0, 1:].reshape(TRAINED, TRAINED, width)
  matrix = positions(TRAINED, SIDE // PATCH, offset)
  grid = np.einsum("ph,qw,hwc->pqc", matrix, matrix, grid, optimize=True).reshape(1, -1, width)
  params = {
    "patch_embed": {
      "kernel": jnp.asarray(kernel.reshape(-1, width), jnp.float32),
      "bias": jnp.asarray(arrays.take("patch_embed.proj.bias", width), jnp.float32),
    },
    "cls_token": jnp.asarray(arrays.take("cls_token", 1, 1, width), jnp.float32),
    "pos_embed": jnp.asarray(np.concatenate([position[:, :1], grid], 1), jnp.float32),
    **{f"block_{i}": block(f"blocks.{i}") for i in range(size.blocks)},
    "norm": norm("norm"),
  }
  arrays.end()
  return params


def read(path: str | pathlib.Path, name: str) -> tuple[Params, str]:
  """Returns the weights of one of SIZES, and their hash, which is the same whatever the file calls them.

  Args:
    path: a .pth, .npz or .safetensors, with official names or those of Hugging Face. A .pth is read without
      torch, and no code in it is executed.
    name: of SIZES.

  Raises:
    InputError: the file is missing, damaged, or of another network.
  """
  try:
    state = weights.read(path)
    params = from_state_dict(state, SIZES[name])
  except InputError as error:
    raise InputError(f"{path}: {error}") from error
  return params, weights.digest({k: v for k, v in official(state).items() if k != "mask_token"})


def extractor(path: str | pathlib.Path, name: str) -> FeatureExtractor:
  """Returns the extractor of one of SIZES.

  Raises:
    InputError: see `read`.
  """
  params, digest = read(path, name)
  size = SIZES[name]
  protocol = {"network": f"dinov2_{name} {size.width}", "weights": digest, "resize": "clean"}
  return FeatureExtractor(protocol, functools.partial(features, params, size=size))


def features(params: Params, images: np.ndarray | Sequence[np.ndarray], size: Size) -> np.ndarray:
  """Returns the features of images: [N, width] float32.

  Args:
    params: from `read` or `from_state_dict`.
    images: [N, H, W, C] uint8, or float in [-1, 1], which is not rounded; or a list of [H, W, C] of any
      sizes. A single channel is repeated three times.
    size: of the network.

  Raises:
    InputError: there are no images, or they are of a wrong shape or type.
  """
  if not len(images):
    raise InputError("there are no images")
  return network(size)(params, batches(images, batch()), scaled)


def batch() -> int:
  """Returns how many images a device takes at a time: few on the CPU, so that attention fits its cache."""
  return 64 if stock() else 4


def scaled(images: np.ndarray | Sequence[np.ndarray]) -> Array | np.ndarray:
  """Returns the input of the network: [N, 224, 224, 3] float32; see `inputs.scaled`."""
  return inputs.scaled(images, standardised, SIDE, "DINOv2")


def standardised(images: Array) -> Array:
  """As dgm-eval, with its clean resizing: [N, H, W, C] in 0 to 255 -> [N, 224, 224, 3]."""
  pixels = jnp.clip(resize.resized(resize.bicubic, images, SIDE), 0, 255) / 255
  return (pixels - jnp.asarray(MEAN, jnp.float32)) / jnp.asarray(STD, jnp.float32)


@functools.cache
def network(size: Size) -> Callable[..., np.ndarray]:
  """Returns the compiled function from weights, batches and a function that scales them, to features."""

  def forward(params: Params, x: Array) -> Array:
    outputs: Any = VisionTransformer(size).apply({"params": params}, x)
    return outputs["norm"][:, 0]

  return over_devices(forward)
