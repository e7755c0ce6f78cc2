"""Folders of image files: which split and class each file belongs to."""

import hashlib
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gengap.data import splits
from gengap.data.image_files import LeftOut, Path
from gengap.data.raw import shown
from gengap.errors import InputError, suggest

TEST_SHARE = 0.1  # of images without a test and a validation split
STRAY, UNLABELLED = "images beside the class folders", "images in no class folder"
BESIDE = "images in folders beside those of the splits"
CUT = "there is no test split: a tenth of every class is held out for it, {} images in all"
ONE_CLASS = "there are no class folders: one class, all"
NO_TEST = "there is no test split: runs are evaluated on the validation split, and hold out training images"


class Plan(NamedTuple):
  """The files of a data set, and the files that are left out."""

  classes: tuple[str, ...]
  listed: dict[str, list[tuple[Path, int]]]  # split -> files and their labels
  left_out: LeftOut
  notes: tuple[str, ...] = ()


def natural(name: str) -> tuple[Any, ...]:
  """Returns a key that sorts numbers in names by value: 2 before 10, dog2 before dog10, -1 before 0.5."""
  if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", name):
    return 0, float(name), (), name
  return 1, 0.0, tuple(int(p) if i % 2 else p for i, p in enumerate(re.split(r"([0-9]+)", name))), name


def arrange(folder: pathlib.Path, files: Sequence[Path]) -> Plan:
  """Assigns image files to splits and classes by their folders.

  The layouts are SPLIT/CLASS/*, CLASS/SPLIT/*, CLASS/*, SPLIT/* and *; folders below a class folder do not
  matter. Without class folders there is one class, "all". Splits are named as in `splits.MEANING`. Without a
  test and a validation split, a stratified tenth is held out for testing, by the SHA-256 of the files' names.
  Classes are numbered in natural order.

  Args:
    folder: for messages.
    files: relative to it.

  Raises:
    InputError: there are no training images, or a class has none.
  """
  left_out: LeftOut = {STRAY: [], BESIDE: [], UNLABELLED: []}
  depth = _wrappers(files)
  inside = [path for path in files if len(path.parts) > depth + 1]
  if inside:
    left_out[STRAY] += [path for path in files if len(path.parts) <= depth + 1]
  by_split = _by_split(folder, inside or files, depth, left_out)
  train = by_split.get("train", [])
  by_class = any(len(parts) > 1 for _, parts in train)
  listed: dict[str, list[tuple[Path, str]]] = {}
  for split, found in by_split.items():
    named = [
      (path, next(iter(parts)) if by_class else "all")
      for path, parts in found
      if len(parts) > 1 or not by_class
    ]
    left_out[STRAY if split == "train" else UNLABELLED] += [
      p for p, parts in found if by_class and len(parts) < 2
    ]
    if named:
      listed[split] = named
  classes = sorted({name for _, name in listed.get("train", [])}, key=natural)
  for split, named in listed.items():
    for path, name in named:
      if name not in classes:
        raise InputError(
          f"{folder / path} is of class {name!r}, which has no training images; it is in {split}"
          f"{suggest(name, classes)}"
        )
  number = {name: i for i, name in enumerate(classes)}
  labelled = {split: [(path, number[name]) for path, name in named] for split, named in listed.items()}
  notes = (*(() if by_class else (ONE_CLASS,)), *cut_test(folder, labelled))
  return Plan(tuple(map(shown, classes)), labelled, left_out, notes)


def _wrappers(files: Sequence[Path], start: int = 0) -> int:
  """Returns the number of folder levels from `start` on that only contain the folder of splits or classes."""
  depth = start
  while True:
    inside = [path.parts for path in files if len(path.parts) > depth + 1]
    names = {parts[depth] for parts in inside}
    if len(names) != 1 or splits.meaning(*names) or min(map(len, inside)) < depth + 3:
      return depth
    depth += 1


def _by_split(
  folder: pathlib.Path, files: Sequence[Path], depth: int, left_out: LeftOut
) -> dict[str, list[tuple[Path, tuple[str, ...]]]]:
  """Returns the files of each split, with what follows the split in their paths."""
  rest = [(path, path.parts[depth:]) for path in files]
  names = {parts[0] for _, parts in rest if len(parts) > 1}
  second = {parts[1] for _, parts in rest if len(parts) > 2}
  if names and all(len(parts) > 2 for _, parts in rest) and not any(map(splits.meaning, names)):
    meanings = {splits.meaning(name) for name in second}
    if "train" in meanings and None not in meanings:  # CLASS/SPLIT/*
      rest = [(path, (parts[1], parts[0], *parts[2:])) for path, parts in rest]
      names = second
  meant: dict[str, str] = {}  # split -> name
  for name in sorted(names):
    if split := splits.meaning(name):
      if split in meant:
        raise InputError(f"{folder} has two folders for {split}: {meant[split]}, {name}; make one of them")
      meant[split] = name
  if meant and len(meant) == len(names) and "train" not in meant:
    raise InputError(
      f"{folder} has images for {' and '.join(meant)}, and no images for train; put some into "
      f"{folder / 'train'}"
    )
  others = names - set(meant.values())
  if (
    "train" not in meant
    and meant
    and all(len(parts) > 2 and parts[1] in others for _, parts in rest if parts[0] in meant.values())
  ):  # the classes' folders stand beside a split that has them too
    rest = [(path, parts if parts[0] in meant.values() else ("train", *parts)) for path, parts in rest]
    meant["train"], others = "train", set()
  nested = any(len(parts) > 2 for _, parts in rest if parts[0] == meant.get("train"))
  if "train" not in meant or (others and len(meant) == 1 and not nested):  # a class may be called train
    return {"train": rest}
  left_out[BESIDE] += [path for path, parts in rest if parts[0] in others]
  by_split = {
    split: [(path, parts[1:]) for path, parts in rest if parts[0] == meant[split] and len(parts) > 1]
    for split in splits.SPLITS
    if split in meant
  }
  return _unwrapped(by_split)


def _unwrapped(by_split: dict[str, list[tuple[Path, tuple[str, ...]]]]) -> dict:
  """Drops a level of folders that only wraps the class folders of every split: "images", or its name."""

  def names(split: str, level: int) -> set[str]:
    return {parts[level] for _, parts in by_split[split]}

  while all(len(parts) > 2 for found in by_split.values() for _, parts in found):
    alike = len({name for split in by_split for name in names(split, 0)}) == 1
    if not alike and any({splits.meaning(name) for name in names(split, 0)} != {split} for split in by_split):
      break
    if not all(names(split, 1) <= names("train", 1) for split in by_split):
      break
    by_split = {split: [(path, parts[1:]) for path, parts in found] for split, found in by_split.items()}
  return by_split


def cut_test(folder: pathlib.Path, labelled: dict[str, list[tuple[Path, int]]]) -> tuple[str, ...]:
  """Holds out a test split if there is none; returns notes on the splits."""
  train = labelled.get("train", [])
  if not train:
    raise InputError(f"{folder} has no images for train; put some there")
  if "test" in labelled:
    return ()
  if "validation" in labelled:
    return (NO_TEST,)
  if len(train) < 2:
    raise InputError(f"{folder} has one image, and so no images for test; put more there")
  digests = [hashlib.sha256(os.fsencode(path.as_posix())).digest() for path, _ in train]
  lot = np.empty(len(train), np.int64)
  lot[sorted(range(len(train)), key=digests.__getitem__)] = np.arange(len(train))
  held = splits.hold_out(np.array([label for _, label in train]), TEST_SHARE, lot)
  labelled["test"] = [file for file, out in zip(train, held, strict=True) if out]
  labelled["train"] = [file for file, out in zip(train, held, strict=True) if not out]
  return (CUT.format(held.sum()),)
