"""Opens data sets that are there already, as `raw.Raw`: those of TFDS, and those that need no files."""

import pathlib

import numpy as np

from gengap import data
from gengap.data import pixels, tfds
from gengap.data.progress import progress
from gengap.data.raw import Raw, Split
from gengap.errors import InputError


def read(name: str, data_dir: pathlib.Path) -> tuple[Raw, pathlib.Path | None]:
  """Opens a data set; its labels are read, its images are not.

  Returns:
    The data set, and its folder; None for one that needs no files.

  Raises:
    InputError: it is missing or damaged.
  """
  if name in data.FILELESS:
    return _without_files(name), None
  folder = tfds.find(name, data_dir) or data.missing(name, data_dir)
  layout = tfds.layout(folder)
  parts = {split: _split(layout, split, count) for split, count in layout.splits.items() if count}
  height, width = layout.size or (None, None)
  return Raw((height, width, layout.channels), layout.classes, parts), folder


def _without_files(name: str) -> Raw:
  """Returns a data set that is made on the spot, in its stored size or else in that of a run's default."""
  source = data.find(name)
  size = source.size[0] if source.size else 32
  made = {split: data.load(name, split, image_size=size, validation_share=0) for split in source.splits}
  parts = {
    split: Split(one.label.tolist(), lambda i, one=one: pixels.png(one.image[i].squeeze(-1)))
    for split, one in made.items()
  }
  return Raw((size, size, 1), source.classes, parts)


def _split(layout: tfds.Layout, split: str, count: int) -> Split:
  """Returns a split of a TFDS data set.

  Raises:
    InputError: a record file is missing or damaged.
  """
  label = np.zeros(count, np.int64)
  try:
    source = tfds.records(layout, split)
    with progress(f"reading labels of {layout.name} {split}", count) as bar:
      for start in range(0, count, tfds.BLOCK) if layout.label else ():
        examples = source.__getitems__(range(start, min(start + tfds.BLOCK, count)))
        label[start : start + len(examples)] = [example[layout.label] for example in examples]
        bar.update(len(examples))
  except (RuntimeError, ValueError, IndexError, OSError) as error:
    raise InputError(tfds.blame(layout, split, error)) from error
  if label.min() < 0 or label.max() >= len(layout.classes):
    raise InputError(f"{layout.folder} has images without a label in its {split} split")
  return Split(label.tolist(), lambda i: source[i][layout.image])
