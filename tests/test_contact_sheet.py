"""Contact sheets, and data sets that are shown again after they were prepared."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from gengap import prepare
from gengap.data import contact_sheet, pixels, prepared
from gengap.data.raw import Raw, Split
from gengap.errors import InputError


def of_values(classes, count, size=4):
  label = [c for c in range(classes) for _ in range(count)]
  encoded = lambda i: pixels.png(np.full((size, size), i % 255 + 1, np.uint8))  # noqa: E731
  return Raw((size, size, 1), tuple(f"c{c}" for c in range(classes)), {"train": Split(label, encoded)})


@pytest.mark.parametrize(("classes", "size"), [(1, 4), (3, 28), (40, 100), (1200, 4)])
def test_a_sheet_shows_images_of_every_class(classes, size):
  sheet = np.asarray(contact_sheet.draw("x", of_values(classes, 5, size)).convert("L"))
  assert sheet.shape[1] <= contact_sheet.WIDTH
  side = contact_sheet.CELL // size * size or contact_sheet.CELL
  values, counts = np.unique(sheet, return_counts=True)
  if classes < 50:  # more than 255 images share values
    area = dict(zip(values.tolist(), counts.tolist(), strict=True))
    for first in range(1, 5 * classes + 1, 5):
      assert area.get(first, 0) >= side * side, f"the first image of class {first // 5} is missing"


def test_what_was_prepared_is_shown_again(tmp_path, capsys):
  for name, value in (("ant", 10), ("bee", 200)):
    (tmp_path / "raw" / name).mkdir(parents=True)
    for i in range(10):
      Image.new("L", (6, 4), value + i).save(tmp_path / "raw" / name / f"{i}.png")
  (tmp_path / "raw" / "notes.txt").write_text("x")
  folder = prepare.prepare("bugs", tmp_path / "raw", tmp_path / "tfds")
  first = capsys.readouterr().err
  assert f"contact sheet: {folder.parent / 'contact_sheet.png'}" in first
  assert "  files  left out\n      1  files that are no images: notes.txt" in first
  assert prepare.show("bugs", tmp_path / "tfds") == folder.parent / "contact_sheet.png"
  again = capsys.readouterr().err
  table = [line for line in first.splitlines() if line.endswith(("class", "ant", "bee", "classes: 2"))]
  assert len(table) == 4 and [line for line in again.splitlines() if line in table] == table
  raw, _ = prepared.read("bugs", tmp_path / "tfds")
  split = raw.splits["train"]
  values: list[Any] = [
    pixels.decode(split.encoded(i)).image.getpixel((0, 0)) for i in range(len(split.label))
  ]
  assert all((value >= 200) == bool(label) for value, label in zip(values, split.label, strict=True))
  with pytest.raises(InputError, match="'bugz' is neither known nor in"):
    prepared.read("bugz", tmp_path / "tfds")
