"""Data sets of image files with lists of their classes or splits: CUB-200-2011 and Tiny ImageNet."""

import pathlib

from gengap.data.folders import NO_TEST, UNLABELLED, Plan
from gengap.data.image_files import LeftOut, Path, find_images
from gengap.data.images import read_images
from gengap.data.raw import Raw
from gengap.errors import InputError


def table(path: pathlib.Path) -> dict[str, str]:
  """Returns the first two words of every line.

  Raises:
    InputError: the file has other lines.
  """
  try:
    return {
      first: second for first, second, *_ in (line.split() for line in path.read_text().splitlines() if line)
    }
  except (OSError, ValueError) as error:
    raise InputError(f"{path} cannot be read as lines of two words; get it again") from error


def read_cub(folder: pathlib.Path, skip_bad: bool = False) -> Raw:
  """Opens CUB-200-2011 (vision.caltech.edu/datasets/cub_200_2011), with its own split.

  Raises:
    InputError: a list is damaged or does not agree with the others, or image files are bad.
  """
  path, label = table(folder / "images.txt"), table(folder / "image_class_labels.txt")
  train, classes = table(folder / "train_test_split.txt"), table(folder / "classes.txt")
  if not path.keys() == label.keys() == train.keys() or not set(label.values()) <= classes.keys():
    raise InputError(f"the lists of images, labels and splits in {folder} do not agree; get them again")
  number = {key: i for i, key in enumerate(classes)}
  listed: dict[str, list[tuple[Path, int]]] = {"train": [], "test": []}
  for key, file in path.items():
    listed["train" if train[key] == "1" else "test"].append((Path("images") / file, number[label[key]]))
  return read_images(folder, lambda bad: _without(bad, folder, tuple(classes.values()), listed, {}), skip_bad)


def read_tiny_imagenet(folder: pathlib.Path, skip_bad: bool = False) -> Raw:
  """Opens Tiny ImageNet (cs231n.stanford.edu/tiny-imagenet-200.zip): classes are numbered as in wnids.txt.

  val/ is the validation split, with its list of classes; the images in test/ have no labels and are left out.

  Raises:
    InputError: the list is damaged or names unknown classes, or image files are bad.
  """
  found, left_out = find_images(folder)
  label = table(folder / "val" / "val_annotations.txt")
  present = sorted({path.parts[1] for path in found if path.parts[0] == "train" and len(path.parts) > 2})
  ids = folder / "wnids.txt"
  classes = tuple(ids.read_text().split()) if ids.is_file() else tuple(present)
  number = {name: i for i, name in enumerate(classes)}
  listed: dict[str, list[tuple[Path, int]]] = {"train": [], "validation": []}
  left_out[UNLABELLED] = []
  for path in found:
    name = (
      path.parts[1] if path.parts[0] == "train" else label.get(path.name) if path.parts[0] == "val" else None
    )
    if name not in number:
      left_out[UNLABELLED].append(path)
    else:
      listed["train" if path.parts[0] == "train" else "validation"].append((path, number[name]))
  return read_images(folder, lambda bad: _without(bad, folder, classes, listed, left_out, NO_TEST), skip_bad)


def _without(
  bad: set[Path],
  folder: pathlib.Path,
  classes: tuple[str, ...],
  listed: dict[str, list[tuple[Path, int]]],
  left_out: LeftOut,
  *notes: str,
) -> Plan:
  """Returns the data set without bad files, and refuses one that lacks a split or a class."""
  kept = {split: [file for file in files if file[0] not in bad] for split, files in listed.items()}
  for split, files in kept.items():
    if not files:
      raise InputError(f"{folder} has no images for {split}; get it again")
  if lost := [name for i, name in enumerate(classes) if i not in {label for _, label in kept["train"]}]:
    raise InputError(f"{folder} has no training images of class {lost[0]!r}; get it again")
  return Plan(classes, kept, left_out, notes)
