"""CelebA (mmlab.ie.cuhk.edu.hk/projects/CelebA.html; Liu et al., ICCV 2015), as published or as on Kaggle.

Its lists are list_eval_partition (0 train, 1 validation, 2 test) and list_attr_celeba (40 attributes, each -1
or 1), in .txt, or in .csv with a header. Images are in img_align_celeba.
"""

import pathlib
from collections import defaultdict

from gengap.data import labelled
from gengap.data.image_files import find_images
from gengap.data.images import read_images
from gengap.data.labelled import Files
from gengap.data.raw import Raw
from gengap.errors import InputError, suggest

PARTITION, ATTRIBUTES, IMAGES = "list_eval_partition", "list_attr_celeba", "img_align_celeba"
SPLITS = {"0": "train", "1": "validation", "2": "test"}
ONE_CLASS = "the images have no classes: one class, all; --label=ATTRIBUTE, such as Smiling, gives two"
UNLISTED = "images that list_eval_partition does not name"


def read(folder: pathlib.Path, skip_bad: bool = False, label: str = "") -> Raw:
  """Opens CelebA with its own splits.

  Args:
    folder: whose subfolders may hold the lists and the images.
    skip_bad: leave out files that are missing or cannot be read.
    label: an attribute, whose classes are "not NAME" and NAME; "": one class.

  Raises:
    InputError: a list is missing or damaged, the attribute is unknown, or files are bad.
  """
  partition = {row[0]: row[1:] for row in _rows(_find(folder, PARTITION))}
  classes, value = ("all",), dict.fromkeys(partition, 0)
  if label:
    classes, value = (f"not {label}", label), attribute(_find(folder, ATTRIBUTES), label)
  found, left_out = find_images(folder)
  if not found:
    raise InputError(f"{folder} holds the lists of CelebA and no images; unpack {IMAGES}.zip there")
  inside = [path for path in found if IMAGES in path.parts] or found
  place = {path.name: path for path in inside}
  files: Files = defaultdict(list)
  for name, row in partition.items():
    if not row or row[0] not in SPLITS or name not in value:
      raise InputError(f"the lists of CelebA in {folder} are damaged at {name}; get them again")
    files[SPLITS[row[0]]].append((place.get(name, pathlib.PurePath(IMAGES) / name), value[name]))
  left_out = {**left_out, UNLISTED: [path for path in found if place.get(path.name) != path]}
  left_out[UNLISTED] += [path for name, path in place.items() if name not in partition]
  notes = () if label else (ONE_CLASS,)
  return read_images(
    folder, lambda bad: labelled.plan(folder, classes, files, bad, left_out, notes), skip_bad
  )


def attribute(path: pathlib.Path, label: str) -> dict[str, int]:
  """Returns whether each image has an attribute: 0 or 1.

  Raises:
    InputError: the attribute is unknown, or the list is damaged.
  """
  header, *rows = _rows(path, header=True)
  if label not in header:
    raise InputError(
      f"--label={label}: CelebA has no such attribute; there are {', '.join(header)}{suggest(label, header)}"
    )
  at = header.index(label) + 1
  try:
    return {row[0]: {"1": 1, "-1": 0, "0": 0}[row[at]] for row in rows}
  except (IndexError, KeyError) as error:
    raise InputError(f"{path} is damaged ({error}); get it again") from error


def _find(folder: pathlib.Path, name: str) -> pathlib.Path:
  """Returns a list of CelebA, which may be in a subfolder."""
  found = [*sorted(folder.rglob(f"{name}.txt")), *sorted(folder.rglob(f"{name}.csv"))]
  if not found:
    raise InputError(f"{folder} lacks {name}.txt; put it beside the other files of CelebA")
  return found[0]


def _rows(path: pathlib.Path, header: bool = False) -> list[list[str]]:
  """Returns the words of each line; with `header`, of names of columns without that of the image first."""
  try:
    text = path.read_text()
  except (OSError, ValueError) as error:
    raise InputError(f"{path} cannot be read as text; get it again") from error
  rows = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
  if header and not all(word.isdecimal() for word in rows[0]):
    return [rows[0][1:], *rows[1:]]  # .csv: image_id, names
  if header:
    return rows[1:]  # .txt: the number of images, then the names
  return rows[1:] if rows and rows[0][0] == "image_id" else rows
