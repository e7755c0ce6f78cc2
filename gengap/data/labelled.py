"""Image files with a label each that some list gives: of tables, WebDataset shards and CelebA."""

import pathlib
from collections.abc import Sequence

from gengap.data import folders
from gengap.data.folders import Plan, natural
from gengap.data.image_files import LeftOut, Path
from gengap.data.raw import shown
from gengap.data.tfds import CLASSES, MOST_CLASSES
from gengap.errors import InputError

Label = int | str
Files = dict[str, list[tuple[Path, Label]]]  # split -> files and their labels
ONE_CLASS = "there are no labels: one class, all"


def classes(name: str, found: Sequence[Label], where: str) -> tuple[str, ...]:
  """Returns the classes of labels: names in natural order, or the numbers from 0 to the largest.

  Args:
    name: of the data set; for some names the names of the classes are known.
    found: all labels.
    where: for messages.

  Raises:
    InputError: labels are numbers and names, negative, or too large.
  """
  kinds = {type(label) for label in found}
  if kinds == {str}:
    return tuple(sorted(set(map(str, found)), key=natural))
  if kinds != {int}:
    raise InputError(f"{where} has labels that are numbers and labels that are names; use one kind")
  numbers = [int(label) for label in found]
  if not 0 <= min(numbers) <= max(numbers) < MOST_CLASSES:
    wrong = min(numbers) if min(numbers) < 0 else max(numbers)
    raise InputError(f"{where} has the label {wrong}; labels are the numbers of classes, from 0 on")
  known = CLASSES.get(name, ())
  return tuple(known) if len(known) > max(numbers) else tuple(map(str, range(max(numbers) + 1)))


def plan(
  where: pathlib.Path,
  names: tuple[str, ...],
  files: Files,
  bad: set[Path],
  left_out: LeftOut,
  notes: tuple[str, ...] = (),
) -> Plan:
  """Returns a data set without its bad files; holds out a test split if there is none.

  Args:
    where: for messages.
    names: of the classes, in the order of their labels.
    files: with labels that are numbers, or are in `names`.
    bad: files to leave out.
    left_out: files that are left out already, with the reasons.
    notes: lines to print.

  Raises:
    InputError: there are no training images, a class that the other splits show has none, or a label has no
      name.
  """
  number: dict[Label, int] = {name: i for i, name in enumerate(names)}
  listed = {
    split: [(path, number.get(label, label)) for path, label in found if path not in bad]
    for split, found in files.items()
  }
  listed = {split: [(p, int(label)) for p, label in found] for split, found in listed.items() if found}
  most = max((label for found in listed.values() for _, label in found), default=0)
  if most >= len(names):
    raise InputError(f"{where} has the label {most}, and names only {len(names)} classes")
  trained = {label for _, label in listed.get("train", [])}
  for split, found in listed.items():
    if trained and (lost := {label for _, label in found} - trained):
      raise InputError(
        f"{where}: class {names[min(lost)]!r} has images for {split} and none for train; add some"
      )
  more = folders.cut_test(where, listed)
  return Plan(tuple(map(shown, names)), listed, left_out, (*notes, *more))
