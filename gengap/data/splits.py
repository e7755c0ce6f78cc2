"""Splits: the meaning of their names, and which images are held out if a data set lacks a split."""

import re

import numpy as np

SPLITS = ("train", "validation", "test")
MEANING = {  # in lower case
  **dict.fromkeys(("train", "training", "trn"), "train"),
  **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
  **dict.fromkeys(("test", "testing", "tst"), "test"),
}


FILLERS = {"", "set", "split", "data", "dataset", "image", "images", "img", "imgs", "seg"}


def meaning(name: str) -> str | None:
  """Returns "train", "validation" or "test" for a split's name in any letter case; None for another name.

  The name may contain a year and words in FILLERS: training_set, seg_test, val2017.
  """
  words = re.split(r"[\W_]+|(?:19|20)\d\d$", name.lower())
  left = [word for word in words if word and word not in FILLERS]
  return MEANING.get(left[0].removesuffix("set")) if len(left) == 1 else None


def stored(split: str, names: list[str]) -> str | None:
  """Returns the name under which a data set stores a split; None if it has no such split."""
  return split if split in names else next((name for name in names if meaning(name) == split), None)


def hold_out(label: np.ndarray, share: float, lot: np.ndarray) -> np.ndarray:
  """Marks a stratified share of the images as held out: [N] bool.

  Of every class, the round(share * count) images with the smallest lots are held out. The classes for which
  that is 0 hold out the rounded sum of their shares together: one image from each of the largest of them
  (ties: smallest lot). At least one image is held out, and every class keeps at least one. If no class has
  two images, the classes are ignored, since otherwise nothing could be held out.

  Args:
    label: [N] int, the class of each image.
    share: in [0, 1); with 0 nothing is held out.
    lot: [N] distinct numbers.
  """
  if not share or len(label) < 2:
    return np.zeros(len(label), bool)
  if np.bincount(label).max() == 1:
    label = np.zeros_like(label)
  count = np.bincount(label)
  order = np.lexsort((lot, label))
  first = np.repeat(np.cumsum(count) - count, count)
  rank = np.empty(len(label), np.int64)
  rank[order] = np.arange(len(label)) - first
  return rank < _held(count, share, lot[order][np.cumsum(count) - count])[label]


def _held(count: np.ndarray, share: float, smallest: np.ndarray) -> np.ndarray:
  """Returns how many images of each class are held out.

  Args:
    count: [K] images of each class.
    share: to hold out.
    smallest: [K] smallest lot of each class; of an empty class, any number.
  """
  held = np.minimum(np.round(share * count), np.maximum(count - 1, 0)).astype(np.int64)
  small = np.round(share * count) == 0
  wanted = round(share * count[small].sum())
  if not held.sum():
    wanted = max(wanted, 1)
  able = np.flatnonzero(small & (count > 1))
  largest_first = able[np.lexsort((smallest[able], -count[able]))]
  held[largest_first[:wanted]] = 1
  return held
