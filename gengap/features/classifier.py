"""Features of a trained classifier: the input of its last, linear layer."""

import hashlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gengap.data.scale import to_float
from gengap.features import batched
from gengap.features.types import FeatureExtractor, Images

BATCH = 256  # images of a device at a time


def extractor(
  features: Callable[[Any, jax.Array], jax.Array], weights: Any, kernel: np.ndarray, bias: np.ndarray
) -> FeatureExtractor:
  """Returns the extractor of a classifier.

  Args:
    features: weights, images [B, H, W, C] in [-1, 1] -> features [B, D].
    weights: of the whole classifier; their hash is part of the protocol.
    kernel: [D, classes], of the last layer.
    bias: [classes], of the last layer.
  """
  kernel, bias = np.asarray(kernel, np.float64), np.asarray(bias, np.float64)

  def from_images(weights: Any, x: jax.Array) -> jax.Array:
    return features(weights, to_float(x) if x.dtype == "uint8" else x)

  apply = batched.over_devices(from_images)

  def extract(images: Images) -> np.ndarray:
    return apply(weights, batched.batches(images, BATCH))

  def classify(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64) @ kernel + bias

  digest = hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in jax.tree.leaves(weights)))
  protocol = {"network": f"classifier {kernel.shape[0]}", "weights": digest.hexdigest()}
  return FeatureExtractor(protocol, extract, classify, trained=True)
