"""WebDataset shards: .tar archives of samples, files that share a name up to its first dot.

A sample is an image with, in the file .cls, its class, or in the file .json, its class under one of KEYS
(github.com/webdataset/webdataset). Here the shards are unpacked, each into a folder of its own.
"""

import json
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterable

from gengap.data import labelled, splits
from gengap.data.image_files import NO_IMAGE, LeftOut, Path
from gengap.data.images import read_images
from gengap.data.labelled import ONE_CLASS, Files, Label
from gengap.data.raw import Raw
from gengap.errors import InputError

KEYS = ("label", "cls", "class", "target")
OTHER = "further images of a sample"
UNLABELLED = "samples without a label"
MOST_BYTES = 2**20  # of a file with a label


def key(path: Path) -> str:
  """Returns the name of a file's sample: its path up to the first dot of its name."""
  return str(path.with_name(path.name.partition(".")[0]))


def recognised(found: list[Path], left_out: LeftOut, shards: int) -> bool:
  """Whether files are samples: images beside .cls files, or in several shards beside .json or .txt files.

  Args:
    found: the images.
    left_out: other files, with the reasons.
    shards: number of archives that the files are from.
  """
  keys = {key(path) for path in found}
  beside = {path.suffix for path in left_out.get(NO_IMAGE, []) if key(path) in keys}
  return ".cls" in beside or bool(shards and beside & {".json", ".txt"} and (shards > 1 or ".json" in beside))


def read(name: str, folder: pathlib.Path, found: list[Path], left_out: LeftOut, skip_bad: bool) -> Raw:
  """Opens unpacked shards.

  The split of a sample is a word of its shard's name, such as imagenet-val-0001, else train.

  Raises:
    InputError: labels are damaged or of two kinds, there are no training images, or files are bad.
  """
  label = _labels(folder, left_out.get(NO_IMAGE, []))
  samples: defaultdict[str, list[Path]] = defaultdict(list)
  for path in found:
    samples[key(path)].append(path)
  left_out = {**left_out, OTHER: [], UNLABELLED: []}
  left_out[NO_IMAGE] = [path for path in left_out[NO_IMAGE] if key(path) not in samples]
  files: Files = defaultdict(list)
  for sample, images in samples.items():
    first, *others = sorted(images, key=lambda path: (path.name.count("."), path))
    left_out[OTHER] += others
    if label and sample not in label:
      left_out[UNLABELLED].append(first)
    else:
      files[split(first)].append((first, label.get(sample, 0)))
  where = str(folder)
  names = labelled.classes(name, list(label.values()), where) if label else ("all",)
  notes = () if label else (ONE_CLASS,)
  return read_images(folder, lambda bad: labelled.plan(folder, names, files, bad, left_out, notes), skip_bad)


def split(path: Path) -> str:
  """Returns the split that the folders of a file name, from the outermost on; train if they name none."""
  words = (word for part in path.parts[:-1] for word in re.split("[^A-Za-z]+", part))
  return next((meant for word in words if word and (meant := splits.meaning(word))), "train")


def _labels(folder: pathlib.Path, files: Iterable[Path]) -> dict[str, Label]:
  """Returns the label of each sample that has one."""
  found: dict[str, Label] = {}
  for path in files:
    if path.suffix not in (".cls", ".json"):
      continue
    with (folder / path).open("rb") as file:
      content = file.read(MOST_BYTES)
    try:
      text = content.decode()
      if path.suffix == ".cls":
        found[key(path)] = int(text) if re.fullmatch(r"\s*-?\d{1,18}\s*", text) else text.strip()
      elif (value := _of_json(json.loads(text))) is not None:
        found.setdefault(key(path), value)
    except (ValueError, RecursionError) as error:
      raise InputError(f"{folder / path} holds no label ({str(error)[:80]}); make the shard anew") from error
  return found


def _of_json(value: object) -> Label | None:
  """Returns the label in a parsed .json file; None if it has none."""
  if isinstance(value, dict):
    value = next((value[name] for name in KEYS if name in value), None)
  return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None
