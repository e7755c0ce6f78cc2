"""Reads image data sets in the layout of TensorFlow Datasets (array_record files) without TensorFlow.

A data set is a folder NAME/[CONFIG/]VERSION with dataset_info.json and features.json, which describe its
content. tensorflow_datasets itself is imported only to decode, which happens once (see cache).
"""

import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from gengap.data import cache
from gengap.data.pixels import UnreadableError, square
from gengap.data.progress import progress
from gengap.errors import InputError
from gengap.storage import paths

ALIASES = {"cub200": "caltech_birds2011"}
CLASSES = {  # of folders without label.labels.txt
  "cifar10": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
  "fashion_mnist": [
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
  ],
}
BLOCK = 512  # images decoded by one task
DECODER = 2  # version of the decoder (see pixels); images that another version decoded are decoded again
MOST_CLASSES = 10**6


class Layout(NamedTuple):
  """The content of a data set's folder."""

  folder: pathlib.Path
  name: str
  version: str
  splits: dict[str, int]  # name -> images
  image: str  # key of the image in an example
  channels: int  # 1 or 3
  label: str  # "" where there is none
  classes: tuple[str, ...]
  size: tuple[int, int] | None = None  # height and width of all images; None: they differ


def default_dir() -> pathlib.Path:
  """Returns $TFDS_DATA_DIR, else the folder that TFDS itself would use."""
  return paths.from_environment("TFDS_DATA_DIR") or paths.local("~/tensorflow_datasets")


def names(data_dir: pathlib.Path) -> list[str]:
  """Returns the names of the data sets in a folder; those with configs are NAME/CONFIG."""
  found = {
    info.parent.parent
    for pattern in ("[!.]*/*", "[!.]*/*/*")
    for info in data_dir.glob(f"{pattern}/dataset_info.json")
  }
  return sorted(str(folder.relative_to(data_dir)) for folder in found)


def find(name: str, data_dir: pathlib.Path) -> pathlib.Path | None:
  """Returns the folder of a data set's newest version; None if there is none."""
  versions = (info.parent for info in (data_dir / ALIASES.get(name, name)).glob("*.*.*/dataset_info.json"))
  return max(versions, key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)], default=None)


def layout(folder: pathlib.Path) -> Layout:
  """Reads the layout of a data set.

  Raises:
    InputError: the folder is damaged, holds no images, or needs TensorFlow.
  """
  try:
    return _layout(folder)
  except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
    raise InputError(f"{folder} is no whole TFDS data set ({error!r}); prepare or copy it again") from error


def _layout(folder: pathlib.Path) -> Layout:
  """Reads the layout of a data set; damaged files raise errors of many types."""
  info = json.loads((folder / "dataset_info.json").read_text())
  if (kept := info.get("fileFormat", "tfrecord")) != "array_record":
    raise InputError(
      f"{folder} has its images in files of format {kept!r}, and gengap reads array_record. To convert it "
      f"needs TensorFlow, and where that is installed: tfds convert_format --dataset_version_dir={folder} "
      "--out_file_format=array_record --out_dir=NEW_DATA_DIR/NAME/VERSION; or get it anew with: "
      f"python -m gengap.prepare {info.get('name')} --download --data_dir=NEW_DATA_DIR"
    )
  features = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
  splits = {str(s["name"]): sum(map(int, s.get("shardLengths", []))) for s in info["splits"]}
  kind = {str(name): value["pythonClassName"].rpartition(".")[2] for name, value in features.items()}
  image = _pick(kind, "Image", "image")
  dtype = features[image]["image"].get("dtype", "uint8") if image else ""
  if not image:
    raise InputError(f"{folder} holds no 8-bit images, only {', '.join(kind)}; name a data set of images")
  if dtype not in ("uint8", "uint16"):
    raise InputError(f"{folder} has images of dtype {dtype!r}; name a data set of images of uint8 or uint16")
  shape = features[image]["image"].get("shape", {}).get("dimensions", ["3"])
  label = _pick(kind, "ClassLabel", "label")
  name, version = str(info["name"]), str(info["version"])
  if min(splits.values(), default=0) < 0:
    raise ValueError("a split of a negative number of images")
  classes = _classes(folder, name, label, features[label]["classLabel"]) if label else ("all",)
  sides = [int(side) for side in shape[:-1] if str(side).isdecimal()]
  size = (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 else None
  channels = 1 if shape[-1] in ("1", "2") else 3
  return Layout(folder, name, version, splits, image, channels, label, classes, size)


def _pick(kinds: dict[str, str], kind: str, preferred: str) -> str:
  """Returns the feature of this kind, the one of the preferred name if there are several, or ""."""
  found = [name for name, value in kinds.items() if value == kind]
  return preferred if preferred in found else next(iter(found), "")


def _classes(folder: pathlib.Path, name: str, label: str, feature: dict[str, Any]) -> tuple[str, ...]:
  """Returns the class names: the folder's own, else those known here, else the numbers."""
  count = int(feature["numClasses"])
  if not 0 < count <= MOST_CLASSES:
    raise ValueError(f"{count} classes")
  file = folder / f"{label}.labels.txt"
  known = file.read_text().splitlines() if file.exists() else CLASSES.get(name, [])
  return tuple(known) if len(known) == count else tuple(map(str, range(count)))


def read(
  found: Layout, split: str, size: int, channels: int
) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, dict]]]:
  """Returns a split's labels [N] int32, and the function that reads a choice of its images.

  Images are [n, size, size, C] uint8, memory-mapped where all are chosen; nothing else is known of them.

  Args:
    found: the data set.
    split: by TFDS's name.
    size: pixels a side.
    channels: 1, 3, or 0 for the data set's own.

  Raises:
    InputError: a record file is missing or damaged, or an image has no label.
  """
  channels = channels or found.channels
  files = [(path, path.stat()) for path in sorted(found.folder.iterdir())]
  stamp = repr([(path.name, file.st_size, file.st_mtime_ns) for path, file in files])
  fingerprint = hashlib.sha256(stamp.encode()).hexdigest()[:12]
  key = f"{found.name}-{found.version}-{split}-{size}x{size}x{channels}-{DECODER}-{fingerprint}"
  shape = (found.splits[split], size, size, channels)
  image, label = cache.fetch(key, shape, lambda: _decode(found, split, size, channels))
  if not 0 <= label.min() <= label.max() < len(found.classes):
    raise InputError(f"{found.folder} has images without a label in its {split} split; name another data set")

  def take(index: np.ndarray) -> tuple[np.ndarray, dict]:
    return image if len(index) == len(image) else image[index], {}

  return label, take


def _decode(found: Layout, split: str, size: int, channels: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields a split in blocks of images and labels."""

  def pixels(number: int, encoded: bytes) -> np.ndarray:
    try:
      return square(encoded, size, channels)
    except UnreadableError as error:
      raise InputError(f"{found.folder}: image {number} of its {split} split {error}") from error

  def block(start: int) -> tuple[np.ndarray, np.ndarray]:
    examples = source.__getitems__(range(start, min(start + BLOCK, total)))
    images = [pixels(start + i, example[found.image]) for i, example in enumerate(examples)]
    labels = [example[found.label] if found.label else 0 for example in examples]
    return np.stack(images), np.array(labels, np.int32)

  total = found.splits[split]
  try:
    source = records(found, split)
    bar = progress(f"decoding {found.name} {split}", total)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
      for images, labels in pool.map(block, range(0, total, BLOCK)):
        yield images, labels
        bar.update(len(labels))
  except (RuntimeError, ValueError, IndexError, OSError) as error:  # of a broken file
    raise InputError(blame(found, split, error)) from error


def records(found: Layout, split: str) -> Any:
  """Returns a sequence of the examples of a split, dicts whose image is the content of its file.

  Raises:
    RuntimeError, ValueError, IndexError or OSError: a record file is missing or damaged; reading may raise
      them too.
  """
  import tensorflow_datasets as tfds

  decoders = {found.image: tfds.decode.SkipDecoding()}
  return tfds.builder_from_directory(found.folder).as_data_source(split, decoders=decoders)  # pyright: ignore


def blame(found: Layout, split: str, error: Exception) -> str:
  """Returns the message of an error that names the missing or damaged record file of a split."""
  from array_record.python.array_record_module import ArrayRecordReader

  def broken(path: pathlib.Path) -> bool:
    try:
      ArrayRecordReader(str(path)).read_all()  # pyright: ignore
    except Exception:
      return True
    return False

  files = found.folder.glob(f"{found.name}-{split}.array_record-*")
  bad = next(filter(broken, sorted(files)), found.folder)
  reason = (str(error).splitlines() or [repr(error)])[0][:120]
  return f"{bad} is damaged or incomplete ({reason}); copy or prepare the data set again"
