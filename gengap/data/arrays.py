"""Data sets in one .npz file, such as those of Keras (mnist.npz) and MedMNIST."""

import pathlib
import re

import numpy as np

from gengap.data import pixels, splits
from gengap.data.folders import CUT, NO_TEST, TEST_SHARE
from gengap.data.raw import Raw, Split, checked_labels
from gengap.data.tfds import CLASSES, MOST_CLASSES
from gengap.errors import InputError
from gengap.storage import paths

IMAGES, LABELS = (
  {"x", "image", "images", "img", "imgs", "data"},
  {"y", "label", "labels", "target", "targets", "class", "classes"},
)
UNNAMED = {
  "arr_0": ("train", "images"),
  "arr_1": ("train", "labels"),
}  # as np.savez(FILE, images, labels) names


def read_npz(name: str, path: pathlib.Path) -> Raw:
  """Reads images [N, H, W] or [N, H, W, C] of uint8 and labels [N] or [N, 1] of each split.

  The names of the arrays tell splits, images and labels: x_train and y_train, train_images and train_labels,
  images and labels; arrays without names are images, then labels. Without a test and a validation split, a
  stratified tenth is held out for testing. Without labels there is one class.

  Raises:
    InputError: the file is damaged, or has no such arrays.
  """
  try:
    with np.load(path, allow_pickle=False) as archive:
      arrays = {key: archive[key] for key in archive.files}
  except InputError:
    raise
  except Exception as error:  # NumPy raises many types for damaged and hostile files
    if what := paths.kind(path):
      raise InputError(f"{path} is no .npz file: it is {what}") from error
    raise InputError(
      f"{path} is damaged, or holds pickled objects, which are not read; get it again"
    ) from error
  named = {key: (split, kind) for key in arrays for split, kind in [_meaning(key)] if kind}
  images = {
    split: _images(path, key, arrays[key]) for key, (split, kind) in named.items() if kind == "images"
  }
  labels = {split: (key, arrays[key]) for key, (split, kind) in named.items() if kind == "labels"}
  if "train" not in images:
    raise InputError(
      f"{path} holds {', '.join(arrays) or 'nothing'}; gengap reads x_train, y_train, x_test, "
      "y_test, or train_images, train_labels, ..., of uint8"
    )
  found = {
    split: _labels(path, *labels[split], len(image)) for split, image in images.items() if split in labels
  }
  if found and found.keys() != images.keys():
    raise InputError(
      f"{path} has labels for {', '.join(found)} and images for {', '.join(images)}; give both"
    )
  most = max((int(label.max()) for label in found.values()), default=0)
  classes = CLASSES.get(name) or [str(i) for i in range(most + 1)] if found else ["all"]
  colour = any(
    image.shape[-1] > 1 and bool((image[..., :1] != image[..., 1:]).any()) for image in images.values()
  )
  sizes = {image.shape[1:3] for image in images.values()}

  def as_stored(image: np.ndarray) -> np.ndarray:  # [H, W, 1 or 3]
    return np.repeat(image, 3 // image.shape[-1], -1) if colour else image[..., 0]

  notes, parts = _parts(path, images, found)
  made = {
    split: Split(
      checked_labels(name, classes, label, path),
      lambda i, image=image, index=index: pixels.png(as_stored(image[index[i]])),
    )
    for split, (image, label, index) in parts.items()
  }
  height, width = next(iter(sizes)) if len(sizes) == 1 else (None, None)
  return Raw((height, width, 3 if colour else 1), tuple(classes), made, notes)


def _meaning(key: str) -> tuple[str, str]:
  """Returns the split of an array by its name, and "images", "labels" or "" for what it holds."""
  if key in UNNAMED:
    return UNNAMED[key]
  words = [word for word in re.split(r"[^a-z0-9]+", key.lower()) if word]
  split = next((meant for word in words if (meant := splits.meaning(word))), "train")
  rest = {word for word in words if not splits.meaning(word)}
  if len(rest) != 1:
    return split, ""
  return split, "images" if rest <= IMAGES else "labels" if rest <= LABELS else ""


def _images(path: pathlib.Path, key: str, image: np.ndarray) -> np.ndarray:
  """Returns images as [N, H, W, C]."""
  if image.ndim == 3:
    image = image[..., None]
  if image.ndim != 4 or image.shape[-1] not in (1, 3) or image.dtype != np.uint8 or not image.size:
    raise InputError(
      f"{path}: {key} is {image.dtype} {list(image.shape)}; images are uint8 [N, height, width] or "
      "[N, height, width, 1 or 3]"
    )
  return image


def _labels(path: pathlib.Path, key: str, label: np.ndarray, count: int) -> np.ndarray:
  """Returns labels as [N]."""
  flat = label.reshape(-1)
  if label.shape not in ((count,), (count, 1)) or label.dtype.kind not in "iu" or flat.min() < 0:
    raise InputError(
      f"{path}: {key} is {label.dtype} {list(label.shape)}; labels are whole numbers from 0 on, one for "
      f"each of {count} images"
    )
  if flat.max() >= MOST_CLASSES:
    raise InputError(
      f"{path}: {key} goes up to {flat.max()}; labels are the numbers of classes, 0 to {MOST_CLASSES - 1}"
    )
  return flat.astype(np.int64)


def _parts(
  path: pathlib.Path, images: dict[str, np.ndarray], found: dict[str, np.ndarray]
) -> tuple[tuple[str, ...], dict]:
  """Returns notes on the splits, and for each split its images, labels and the indices of its images."""
  label = {split: found.get(split, np.zeros(len(image), np.int64)) for split, image in images.items()}
  parts = {split: (image, label[split], np.arange(len(image))) for split, image in images.items()}
  if "test" in images:
    return (), parts
  if "validation" in images:
    return (NO_TEST,), parts
  image, whole = images["train"], label["train"]
  if len(whole) < 2:
    raise InputError(f"{path} has one image, and so no images for test; put more there")
  held = splits.hold_out(whole, TEST_SHARE, np.random.default_rng(0).permutation(len(whole)))
  for split, index in (("train", np.flatnonzero(~held)), ("test", np.flatnonzero(held))):
    parts[split] = image, whole[index], index
  return (CUT.format(held.sum()),), parts
