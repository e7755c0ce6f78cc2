"""What --reference and --training name: a data set, images, or saved statistics."""

import os
import pathlib
from typing import Any, NamedTuple, TypeAlias

from gengap import data
from gengap.data import Dataset, image_sets
from gengap.data.splits import SPLITS
from gengap.data.stored_arrays import ValueRange
from gengap.errors import InputError, suggest
from gengap.evaluation import images, saved_statistics
from gengap.evaluation.images import Given
from gengap.evaluation.saved_statistics import SavedStatistics
from gengap.logs.log import say
from gengap.storage import paths

Reference: TypeAlias = Dataset | Given  # also "DATASET" or "DATASET:SPLIT"
SUFFIXES = (".npz", ".npy", ".zip")


class Named(NamedTuple):
  """A split of a data set, found and not read yet."""

  dataset: str
  split: str


Source: TypeAlias = Named | Dataset | SavedStatistics  # a Dataset of an ImageSet


def parse(reference: str, flag: str = "--reference") -> Named:
  """Returns the name of a data set and the split of "NAME" (its test split) or "NAME:SPLIT".

  Args:
    reference: the text.
    flag: that gave it, for messages.

  Raises:
    InputError: no such split.
  """
  name, _, split = reference.partition(":")
  if not name or (split or "test") not in SPLITS:
    raise InputError(
      f"{flag}={reference} must be DATASET or DATASET:SPLIT, the split one of {', '.join(SPLITS)}"
      f"{suggest(split, SPLITS)}; or a path"
    )
  return Named(name, split or "test")


def find(reference: Any, name: str, data_dir: str = "", value_range: ValueRange | None = None) -> Source:
  """Finds what a reference names; images are checked and not kept.

  Args:
    reference: "DATASET[:SPLIT]", a path, a `Dataset`, or images. A text is the name of a data set if there is
      one of this name, and else a path.
    name: of the flag or argument, for messages.
    data_dir: of TFDS.
    value_range: of float pixels.

  Raises:
    InputError: there is no such data set and no such path, or the images cannot be read.
  """
  if isinstance(reference, str):
    if not is_path(reference, data_dir):
      named = parse(reference, name)
      try:
        data.find(named.dataset, data_dir)
      except InputError as error:
        raise InputError(f"{name}={reference} is no path, and {error}") from error
      return named
  elif not isinstance(reference, os.PathLike):
    return images.dataset(reference, name.removeprefix("--"), value_range)
  path = image_sets.existing(reference, name)
  if path.is_file() and (found := saved_statistics.read(path, f"{name}={reference}")):
    return found
  return images.dataset(os.fspath(reference), name, value_range)


def is_path(reference: str, data_dir: str) -> bool:
  """Returns whether a text is a path and not the name of a data set."""
  if paths.URL.match(reference) or reference.startswith(("/", ".", "~")) or reference.endswith(SUFFIXES):
    return True
  if not os.path.exists(reference):
    return False
  try:
    data.find(reference.partition(":")[0], data_dir)
  except InputError:
    return True
  say(f"{reference} is the data set of this name; the path is ./{reference}")
  return False


def channels(source: Source | None, data_dir: str) -> frozenset[int]:
  """Returns in how many channels a reference can be shown without loss.

  Raises:
    InputError: there is none, or the data set is missing.
  """
  if source is None:
    raise InputError(
      'images need a reference: the name of a data set such as "cifar10:test", a folder or a file of '
      "images, or an array"
    )
  if isinstance(source, Named):
    return frozenset({data.find(source.dataset, data_dir).channels})
  if isinstance(source, SavedStatistics):
    return frozenset({source.channels} if source.channels else {1, 3})
  found: Any = source.image
  return found.channels


def label(reference: Any) -> str:
  """Returns the name or the path of a reference as it was given; "" for images in memory."""
  return os.fspath(reference) if isinstance(reference, str | pathlib.PurePath) else ""
