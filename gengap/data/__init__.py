"""Data sets: procedural blobs and real images, by name, split and class.

A name is that of procedural data (blobs_single, blobs_multi), digits, or that of a TFDS image data set;
cub200 is an alias of caltech_birds2011. After a slash, a name can list classes by name or number:
cifar10/bird, cifar10/bird,ship. Only their images are kept, and their labels are numbered 0, 1, ... in the
order of that list.
"""

import functools
import hashlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gengap.data import blobs, cache, digits, splits, tfds
from gengap.data.splits import SPLITS
from gengap.errors import InputError, suggest
from gengap.storage import paths, remote

FILELESS = (*blobs.COUNT, digits.NAME)  # which need no data_dir
COPY = "gcloud storage cp -r DATA_DIR/NAME gs://BUCKET/FOLDER"
KNOWN = (*FILELESS, "mnist", "fashion_mnist", "cifar10", "cub200")


class Dataset(NamedTuple):
  """Images with their labels and, if they are procedural, their parameters."""

  image: np.ndarray  # [N, H, W, C] uint8, perhaps memory-mapped and read-only
  label: np.ndarray  # [N] int32
  classes: tuple[str, ...]
  truth: Mapping[str, np.ndarray]  # of blobs: centre [N, K, 2], sigma [N, K], count [N]; else empty


Truth = Mapping[str, np.ndarray]
Reader = Callable[[np.ndarray], tuple[np.ndarray, Truth]]  # numbers of images -> the images and their truth


class Source(NamedTuple):
  """A data set that has been found and not been read yet."""

  classes: tuple[str, ...]
  splits: list[str]
  read: Callable[[str], tuple[np.ndarray, Reader]]  # split -> labels [N] int32, and the reader of images
  size: tuple[int, int] | None = None  # stored height and width; None: any, or images differ
  channels: int = 1  # of the images as they are stored


def load(
  name: str,
  split: str,
  *,
  data_dir: str = "",
  image_size: int = 32,
  channels: int = 0,
  validation_share: float = 0.1,
  dataset_args: Mapping[str, Any] | None = None,
) -> Dataset:
  """Loads a split of a data set.

  Args:
    name: see above.
    split: "train", "validation" or "test". A data set with its own validation and test splits uses them, and
      "train" is its whole training split. Otherwise validation images are held out of the training images,
      the same ones in every run, and "train" is the rest. If a data set has a validation split and no test
      split, "test" is its validation split.
    data_dir: of TFDS; "" is $TFDS_DATA_DIR, else TFDS's own default.
    image_size: pixels a side; other images are cropped to the central square and resized with antialiasing.
    channels: 1 is grayscale, 3 is colour, 0 is that of the data set.
    validation_share: share of every class's training images that is held out for validation (see
      `splits.hold_out`), unless the data set has its own splits. With 0 nothing is held out, and "validation"
      is the test split, a convention of the reports that this code follows.
    dataset_args: settings of procedural data (see blobs.Settings).

  Raises:
    InputError: an argument is wrong, or the data are missing or damaged.
  """
  _check(split, image_size, channels, validation_share)
  source, chosen = _find(name, data_dir, image_size, channels, dict(dataset_args or {}))
  picked = _pick(name, chosen, source.classes)
  whole, share = _stored(split, source.splits, validation_share)
  if whole is None:
    raise InputError(f"dataset {name!r} has no {split} split; it has {', '.join(source.splits)}")
  label, take = source.read(whole)
  number = np.full(len(source.classes), -1, np.int32)
  number[picked] = np.arange(len(picked))
  keep = number[label] >= 0
  if share:
    lot = np.random.default_rng(0).random(len(label))
    keep &= splits.hold_out(label, share, lot) == (split == "validation")
  index = np.flatnonzero(keep)
  if not len(index):
    of = f"; of {len(label)} images in {whole}, validation_share={share} leaves none" if share else ""
    raise InputError(f"dataset {name!r} has no {split} images{of}")
  image, truth = take(index)
  return Dataset(image, number[label[index]], tuple(source.classes[i] for i in picked), truth)


def _stored(split: str, names: list[str], share: float) -> tuple[str | None, float]:
  """Returns the stored split that holds the images of a split, and the share of it that is held out."""
  train, validation, test = (splits.stored(name, names) for name in SPLITS)
  if split == "test" or (split == "validation" and not share):
    return test or validation, 0.0
  if validation and test:
    return (validation if split == "validation" else train), 0.0
  return train, share


def _check(split: str, image_size: int, channels: int, validation_share: float) -> None:
  if split not in SPLITS:
    raise InputError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}{suggest(split, SPLITS)}")
  if image_size < 1:
    raise InputError(f"image_size is {image_size}; it must be at least 1")
  if channels not in (0, 1, 3):
    raise InputError(f"channels is {channels}; it must be 0 (as the data), 1 or 3")
  if not 0 <= validation_share < 1:
    raise InputError(f"validation_share is {validation_share}; it must be in [0, 1)")


def _find(name: str, data_dir: str, size: int, channels: int, args: dict[str, Any]) -> tuple[Source, str]:
  """Finds a data set; returns it and the list of classes after its name."""
  base, _, chosen = name.partition("/")
  if base in blobs.COUNT:
    settings = blobs.settings(base, size, args)
    read = functools.partial(blobs.read, settings, size=size, channels=channels)
    return Source(blobs.classes(settings), list(blobs.FIRST), read), chosen  # grey, in any size
  if args:
    raise InputError(
      f"dataset_args.{next(iter(args))} is a setting of {' and '.join(blobs.COUNT)}, not of {base}"
    )
  if base == digits.NAME:
    _check_free(base, data_dir)
    read = functools.partial(digits.read, size=size, channels=channels)
    return Source(digits.CLASSES, ["train", "test"], read, (digits.SIZE, digits.SIZE)), chosen
  folder = _folder(base, data_dir)
  config, _, rest = chosen.partition("/")
  if config and tfds.find(f"{base}/{config}", folder):  # the data set comes in several configs
    base, chosen = f"{base}/{config}", rest
  layout = tfds.layout(tfds.find(base, folder) or missing(base, folder))
  read = functools.partial(tfds.read, layout, size=size, channels=channels)
  names = [name for name, count in layout.splits.items() if count]
  return Source(layout.classes, names, read, layout.size, layout.channels), chosen


def _folder(name: str, data_dir: str) -> pathlib.Path:
  """Returns the local data_dir; of one in a bucket, a folder in the cache to which a data set is copied once.

  Raises:
    InputError: the path is malformed, or the bucket cannot be read.
  """
  if not data_dir:
    return tfds.default_dir()
  folder = paths.place(data_dir, "data_dir")
  if not remote.is_remote(folder):
    return folder
  own = tfds.ALIASES.get(name, name)
  local = cache.root() / "remote" / hashlib.sha256(str(folder).encode()).hexdigest()
  if not (local / own).is_dir():
    with remote.explained(f"data_dir={data_dir}"):
      known = name in FILELESS or (folder / own).exists()
    if not known:
      raise InputError(f"dataset {name!r} is not in data_dir {data_dir}; copy it there: {COPY}")
    remote.copy_once(folder / own, local / own)
  return local


def _check_free(name: str, data_dir: str) -> None:
  """Refuses a folder with a data set of a name that has another meaning here, so that none is mistaken."""
  folder = _folder(name, data_dir)
  if own := tfds.find(name, folder):
    raise InputError(
      f"dataset {name!r} is scikit-learn's, and {own} has the same name; prepare yours again under another "
      "name, or give another data_dir"
    )


def find(name: str, data_dir: str = "") -> Source:
  """Finds a data set by its name, without reading its images.

  Raises:
    InputError: it is missing or damaged.
  """
  return _find(name, data_dir, 32, 0, {})[0]


def missing(name: str, data_dir: pathlib.Path) -> pathlib.Path:
  """Raises the InputError for a data set that data_dir does not hold."""
  allowed = [*KNOWN, *tfds.names(data_dir)]
  if name not in KNOWN:
    import tensorflow_datasets  # slow, but only now does it matter what TFDS could download

    if name not in tensorflow_datasets.list_builders(with_community_datasets=False):
      raise InputError(
        f"dataset {name!r} is neither known nor in {data_dir}; there are "
        f"{', '.join(dict.fromkeys(allowed))}{suggest(name, allowed)}"
      )
  raise InputError(
    f"dataset {name!r} is not in data_dir {data_dir}; get it with: python -m gengap.prepare {name} "
    f"--download --data_dir={data_dir} (without network: --raw_dir=FOLDER_OF_ITS_FILES for --download)"
  )


def _pick(name: str, chosen: str, classes: tuple[str, ...]) -> list[int]:
  """Returns the numbers of the classes in a comma-separated list; those of all classes for an empty list."""
  if not chosen:
    return list(range(len(classes)))
  picked: list[int] = []
  for item in chosen.split(","):
    if item in classes:
      picked.append(classes.index(item))
    elif item.isdecimal() and int(item) < len(classes):
      picked.append(int(item))
    else:
      some = ", ".join(classes[:20]) + ", ..." * (len(classes) > 20)
      raise InputError(
        f"dataset {name!r}: no class {item!r}; there are {some}, or their numbers 0 to {len(classes) - 1}"
        f"{suggest(item, classes)}"
      )
  if len(set(picked)) < len(picked):
    raise InputError(f"dataset {name!r} names a class twice")
  return picked
