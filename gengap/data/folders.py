"""Data sets of image files: folders by class, and CUB-200-2011 with its lists."""

import hashlib
import pathlib

import numpy as np
from PIL import Image

from gengap.data.pixels import png
from gengap.data.raw import Raw, Split
from gengap.errors import InputError

TEST_SHARE = 0.1  # of image files that come without a test split
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
COPIED = {("PNG", "L"), ("PNG", "RGB"), ("JPEG", "L"), ("JPEG", "RGB")}  # stored as they are

Listed = dict[str, list[tuple[pathlib.Path, int]]]  # split -> image files and their labels


def read_cub(folder: pathlib.Path) -> Raw:
  """Opens CUB-200-2011 (vision.caltech.edu/datasets/cub_200_2011), with its own split."""

  def table(name: str) -> dict[str, str]:
    try:
      return dict(line.split() for line in (folder / name).read_text().splitlines() if line)
    except (OSError, ValueError) as error:
      raise InputError(f"{folder / name} cannot be read as lines of two words; get it again") from error

  path, label = table("images.txt"), table("image_class_labels.txt")
  train, classes = table("train_test_split.txt"), table("classes.txt")
  if not path.keys() == label.keys() == train.keys() or not set(label.values()) <= classes.keys():
    raise InputError(f"the lists of images, labels and splits in {folder} do not agree; get them again")
  number = {key: i for i, key in enumerate(classes)}
  listed: Listed = {"train": [], "test": []}
  for key, file in path.items():
    listed["train" if train[key] == "1" else "test"].append((folder / "images" / file, number[label[key]]))
  return _files(folder, tuple(classes.values()), listed)


def read_folders(folder: pathlib.Path) -> Raw:
  """Opens train/CLASS/* and test/CLASS/*, or CLASS/*.

  Without test images a tenth is held out: the files whose names have the smallest SHA-256.
  """
  top = folder / "train" if (folder / "train").is_dir() else folder
  classes = sorted(path.name for path in top.iterdir() if path.is_dir() and path.name[0] != ".")

  def listed(top: pathlib.Path) -> list[tuple[pathlib.Path, int]]:
    strange = {path.name for path in top.iterdir() if path.is_dir() and path.name[0] != "."} - set(classes)
    if strange:
      raise InputError(f"{top / min(strange)} is a class without training images")
    files = ((p, classes.index(p.parent.name)) for p in sorted(top.glob("*/*")))
    return [(path, label) for path, label in files if path.suffix.lower() in SUFFIXES]

  train, test = listed(top), []
  if top != folder and (folder / "test").is_dir():
    test = listed(folder / "test")
  elif len(train) > 1:
    lot = [hashlib.sha256(str(path.relative_to(top)).encode()).digest() for path, _ in train]
    held = set(np.argsort(lot)[: max(1, round(TEST_SHARE * len(train)))].tolist())
    test = [train[i] for i in sorted(held)]
    train = [file for i, file in enumerate(train) if i not in held]
  return _files(folder, tuple(classes), {"train": train, "test": test})


def _files(folder: pathlib.Path, classes: tuple[str, ...], listed: Listed) -> Raw:
  """Makes a data set of image files, grayscale if all of them are."""
  modes = set()
  for split, files in listed.items():
    if not files:
      raise InputError(f"{folder} has no images for {split}; put some there ({', '.join(SUFFIXES)})")
    for path, _ in files:
      with _open(path) as image:
        modes.add(image.mode)
  mode = "L" if modes <= {"1", "L"} else "RGB"

  def as_split(files: list[tuple[pathlib.Path, int]]) -> Split:
    return Split([label for _, label in files], lambda i: _encoded(files[i][0], mode))

  splits = {name: as_split(files) for name, files in listed.items()}
  return Raw((None, None, 1 if mode == "L" else 3), classes, splits)


def _open(path: pathlib.Path) -> Image.Image:
  try:
    return Image.open(path)
  except Exception as error:  # whatever a damaged or hostile file brings about
    raise InputError(f"{path} is no image that can be read; remove it or get it again") from error


def _encoded(path: pathlib.Path, mode: str) -> bytes:
  """Returns an image file as it is if TFDS can store it so, else as PNG; checks that it decodes."""
  with _open(path) as image:
    try:
      image.load()
      pixels = np.asarray(image.convert(mode))
    except Exception as error:  # whatever a decoder makes of a damaged file
      raise InputError(f"{path} is damaged ({error}); remove it or get it again") from error
    if image.mode == mode and (image.format, mode) in COPIED:
      return path.read_bytes()
    return png(pixels)
