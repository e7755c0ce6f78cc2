"""Stratified subsets of a data set."""

import numpy as np


def stratified(label: np.ndarray, number: int, seed: int) -> np.ndarray:
  """Chooses images so that every class keeps its share, and has at least one image if `number` allows.

  The images of a class are put in random order. The r-th of n gets the place (r + 1/2) / n, except that the
  first gets the place 0. The images with the smallest places are chosen.

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
