"""Features of many images: in batches, over all devices."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gengap.networks.convolution import compiler_options


def batches(images: Any, share: int) -> Iterator[Any]:
  """Yields images [N, ...], or a list of them, in batches of `share` for each device, and the rest."""
  size = share * jax.local_device_count()
  for start in range(0, len(images), size):
    yield images[start : start + size]


def over_devices(
  function: Callable[[Any, jax.Array], jax.Array],
) -> Callable[[Any, Iterable[jax.Array | np.ndarray]], np.ndarray]:
  """Applies a function of weights and images to any number of images.

  Args:
    function: of weights and [B, ...] -> [B, ...], every image by itself.

  Returns:
    The function of weights and batches [B, ...], none larger than the first -> [N, ...]. A smaller batch is
    padded, so that one program serves all, and cut again. The devices are one batch ahead of the caller.
  """

  def fetch(seen: jax.Array, number: int) -> np.ndarray:
    return np.asarray(seen)[:number]

  jitted = jax.jit(function, compiler_options=compiler_options())

  def see(weights: Any, pieces: Iterable[jax.Array | np.ndarray]) -> np.ndarray:
    mesh = Mesh(np.array(jax.local_devices()), "devices")
    weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
    split = NamedSharding(mesh, PartitionSpec("devices"))
    size, ahead, found = 0, [], []
    for piece in pieces:
      size = size or -(-len(piece) // mesh.size) * mesh.size
      padding = [piece[-1:]] * (size - len(piece))
      placed = jax.device_put(np.concatenate([piece, *padding]) if padding else piece, split)
      ahead.append((jitted(weights, placed), len(piece)))
      if len(ahead) > 1:
        found.append(fetch(*ahead.pop(0)))
    return np.concatenate([*found, *(fetch(*last) for last in ahead)])

  return see
