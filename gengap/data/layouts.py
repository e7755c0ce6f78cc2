"""Recognises the data set in a downloaded or self-made folder or file, and opens it."""

import fnmatch
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from gengap.data import annotations, archives, arrays, celeba, cifar, images, parquet, raw, webdataset
from gengap.data.image_files import SYSTEM, LeftOut, find_images
from gengap.data.raw import Options, Raw
from gengap.errors import InputError

DEPTH = 3  # levels of folders below the given one that are searched for a known layout
Read = Callable[[str, pathlib.Path, Options], Raw]  # name of the data set, folder, options -> data set


class Layout(NamedTuple):
  """A data set that is recognised by the names of its files."""

  what: str
  patterns: tuple[tuple[str, ...], ...]  # a folder matches all of one tuple (names of folders end with /)
  read: Read
  labels: bool = False  # whether there are several kinds of labels


LAYOUTS = (
  Layout(
    "IDX files of the MNIST family",
    (("*-images*idx3*",), ("*-labels*idx1*",)),
    lambda n, f, _: raw.read_mnist(n, f),
  ),
  Layout(
    "the Python version of CIFAR",
    (("data_batch_[1-5]",), ("test_batch",), ("meta", "train", "test")),
    lambda n, f, o: cifar.read_python(n, f, o.label),
    labels=True,
  ),
  Layout(
    "the binary version of CIFAR",
    (("data_batch_*.bin",), ("test_batch.bin",), ("train.bin", "test.bin")),
    lambda n, f, o: cifar.read_binary(n, f, o.label),
    labels=True,
  ),
  Layout(
    "CUB-200-2011",
    (("train_test_split.txt", "images.txt"),),
    lambda _, f, o: annotations.read_cub(f, o.skip_bad),
  ),
  Layout(
    "Tiny ImageNet",
    (("wnids.txt", "train/", "val/"),),
    lambda _, f, o: annotations.read_tiny_imagenet(f, o.skip_bad),
  ),
  Layout(
    "CelebA",
    (("list_eval_partition.*",), ("Anno*/", "Eval*/", "Img*/")),
    lambda _, f, o: celeba.read(f, o.skip_bad, o.label),
    labels=True,
  ),
)
HINTS = {  # how names of files end -> what these are, and what to do
  (".7z", ".rar", ".gz", ".bz2", ".xz", ".zst"): "is packed; unpack it",
  (".arrow",): "is a table of Hugging Face's datasets; save it as .parquet, with dataset.to_parquet",
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
  "ImageNet, CelebA, folders of images (train/CLASS/*.png, CLASS/*.png, or *.png), .npz files of Keras and "
  "MedMNIST, .parquet files of Hugging Face's datasets, WebDataset shards, and .zip or .tar archives of these"
)


def open_raw(
  name: str,
  path: pathlib.Path,
  skip_bad: bool = False,
  label: str = "",
  room: Callable[[], pathlib.Path] | None = None,
) -> Raw:
  """Opens the files of a data set; its folder may be several levels below the given one.

  Args:
    name: of the data set; for some names the names of the classes are known.
    path: a folder, an .npz or .parquet file, or an archive.
    skip_bad: leave out image files that cannot be read.
    label: which of several labels is meant: "fine" or "coarse" of CIFAR-100, an attribute of CelebA, a column
      of a table; "": the usual one.
    room: makes an empty folder for what archives and tables hold, which must last as long as the data set;
      None: they are refused.

  Raises:
    InputError: something is missing or wrong, or the folder holds something else.
  """
  options = Options(skip_bad, label, room)
  if path.is_file():
    return _open_files(name, path.parent, [path], options, f"is a file; give the folder of {name}: {READS}")
  if not path.is_dir():
    raise InputError(f"raw_dir {path} is no folder; name the one that holds the files of {name}")
  if (path / "dataset_info.json").exists():
    raise InputError(
      f"raw_dir {path} is a TFDS data set already; give its parent's parent as data_dir to a run"
    )
  return _open_folder(name, path, options)


def _open_folder(name: str, path: pathlib.Path, options: Options, archives_in: int = 0) -> Raw:
  """Opens a folder; `archives_in` is the number of archives that were unpacked into it."""
  found = _search(path)
  if len(found) > 1:
    listed = ", ".join(f"{folder} ({layout.what})" for folder, layout in found)
    raise InputError(f"raw_dir {path} holds several data sets; give one of them: {listed}")
  if found:
    folder, layout = found[0]
    _check_label(options, layout.labels, layout.what)
    data = layout.read(name, folder, options)
    return data._replace(notes=(f"{folder} holds {layout.what}", *data.notes))
  return _open_others(name, path, options, archives_in)


def _check_label(options: Options, allowed: bool, what: str) -> None:
  """Refuses a choice of labels where there is none.

  Raises:
    InputError: there is none.
  """
  if options.label and not allowed:
    raise InputError(f"--label={options.label}: {what} has one kind of labels; leave --label out")


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


def _open_others(name: str, path: pathlib.Path, options: Options, archives_in: int) -> Raw:
  """Opens folders of images or, if there are none, files that hold images; else says what is there."""
  found, left_out = find_images(path)
  if found and webdataset.recognised(found, left_out, archives_in):
    _check_label(options, False, f"{path}, WebDataset shards,")
    return webdataset.read(name, path, found, left_out, options.skip_bad)
  if found:
    _check_label(options, False, f"{path}, a folder of images,")
    return images.read_found(path, found, left_out, options.skip_bad)
  files = [path / file for paths in left_out.values() for file in paths if (path / file).is_file()]
  return _open_files(name, path, files, options, f"holds none of: {READS}")


def _open_files(
  name: str, folder: pathlib.Path, files: list[pathlib.Path], options: Options, otherwise: str
) -> Raw:
  """Opens files that hold images: an .npz file, tables or archives.

  Args:
    name: of the data set.
    folder: of the files.
    files: of which those of the first kind that occurs are opened.
    options: how to read them.
    otherwise: what to say if there are none.

  Raises:
    InputError: there are none, or several .npz files.
  """
  packed = [file for file in files if file.suffix.lower() == ".npz"]
  tables = [file for file in files if file.suffix.lower() == ".parquet"]
  archived = [file for file in files if archives.is_archive(file)]
  if len(packed) > 1:
    raise InputError(
      f"raw_dir {folder} holds several .npz files; give one of them: {', '.join(map(str, packed))}"
    )
  if packed:
    _check_label(options, False, str(packed[0]))
    return arrays.read_npz(name, packed[0])
  if (tables or archived) and options.room:
    return _open_packed(name, folder, tables, archived, options)
  hints = next((f"{file} {hint}" for file in files if (hint := _hint(file))), "")
  if len(files) == 1 and files[0].parent == folder and otherwise.startswith("is a file"):
    raise InputError(f"raw_dir {hints or f'{files[0]} {otherwise}'}")
  raise InputError(f"raw_dir {folder} {otherwise}" + f"; {hints}" * bool(hints))


def _open_packed(
  name: str,
  folder: pathlib.Path,
  tables: list[pathlib.Path],
  archived: list[pathlib.Path],
  options: Options,
) -> Raw:
  """Opens tables, or unpacks archives, several each into a folder of its own name, and opens what they hold.

  Raises:
    InputError: see `archives.unpack`, and as `open_raw`.
  """
  assert options.room
  work = options.room()
  if tables:
    return parquet.read(name, tables, folder, work, options.skip_bad, options.label)
  left_out: LeftOut = {}
  for path in archived:
    own = path.relative_to(folder).with_name(archives.stem(path)) if len(archived) > 1 else ""
    for reason, links in archives.unpack(path, work / own).items():
      left_out.setdefault(reason, []).extend(links)
  given = str(archived[0] if len(archived) == 1 else folder)
  try:
    data = _open_folder(name, work, options._replace(room=None), len(archived))
  except InputError as error:
    raise InputError(_without(str(error), work, given)) from error
  left_out = {reason: files for reason, files in left_out.items() if files}
  notes = tuple(_without(note, work, given) for note in data.notes)
  return data._replace(notes=notes, left_out=data.left_out | left_out)


def _without(text: str, work: pathlib.Path, given: str) -> str:
  """Replaces the folder that archives were unpacked into by the path that the user gave."""
  return text.replace(str(work), given)


def _hint(path: pathlib.Path) -> str:
  """Returns what a file is by its name, and what to do with it; "" if that is unknown."""
  for ends, hint in HINTS.items():
    if path.name.lower().endswith(ends) or (".tfrecord-" in path.name and ".tfrecord" in ends):
      return hint.format(path=path)
  return ""
