"""Images and real images that a caller gives, checked: type and range are never guessed."""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gengap import data
from gengap.data import Dataset
from gengap.data.scale import to_uint8
from gengap.data.splits import SPLITS
from gengap.errors import InputError, suggest
from gengap.run import Run
from gengap.training.program import load_data

Images: TypeAlias = np.ndarray | jax.Array  # [N, H, W, C] uint8, or float in [-1, 1]
Reference: TypeAlias = str | Dataset | Images  # "DATASET", "DATASET:SPLIT", or images with or without labels


def checked(images: Any, name: str) -> np.ndarray:
  """Returns images as uint8, rounded where they are float.

  Args:
    images: [N, H, W, C] uint8, or float in [-1, 1]; NumPy, JAX or nested lists.
    name: of the argument, for messages.

  Raises:
    InputError: another shape, type or range, or fewer than two images.
  """
  images = np.asarray(images)
  if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape[1:]:
    raise InputError(f"{name} has shape {images.shape}; it must be [N, H, W, C], C 1 or 3")
  if len(images) < 2:
    raise InputError(f"{name} holds {len(images)} images; at least 2 are needed")
  if images.dtype == np.uint8:
    return images
  if not jnp.issubdtype(images.dtype, jnp.floating):
    raise InputError(f"{name} is {images.dtype}; it must be uint8 from 0 to 255, or float in [-1, 1]")
  images = images.astype(np.float32)
  low, high = float(images.min()), float(images.max())
  if not -1 <= low <= high <= 1:  # NaN too
    raise InputError(
      f"{name} is float from {low:.4g} to {high:.4g}; it must be in [-1, 1] (from [0, 1]: 2 * x - 1), or "
      "uint8 from 0 to 255"
    )
  return to_uint8(images)


def dataset(given: Any, name: str) -> Dataset:
  """Returns a `Dataset` or an array of images as a Dataset of uint8; an array has no classes.

  Args:
    given: a Dataset, or images (see `checked`).
    name: of the argument, for messages.

  Raises:
    InputError: see `checked`; or labels that do not fit.
  """
  if not isinstance(given, Dataset):
    images = checked(given, name)
    return Dataset(images, np.zeros(len(images), np.int32), (), {})
  images, label = checked(given.image, f"{name}.image"), np.asarray(given.label)
  if label.shape != (len(images),) or label.dtype.kind not in "iu":
    raise InputError(f"{name}.label has shape {label.shape} and type {label.dtype}; it must be [N] integers")
  if given.classes and not 0 <= label.min() <= label.max() < len(given.classes):
    raise InputError(f"{name}.label is outside 0 to {len(given.classes) - 1}, the numbers of its classes")
  return Dataset(images, label, given.classes, given.truth)


def parse(reference: str) -> tuple[str, str]:
  """Returns the name of a data set and the split of "NAME" (its test split) or "NAME:SPLIT".

  Raises:
    InputError: no such split.
  """
  name, _, split = reference.partition(":")
  if not name or (split or "test") not in SPLITS:
    raise InputError(
      f"reference is {reference!r}; it must be DATASET or DATASET:SPLIT, the split one of "
      f"{', '.join(SPLITS)}{suggest(split, SPLITS)}"
    )
  return name, split or "test"


def load_like(shape: tuple[int, ...], name: str, split: str, data_dir: str) -> Dataset:
  """Loads a split of a data set with images of a shape [H, W, C].

  Raises:
    InputError: the images are not square, or the data set is missing.
  """
  height, width, channels = shape
  if height != width:
    raise InputError(f"images of {height}x{width} are not square; data sets by name are: give an array")
  return data.load(name, split, data_dir=data_dir, image_size=height, channels=channels)


def load_as_seen(run: Run, dataset: str, split: str) -> Dataset:
  """Returns images of any data set in the size and channels that a run has.

  Raises:
    InputError: the data are missing.
  """
  config, (size, _, channels) = ConfigDict(run.config), run.spec.shape
  config.update(image_size=size, channels=channels)
  if dataset not in ("", config.dataset):
    config.update(dataset=dataset)
    config.dataset_args = ConfigDict()
  return load_data(config, split)
