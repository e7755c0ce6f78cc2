"""The type of data sets before they are written, and the reader of the IDX files of the MNIST family."""

import gzip
import pathlib
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gengap.data.image_files import LeftOut
from gengap.data.pixels import png
from gengap.data.tfds import CLASSES
from gengap.errors import InputError
from gengap.storage import paths


class Split(NamedTuple):
  """The images of a split, in some order."""

  label: list[int]
  encoded: Callable[[int], bytes]  # number of an image -> PNG or JPEG file


class Raw(NamedTuple):
  """A data set before it is written in the layout of TFDS."""

  shape: tuple[int | None, int | None, int]  # [H, W, C]; None where images differ
  classes: tuple[str, ...]
  splits: dict[str, Split]
  notes: tuple[str, ...] = ()  # lines to print: what was changed or held out
  left_out: LeftOut = {}  # reason -> files


class Options(NamedTuple):
  """How the files of a data set are read."""

  skip_bad: bool = False  # leave out image files that cannot be read
  label: str = ""  # which of several labels is meant; "": the usual one
  room: Callable[[], pathlib.Path] | None = None  # makes an empty folder that lasts as long as the data set


def shown(name: str) -> str:
  """Returns the name of a class as one line of printable text; distinct names stay distinct."""
  return name if name.isprintable() and "\\" not in name else ascii(name)[1:-1]


def checked_labels(name: str, classes: list[str], label: np.ndarray, file: pathlib.Path) -> list[int]:
  """Returns labels as a list.

  Raises:
    InputError: a label is no class.
  """
  wrong = label[(label < 0) | (label >= len(classes))]
  if wrong.size:
    raise InputError(f"{file} holds the label {wrong.max()}; {name} has only 0 to {len(classes) - 1}")
  return label.tolist()


def read_mnist(name: str, folder: pathlib.Path) -> Raw:
  """Reads the four IDX files of the MNIST family (yann.lecun.com/exdb/mnist), compressed with gzip or not.

  Files are also found in a folder of their own name, where some unpackers put them.
  """

  def find(prefix: str, what: str, dims: int) -> pathlib.Path:
    patterns = f"{prefix}*{what}*idx{dims}*", f"{prefix.replace('t10k', 'test')}*{what}*idx{dims}*"
    near = (path for pattern in patterns for at in ("", "*/") for path in folder.glob(at + pattern))
    found = min((path for path in near if path.is_file()), key=lambda p: (len(p.parts), p), default=None)
    if found is None:
      raise InputError(
        f"raw_dir {folder} lacks {prefix}-{what}-idx{dims}-ubyte.gz; put it beside the other files"
      )
    return found

  prefixes = {"train": "train", "test": "t10k"}
  paths = {split: (find(p, "images", 3), find(p, "labels", 1)) for split, p in prefixes.items()}
  arrays = {split: (read_idx(images, 3), read_idx(labels, 1)) for split, (images, labels) in paths.items()}
  most = max(int(label.max(initial=9)) for _, label in arrays.values())
  classes = CLASSES.get(name) or [str(i) for i in range(10 if name == "mnist" else most + 1)]
  splits = {}
  for split, (images, label) in arrays.items():
    path = paths[split][1]
    if len(images) != len(label) or not len(label):
      raise InputError(
        f"{path} has {len(label)} labels for the {len(images)} images beside it; get both again"
      )
    if images.shape[1:] != arrays["train"][0].shape[1:]:
      raise InputError(f"{paths[split][0]} has images of another size than those of training; get both again")
    splits[split] = Split(checked_labels(name, classes, label, path), lambda i, images=images: png(images[i]))
  return Raw((*arrays["train"][0].shape[1:], 1), tuple(classes), splits)


def read_idx(path: pathlib.Path, dims: int) -> np.ndarray:
  """Reads an IDX file of bytes with this many dimensions, compressed with gzip or not."""
  try:
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
      content = file.read()
  except (OSError, EOFError, zlib.error) as error:
    raise InputError(f"{path} is damaged ({error}); get it again") from error
  magic = bytes((0, 0, 8, dims))
  start = 4 + 4 * dims
  if content[:4] != magic and (what := paths.kind(path)) and path.suffix != ".gz":
    raise InputError(f"{path} is no IDX file: it is {what}")
  if content[:4] != magic or len(content) < start:
    raise InputError(f"{path} starts with {content[:4].hex()}; an IDX file of this kind with {magic.hex()}")
  shape = np.frombuffer(content, ">u4", dims, 4).astype(int)
  if len(content) != start + shape.prod():
    raise InputError(
      f"{path} has {len(content)} bytes, and by its header {start + shape.prod()}; get it again"
    )
  return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
