"""Images that a caller gives, checked: type, range, size and channels are never guessed."""

import os
import pathlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gengap import data, zoo
from gengap.data import Dataset, image_sets, pixels, stored_arrays
from gengap.data.image_sets import ImageSet, Shape
from gengap.data.scale import to_float
from gengap.data.stored_arrays import ValueRange
from gengap.errors import InputError
from gengap.logs import log
from gengap.run import Run
from gengap.storage import paths, remote
from gengap.training.program import load_data

Images: TypeAlias = np.ndarray | jax.Array | ImageSet  # [N, H, W, C] uint8, or float in [-1, 1]
Given: TypeAlias = Images | str | os.PathLike[str]  # images, or the path of a folder or file of images
GRID = 64  # images in a picture
HOW = "central square, bilinear with antialiasing"  # see `gengap.data.pixels.fit`


def to_evaluate(images: Given, value_range: ValueRange | None = None, name: str = "--generated") -> ImageSet:
  """Returns images to evaluate; see `given`.

  Raises:
    InputError: see `given`.
  """
  if not isinstance(images, str | os.PathLike):
    return given(images, "images_or_run", value_range)
  if is_workdir(images):
    raise InputError(f"{name}={os.fspath(images)} is the workdir of a run; give it as --workdir")
  try:
    return given(images, name, value_range)
  except InputError as error:
    if name == "--generated" or not pathlib.Path(images).is_dir():
      raise
    raise InputError(f"{error}; the folder is no workdir of a run either: it has no checkpoints") from error


def is_workdir(path: str | os.PathLike[str]) -> bool:
  """Returns whether a path is the workdir of a run and not a folder or file of images."""
  folder = paths.place(path) if remote.is_remote(path) else pathlib.Path(path).expanduser()
  return (
    zoo.is_named(path)
    or (folder / "checkpoints").is_dir()
    or all((folder / name).is_file() for name in ("config.json", "metrics.jsonl"))
  )


def given(images: Any, name: str, value_range: ValueRange | None = None) -> ImageSet:
  """Returns images as a set of uint8.

  Args:
    images: an `ImageSet`; a path, see `image_sets.open_images`; or an array, see `stored_arrays.axes` (NumPy,
      JAX or nested lists).
    name: of the argument or flag, for messages.
    value_range: of float pixels; None: [-1, 1], of which some are negative.

  Raises:
    InputError: another shape, type or range, files that cannot be read, or fewer than two images.
  """
  if isinstance(images, ImageSet):
    return images
  if isinstance(images, str | os.PathLike):
    return image_sets.open_images(images, name, value_range)
  try:
    array = np.asarray(images)
  except ValueError as error:
    raise InputError(f"{name} is no array: its rows differ in length; give [N, H, W, C]") from error
  if jnp.issubdtype(array.dtype, jnp.floating):  # also bfloat16
    array = array.astype(np.float32)
  return image_sets.of_array(stored_arrays.in_memory(array, name, value_range))


def dataset(images: Any, name: str, value_range: ValueRange | None = None) -> Dataset:
  """Returns a `Dataset` or images as a Dataset of an `ImageSet`; images alone have no classes.

  Args:
    images: a Dataset, or images (see `given`).
    name: of the argument or flag, for messages.
    value_range: see `given`.

  Raises:
    InputError: see `given`; or labels that do not fit.
  """
  found: Any  # an ImageSet, used as an array
  if not isinstance(images, Dataset):
    found = given(images, name, value_range)
    return Dataset(found, np.zeros(len(found), np.int32), (), {})
  found, label = given(images.image, f"{name}.image", value_range), np.asarray(images.label)
  if label.shape != (len(found),) or label.dtype.kind not in "iu":
    raise InputError(f"{name}.label has shape {label.shape} and type {label.dtype}; it must be [N] integers")
  if images.classes and not 0 <= label.min() <= label.max() < len(images.classes):
    raise InputError(f"{name}.label is outside 0 to {len(images.classes) - 1}, the numbers of its classes")
  return Dataset(found, label, images.classes, images.truth)


def common_shape(
  images: ImageSet, channels: frozenset[int], image_size: int = 0, asked_channels: int = 0
) -> Shape:
  """Returns the shape [H, W, C] that the images to evaluate and their reference are brought to.

  Args:
    images: to evaluate.
    channels: that show the reference without loss.
    image_size: pixels a side that are asked for; 0: that of the images.
    asked_channels: 1 or 3; 0: those that show both sets without loss, 3 if both 1 and 3 do.

  Raises:
    InputError: the images differ in size or are not square, or one set has colour and the other is grey.
  """
  size = (image_size, image_size) if image_size else images.size
  if not size or (size[0] != size[1] and images.source):
    raise InputError(
      f"{called(images)} has images of {images.sizes_text}{', which are not square' if size else ''}; "
      "--image_size=N brings all images, also the reference, to N x N pixels (central square, resized)"
    )
  both = images.channels & channels
  if not asked_channels and not both:
    mine, theirs = ("grey" if 1 in kind else "in colour" for kind in (images.channels, channels))
    raise InputError(
      f"{called(images)} is {mine} and the reference is {theirs}; --channels=1 makes both grey, --channels=3 "
      "shows grey images with three equal channels"
    )
  return (*size, asked_channels or max(both))


def fitted(images: ImageSet, shape: Shape, name: str, convert: bool) -> ImageSet:
  """Returns images in a shape [H, W, C]; see `pixels.fit`.

  Args:
    images: the images.
    shape: to bring them to.
    name: of the flag or argument that gave them, for messages.
    convert: whether colour may be lost or added, as the caller asked.

  Raises:
    InputError: the shape is not square and the images have another one, or channels differ.
  """
  if shape[0] != shape[1] and images.size != shape[:2]:
    raise InputError(
      f"{name} has images of {images.sizes_text}, and those to evaluate are of {shape[0]}x{shape[1]}, not "
      "square; --image_size=N brings both to N x N pixels"
    )
  if shape[2] not in images.channels and not convert:
    kind = "grey" if 1 in images.channels else "in colour"
    raise InputError(
      f"{name} is {kind}, and the images to evaluate have {shape[2]} channels; --channels=1 makes all grey, "
      "--channels=3 shows grey images with three equal channels"
    )
  return images.fit(shape)


def called(images: ImageSet) -> str:
  """Returns the flag or argument that gave images to evaluate."""
  return f"--generated={images.source}" if images.source else "images_or_run"


def notes(images: ImageSet, name: str) -> Iterator[str]:
  """Yields lines about images: what was left out, and how they are changed."""
  for note in images.notes:
    yield f"{name} images: {note}"
  if images.resized:
    yield f"{name} images are resized ({HOW}): {images.resized}"
  if images.recoloured:
    yield f"{name} images are converted: {images.recoloured}"
  if images.channels == {1, 3}:
    shown = "grey images" if images.fitted[2] == 1 else "images of three equal channels"
    yield f"{name} images have three channels, and no pixel has colour: they are compared as {shown}"


def number_notes(images: ImageSet, wished: int) -> Iterator[str]:
  """Yields how many images are scored, unless it is all of them and as many as wished."""
  if len(images) < wished:
    yield f"{len(images)} generated images are scored, not {wished}: there are no more"
  elif len(images) > wished:
    yield (
      f"{wished} of {len(images)} generated images are scored, drawn by a seed; for all of them: "
      f"--num_samples={len(images)}"
    )


def save_grids(folder: pathlib.Path, generated: ImageSet, real: np.ndarray | ImageSet | None) -> None:
  """Writes pictures of up to 64 generated images, 0.png, and of as many real ones, real.png."""
  folder.mkdir(parents=True, exist_ok=True)
  for name, found in (("0", generated), ("real", real)):
    if found is not None:
      index = np.unique(np.linspace(0, len(found) - 1, GRID).astype(int))
      log.save_png(folder / f"{name}.png", pixels.tile(to_float(np.asarray(found[index]))))


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
