"""Features of many images: in batches, over all devices."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gengap import processes
from gengap.networks.convolution import compiler_options


def batches(images: Any, share: int) -> Iterator[Any]:
  """Yields images [N, ...], or a list of them, in batches of `share` for each device, and the rest."""
  size = share * jax.local_device_count()
  for start in range(0, len(images), size):
    yield images[start : start + size]


def over_devices(
  function: Callable[[Any, jax.Array], jax.Array],
) -> Callable[..., np.ndarray]:
  """Applies a function of weights and images to any number of images.

  Args:
    function: of weights and [B, ...] -> [B, ...], every image by itself.

  Returns:
    The function of weights, batches [B] and what makes an array [B, ...] of a batch -> [N, ...]. No batch is
    larger than the first. A smaller one is padded, so that one program serves all, and cut again. The
    devices are one batch ahead of the host; several processes share the batches.
  """
  jitted = jax.jit(function, compiler_options=compiler_options())

  def see(
    weights: Any, pieces: Iterable[Any], prepare: Callable[[Any], jax.Array | np.ndarray] = np.asarray
  ) -> np.ndarray:
    mesh = Mesh(np.array(jax.local_devices()), "devices")
    weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
    split = NamedSharding(mesh, PartitionSpec("devices"))
    whole = list(pieces)
    size, seen = -(-len(whole[0]) // mesh.size) * mesh.size, []
    for piece in map(prepare, processes.own_share(whole)):
      padding = [piece[-1:]] * (size - len(piece))
      placed = jax.device_put(np.concatenate([piece, *padding]) if padding else piece, split)
      seen.append(jitted(weights, placed))
      seen[-2:-1] = map(np.asarray, seen[-2:-1])
    found = processes.gather([*map(np.asarray, seen)], len(whole))
    return np.concatenate([x[: len(piece)] for x, piece in zip(found, whole, strict=True)])

  return see
