"""A part of a data set in which its classes keep their proportions."""

import numpy as np


def stratified(label: np.ndarray, number: int, seed: int) -> np.ndarray:
  """Chooses images so that every class keeps its share, and none is left out while there is room for each.

  The images of a class are put in random order, and the r-th of its n stands at (r + 1/2) / n; but the first
  of each class stands at 0. Those that stand first are chosen.

  Args:
    label: [N] int, of all images.
    number: how many to choose; all where there are fewer.
    seed: of the choice.

  Returns:
    The indices of the chosen images, [min(number, N)], ascending.
  """
  lot = np.random.default_rng(seed).random(len(label))
  order = np.lexsort((lot, label))
  count = np.bincount(label)
  rank = np.empty(len(label))
  rank[order] = np.arange(len(label)) - np.repeat(np.cumsum(count) - count, count)
  place = np.where(rank == 0, 0, (rank + 0.5) / count[label])
  return np.sort(np.lexsort((lot, place))[:number])
