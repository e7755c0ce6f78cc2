"""Features of many images: in batches, over all devices."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gengap.networks.convolution import compiler_options


def over_devices(
  function: Callable[[Any, jax.Array], jax.Array], batch: int
) -> Callable[[Any, np.ndarray], np.ndarray]:
  """Applies a function of weights and images to any number of images.

  Args:
    function: of weights and [B, ...] -> [B, ...], every image by itself.
    batch: images of a device at a time; the last batch is padded, and cut again.

  Returns:
    The function of weights and [N, ...] -> [N, ...].
  """
  jitted = jax.jit(function, compiler_options=compiler_options())

  def see(weights: Any, images: np.ndarray) -> np.ndarray:
    devices = np.array(jax.local_devices())
    mesh = Mesh(devices, "devices")
    weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
    share = min(batch, -(-len(images) // len(devices)))
    size, found = share * len(devices), []
    for start in range(0, len(images), size):
      part = images[start : start + size]
      padded = np.concatenate([part, np.repeat(part[-1:], size - len(part), 0)])
      placed = jax.device_put(padded, NamedSharding(mesh, PartitionSpec("devices")))
      found.append((jitted(weights, placed), len(part)))
    return np.concatenate([np.asarray(seen)[:n] for seen, n in found])

  return see
