"""CIFAR-10 and CIFAR-100 (cs.toronto.edu/~kriz/cifar.html), in the Python or the binary version."""

import math
import pathlib
from typing import Any, NamedTuple

import numpy as np

from gengap.data import pickles
from gengap.data.pixels import png
from gengap.data.raw import Raw, Split, checked_labels, shown
from gengap.data.tfds import CLASSES
from gengap.errors import InputError, suggest
from gengap.storage import paths

PIXELS = 3 * 32 * 32  # of an image: a plane of red, one of green, one of blue
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
WHOLE = {"train": ["train"], "test": ["test"]}


class Version(NamedTuple):
  """The files and keys of a version of the data sets."""

  files: dict[str, list[str]]  # split -> files
  label: str  # key of the labels (Python version)
  names: str  # file of the names of classes, and in the Python version their key there
  key: str
  classes: int
  place: int  # of the label in a record (binary version)


def _binary(files: dict[str, list[str]]) -> dict[str, list[str]]:
  """Returns the files of the binary version."""
  return {split: [f"{file}.bin" for file in names] for split, names in files.items()}


PYTHON = {  # kind of labels of CIFAR-100, "" for CIFAR-10 -> its version
  "": Version(BATCHES, "labels", "batches.meta", "label_names", 10, 0),
  "fine": Version(WHOLE, "fine_labels", "meta", "fine_label_names", 100, 0),
  "coarse": Version(WHOLE, "coarse_labels", "meta", "coarse_label_names", 20, 0),
}
BINARY = {
  "": Version(_binary(BATCHES), "", "batches.meta.txt", "", 10, 0),
  "fine": Version(_binary(WHOLE), "", "fine_label_names.txt", "", 100, 1),
  "coarse": Version(_binary(WHOLE), "", "coarse_label_names.txt", "", 20, 0),
}
RECORD = {10: 1, 20: 2, 100: 2}  # classes -> bytes of labels in a record (binary version)


class Dtype:
  """Stands in for numpy.dtype: of single bytes."""

  def __init__(self, code: str, *_: Any):
    if code not in ("u1", "|u1"):
      raise InputError(f"it has an array of dtype {code!r}; the images of CIFAR are bytes (u1)")

  def __setstate__(self, state: Any) -> None:
    """Does nothing: the state is the byte order, and single bytes have none."""


class Array:
  """Stands in for numpy.ndarray."""

  value = np.zeros((0, 0), np.uint8)

  def __setstate__(self, state: Any) -> None:
    """Takes (version, shape, dtype, Fortran order, bytes)."""
    _, shape, dtype, fortran, raw = state
    flat = np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, np.uint8)
    if not isinstance(dtype, Dtype) or math.prod(shape) != flat.size:
      raise ValueError(f"an array of shape {shape} in {flat.size} bytes")
    self.value = flat.reshape(shape, order="F" if fortran else "C")


class Unpickler(pickles.Unpickler):
  """Reads a batch of the Python version, pickled by Python 2 or 3."""

  known = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: Array() for core in ("core", "_core")},
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Dtype,
    ("_codecs", "encode"): lambda text, _="latin1": text.encode("latin1"),
  }
  kind = "file of CIFAR"


def unpickled(path: pathlib.Path) -> dict[str, Any]:
  """Returns the dict that a file of the Python version holds; its keys are str.

  Raises:
    InputError: the file is damaged, asks for code to be run, or holds something else.
  """
  try:
    with path.open("rb") as file:
      found = Unpickler(file, encoding="latin1").load()
    return {key.decode() if isinstance(key, bytes) else str(key): value for key, value in found.items()}
  except InputError as error:
    raise InputError(f"{path} is no file of CIFAR: {error}") from error
  except Exception as error:  # damaged and hostile files raise many types
    if path.is_file() and (what := paths.kind(path)):
      raise InputError(f"{path} is no file of CIFAR: it is {what}") from error
    raise InputError(
      f"{path} is damaged, or no pickle of CIFAR ({type(error).__name__}); get it again"
    ) from error


def read_python(name: str, folder: pathlib.Path, label: str = "") -> Raw:
  """Reads the Python version: pickled dicts of data [N, 3072] uint8 and labels; no code of them is run.

  Args:
    name: of the data set.
    folder: that holds the files.
    label: of CIFAR-100, "fine" (100 classes) or "coarse" (20); "" is fine.
  """

  def read(path: pathlib.Path, version: Version) -> tuple[np.ndarray, np.ndarray]:
    found: dict[str, Any] = unpickled(path)
    data, label = found.get("data", Array()), found.get(version.label)
    try:
      image, number = data.value, np.array(label)
      if image.shape != (len(number), PIXELS) or number.ndim != 1 or number.dtype.kind not in "iu":
        raise ValueError
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
      raise InputError(
        f"{path} does not hold data [N, {PIXELS}] of bytes and as many {version.label}; get it again"
      ) from error
    return image, number

  def names(path: pathlib.Path, version: Version) -> list[str]:
    listed = unpickled(path).get(version.key)
    words = listed if isinstance(listed, list) else []
    return [str(n, "utf-8", "replace") if isinstance(n, bytes) else str(n) for n in words]

  return _read(name, folder, _version(folder, PYTHON, label), read, names)


def read_binary(name: str, folder: pathlib.Path, label: str = "") -> Raw:
  """Reads the binary version: records of a label (of CIFAR-100 two, coarse and fine) and the pixels.

  Args:
    name: of the data set.
    folder: that holds the files.
    label: see `read_python`.
  """

  def read(path: pathlib.Path, version: Version) -> tuple[np.ndarray, np.ndarray]:
    content, record = np.fromfile(path, np.uint8), RECORD[version.classes] + PIXELS
    if not content.size or content.size % record:
      raise InputError(f"{path} has {content.size} bytes, which is no multiple of {record}; get it again")
    records = content.reshape(-1, record)
    return records[:, -PIXELS:], records[:, version.place].astype(np.int64)

  version = _version(folder, BINARY, label)
  return _read(name, folder, version, read, lambda path, _: path.read_text(errors="replace").split())


def _version(folder: pathlib.Path, versions: dict[str, Version], label: str) -> Version:
  """Returns the version of the data sets whose files a folder holds.

  Raises:
    InputError: it has no such labels.
  """
  hundred = (folder / versions["fine"].files["train"][0]).is_file()
  allowed = ("fine", "coarse")
  if label and not hundred:
    raise InputError(f"--label={label}: CIFAR-10 has one kind of labels; leave --label out")
  if label and label not in allowed:
    raise InputError(f"--label={label}: CIFAR-100 has fine and coarse labels{suggest(label, allowed)}")
  return versions[label or "fine" if hundred else ""]


def _read(name: str, folder: pathlib.Path, version: Version, read: Any, names: Any) -> Raw:
  """Reads the files of a version."""
  path = folder / version.names
  listed = names(path, version) if path.is_file() else []
  known = CLASSES["cifar10"] if version.classes == 10 else [str(i) for i in range(version.classes)]
  classes = [shown(n) for n in listed] if len(listed) == len(set(listed)) == version.classes else known
  splits = {}
  for split, files in version.files.items():
    for file in files:
      if not (folder / file).is_file():
        raise InputError(f"raw_dir {folder} lacks {file}; put it beside the other files")
    parts = [read(folder / file, version) for file in files]
    label = [
      number
      for file, (_, part) in zip(files, parts, strict=True)
      for number in checked_labels(name, classes, part, folder / file)
    ]
    images = np.concatenate([image for image, _ in parts]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    splits[split] = Split(label, lambda i, images=images: png(np.ascontiguousarray(images[i])))
  return Raw((32, 32, 3), tuple(classes), splits)
