"""Reads the images of a data set that is too large for the devices on the host, in the order of `shuffle`.

Each process reads the images of its own devices only, and prefetches several calls of the training program.
"""

from collections.abc import Iterator
from typing import NamedTuple

import grain
import numpy as np

from gengap.data import Dataset, shuffle

CallData = tuple[
  np.ndarray, np.ndarray
]  # images [slots, batches, B, H, W, C] uint8, labels [slots, batches, B]
AHEAD = grain.ReadOptions(num_threads=8, prefetch_buffer_size=16)  # calls that are read in parallel, and kept


class Share(NamedTuple):
  """The part of the run's stream that a process reads."""

  batch_size: int  # over all devices
  slots: int  # devices of all processes
  mine: range  # slots of this process
  batches: int  # in one call of the training program


def positions(share: Share, call: int) -> np.ndarray:
  """Returns the positions of a call's images in the run's stream: [slots, batches, B] uint32."""
  local = share.batch_size // share.slots
  batch = call * share.batches + np.arange(share.batches)
  slot = np.array(share.mine)[:, None, None]
  return (batch[:, None] * share.batch_size + slot * local + np.arange(local)).astype(np.uint32)


def read_calls(data: Dataset, seed: int, share: Share, first: int) -> Iterator[CallData]:
  """Yields the data of each call of the training program, starting with call number `first`."""

  def read(call: int) -> CallData:
    index = shuffle.indices(seed, positions(share, call), len(data.image))
    return data.image[index], data.label[index]

  return iter(grain.MapDataset.range(first, 2**32).map(read).to_iter_dataset(AHEAD))
