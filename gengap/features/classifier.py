"""Features of a trained classifier: the input of its last, linear layer."""

import hashlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gengap.data.scale import to_float
from gengap.features import batched
from gengap.features.resize import bicubic, resized
from gengap.features.types import FeatureExtractor, Images

RESIZED = "bicubic with antialiasing"
BATCH = 256  # images of a device at a time


def extractor(
  features: Callable[[Any, jax.Array], jax.Array],
  weights: Any,
  kernel: np.ndarray,
  bias: np.ndarray,
  size: int | None = None,
) -> FeatureExtractor:
  """Returns the extractor of a classifier.

  Args:
    features: weights, images [B, H, W, C] in [-1, 1] -> features [B, D].
    weights: of the whole classifier; their hash is part of the protocol.
    kernel: [D, classes], of the last layer.
    bias: [classes], of the last layer.
    size: pixels a side to which images are resized first, by a bicubic filter with antialiasing
      (`resize.bicubic`); None takes them as they are.
  """
  kernel, bias = np.asarray(kernel, np.float64), np.asarray(bias, np.float64)

  def from_images(weights: Any, x: jax.Array) -> jax.Array:
    x = to_float(x) if x.dtype == "uint8" else x
    return features(weights, jnp.clip(resized(bicubic, x, size), -1, 1) if size else x)

  apply = batched.over_devices(from_images)

  def extract(images: Images) -> np.ndarray:
    return apply(weights, batched.batches(images, BATCH))

  def classify(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64) @ kernel + bias

  digest = hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in jax.tree.leaves(weights)))
  protocol = {"network": f"classifier {kernel.shape[0]}", "weights": digest.hexdigest()}
  if size:
    protocol["resized"] = f"{RESIZED} to {size}x{size}"
  return FeatureExtractor(protocol, extract, classify, trained=True)
