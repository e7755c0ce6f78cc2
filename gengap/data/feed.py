"""Images of a data set that is too large for the devices: read by the host, in the order of `draw`.

Each process reads the images of its own devices alone, several calls of the training program ahead.
"""

from collections.abc import Iterator
from typing import NamedTuple

import grain
import numpy as np

from gengap.data import Dataset, draw

Fed = tuple[np.ndarray, np.ndarray]  # images [slots, batches, B, H, W, C] uint8, labels [slots, batches, B]
AHEAD = grain.ReadOptions(num_threads=8, prefetch_buffer_size=16)  # calls that are read at once, and kept


class Share(NamedTuple):
  """Which images of the run's stream a process reads."""

  batch_size: int  # over all devices
  slots: int  # devices of all processes
  mine: range  # those of this process
  batches: int  # in one call of the training program


def positions(share: Share, call: int) -> np.ndarray:
  """Returns where the images of a call lie in the run's stream: [slots, batches, B] uint32."""
  local = share.batch_size // share.slots
  batch = call * share.batches + np.arange(share.batches)
  slot = np.array(share.mine)[:, None, None]
  return (batch[:, None] * share.batch_size + slot * local + np.arange(local)).astype(np.uint32)


def calls(data: Dataset, seed: int, share: Share, first: int) -> Iterator[Fed]:
  """Yields what each call of the training program needs of the data, from the first-th call on."""

  def read(call: int) -> Fed:
    index = draw.indices(seed, positions(share, call), len(data.image))
    return data.image[index], data.label[index]

  return iter(grain.MapDataset.range(first, 2**32).map(read).to_iter_dataset(AHEAD))
