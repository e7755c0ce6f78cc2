"""The type that every kind of features shares."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Images: TypeAlias = np.ndarray  # [N, H, W, C] uint8, or float in [-1, 1]


class FeatureExtractor(NamedTuple):
  """Turns images into features."""

  protocol: dict[str, Any]  # all that its features depend on: network, weights, resizing
  extract: Callable[[Images], np.ndarray]  # images -> features [N, D]
  classify: Callable[[np.ndarray], np.ndarray] | None = None  # features -> logits [N, K]; None: no classes
  trained: bool = False  # whether it was trained on the training images that samples are compared with
  keep: bool = True  # whether results may be kept on disk: not if the protocol may leave something out
