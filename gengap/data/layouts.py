"""Recognises the data set in a downloaded or self-made folder or file, and opens it."""

import fnmatch
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from gengap.data import annotations, arrays, cifar, images, raw
from gengap.data.image_files import SYSTEM, find_images
from gengap.data.raw import Raw
from gengap.errors import InputError

DEPTH = 3  # levels of folders below the given one that are searched for a known layout
Read = Callable[[str, pathlib.Path, bool], Raw]  # name of the data set, folder, skip_bad -> data set


class Layout(NamedTuple):
  """A data set that is recognised by the names of its files."""

  what: str
  patterns: tuple[tuple[str, ...], ...]  # a folder matches all of one tuple (names of folders end with /)
  read: Read


LAYOUTS = (
  Layout(
    "IDX files of the MNIST family",
    (("*-images*idx3*",), ("*-labels*idx1*",)),
    lambda n, f, _: raw.read_mnist(n, f),
  ),
  Layout(
    "the Python version of CIFAR",
    (("data_batch_[1-5]",), ("test_batch",), ("meta", "train", "test")),
    lambda n, f, _: cifar.read_python(n, f),
  ),
  Layout(
    "the binary version of CIFAR",
    (("data_batch_*.bin",), ("test_batch.bin",), ("train.bin", "test.bin")),
    lambda n, f, _: cifar.read_binary(n, f),
  ),
  Layout(
    "CUB-200-2011",
    (("train_test_split.txt", "images.txt"),),
    lambda _, f, skip: annotations.read_cub(f, skip),
  ),
  Layout(
    "Tiny ImageNet",
    (("wnids.txt", "train/", "val/"),),
    lambda _, f, skip: annotations.read_tiny_imagenet(f, skip),
  ),
)
HINTS = {  # how names of files end -> what these are, and what to do
  (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz"): "is an archive; unpack it with: tar -xf {path}",
  (".zip",): "is an archive; unpack it with: unzip {path}",
  (".7z", ".rar", ".gz", ".bz2", ".xz", ".zst"): "is packed; unpack it",
  (".parquet", ".arrow"): "is a table of Hugging Face's datasets; save its images as CLASS/NUMBER.png, with "
  "datasets.load_dataset and image.save",
  (
    ".tfrecord",
  ): "is a file of TFDS; give the data set's name and --data_dir to a run, not --raw_dir to prepare",
  (
    ".csv",
    ".tsv",
  ): "is a table; save its rows as images, CLASS/NUMBER.png, or as train_images and train_labels in .npz",
  (
    ".mat",
    ".h5",
    ".hdf5",
    ".npy",
    ".mdb",
    ".lmdb",
  ): "is a file of arrays; save them as train_images and train_labels [N, H, W, C] of uint8 with numpy.savez",
  (
    ".pkl",
    ".pickle",
    ".pt",
    ".pth",
  ): "is a pickle, which may run code and is not read; save its arrays as train_images "
  "and train_labels with numpy.savez",
}
READS = (
  "IDX files of the MNIST family, CIFAR-10 and CIFAR-100 (Python or binary version), CUB-200-2011, Tiny "
  "ImageNet, folders of images (train/CLASS/*.png, CLASS/*.png, or *.png), .npz files of Keras and MedMNIST"
)


def open_raw(name: str, path: pathlib.Path, skip_bad: bool = False) -> Raw:
  """Opens the files of a data set; its folder may be several levels below the given one.

  Args:
    name: of the data set; for some names the names of the classes are known.
    path: a folder, or an .npz file.
    skip_bad: leave out image files that cannot be read.

  Raises:
    InputError: something is missing or wrong, or the folder holds something else.
  """
  if path.is_file():
    if path.suffix.lower() == ".npz":
      return arrays.read_npz(name, path)
    raise InputError(f"raw_dir {path} " + (_hint(path) or f"is a file; give the folder of {name}: {READS}"))
  if not path.is_dir():
    raise InputError(f"raw_dir {path} is no folder; name the one that holds the files of {name}")
  if (path / "dataset_info.json").exists():
    raise InputError(
      f"raw_dir {path} is a TFDS data set already; give its parent's parent as data_dir to a run"
    )
  found = _search(path)
  if len(found) > 1:
    listed = ", ".join(f"{folder} ({layout.what})" for folder, layout in found)
    raise InputError(f"raw_dir {path} holds several data sets; give one of them: {listed}")
  if found:
    folder, layout = found[0]
    data = layout.read(name, folder, skip_bad)
    return data._replace(notes=(f"{folder} holds {layout.what}", *data.notes))
  return _open_others(name, path, skip_bad)


def _search(path: pathlib.Path) -> list[tuple[pathlib.Path, Layout]]:
  """Returns the folders with known layouts on the highest level that has any."""
  level = [path]
  for _ in range(DEPTH + 1):
    found, below = [], []
    for folder in level:
      names = _names(folder)
      match = (layout for layout in LAYOUTS if any(_has(names, patterns) for patterns in layout.patterns))
      found += [(folder, layout) for layout in [next(match, None)] if layout]
      below += [folder / name for name in names if name.endswith("/") and name[:-1].lower() not in SYSTEM]
    if found:
      return found
    level = below
  return []


def _names(folder: pathlib.Path) -> list[str]:
  """Returns the sorted names in a folder, without hidden ones; names of folders end with /."""
  try:
    with os.scandir(folder) as entries:
      return sorted(e.name + "/" * e.is_dir() for e in entries if not e.name.startswith("."))
  except OSError:
    return []


def _has(names: list[str], patterns: tuple[str, ...]) -> bool:
  """Returns whether every pattern matches a name."""
  return all(fnmatch.filter(names, pattern) for pattern in patterns)


def _open_others(name: str, path: pathlib.Path, skip_bad: bool) -> Raw:
  """Opens folders of images or, if there are none, an .npz file; raises an error that says what is there."""
  found, left_out = find_images(path)
  if found:
    return images.read_found(path, found, left_out, skip_bad)
  files = [path / file for paths in left_out.values() for file in paths if (path / file).is_file()]
  packed = [file for file in files if file.suffix.lower() == ".npz"]
  if len(packed) > 1:
    raise InputError(
      f"raw_dir {path} holds several .npz files; give one of them: {', '.join(map(str, packed))}"
    )
  if packed:
    return arrays.read_npz(name, packed[0])
  hints = (f"{file} {hint}" for file in files if (hint := _hint(file)))
  raise InputError(
    f"raw_dir {path} holds none of: {READS}" + "".join(f"; {hint}" for hint in [next(hints, "")] if hint)
  )


def _hint(path: pathlib.Path) -> str:
  """Returns what a file is by its name, and what to do with it; "" if that is unknown."""
  for ends, hint in HINTS.items():
    if path.name.lower().endswith(ends) or (".tfrecord-" in path.name and ".tfrecord" in ends):
      return hint.format(path=path)
  return ""
