"""Applies a network to many images: in batches, over all devices and processes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gengap.distributed import processes
from gengap.networks.convolution import compiler_options


def batches(images: Any, share: int) -> Iterator[Any]:
  """Yields images [N, ...], or a list of them, in batches of `share` per device; the last may be smaller."""
  size = share * jax.local_device_count()
  for start in range(0, len(images), size):
    yield images[start : start + size]


def over_devices(
  function: Callable[[Any, jax.Array], jax.Array],
) -> Callable[..., np.ndarray]:
  """Returns a function that applies another one to any number of images, in batches.

  Args:
    function: weights, images [B, ...] -> [B, ...]. Each row of the result depends on its own image alone.

  Returns:
    A function of the weights, the batches and, optionally, a function that turns a batch into an array
    [B, ...]; it returns [N, ...]. No batch may be larger than the first. Smaller batches are padded, so that
    one compiled program serves all. The devices compute one batch ahead of the host. Several processes share
    the batches.
  """
  jitted = jax.jit(function, compiler_options=compiler_options())

  def apply(
    weights: Any, pieces: Iterable[Any], prepare: Callable[[Any], jax.Array | np.ndarray] = np.asarray
  ) -> np.ndarray:
    mesh = Mesh(np.array(jax.local_devices()), "devices")
    weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))
    split = NamedSharding(mesh, PartitionSpec("devices"))
    whole = list(pieces)
    size, results = -(-len(whole[0]) // mesh.size) * mesh.size, []
    for piece in map(prepare, processes.own_share(whole)):
      padding = [piece[-1:]] * (size - len(piece))
      placed = jax.device_put(np.concatenate([piece, *padding]) if padding else piece, split)
      results.append(jitted(weights, placed))
      results[-2:-1] = map(np.asarray, results[-2:-1])
    results = processes.gather([*map(np.asarray, results)], len(whole))
    return np.concatenate([x[: len(piece)] for x, piece in zip(results, whole, strict=True)])

  return apply
