"""Tables of images in .parquet files, as Hugging Face's datasets writes them.

A table has a column of images, {bytes, path} or bytes, and may have columns of labels: numbers, whose names
the file's metadata give, or text. The images are written to files, one each, and read as such.
"""

import json
import pathlib
from collections import defaultdict
from typing import Any

from gengap.data import labelled
from gengap.data.arrays import IMAGES, LABELS
from gengap.data.image_files import LeftOut, Path
from gengap.data.images import read_images
from gengap.data.labelled import ONE_CLASS, Files, Label
from gengap.data.progress import progress
from gengap.data.raw import Raw
from gengap.data.webdataset import split
from gengap.errors import InputError, suggest

ROWS = 256  # read at a time
NOT_HERE = "rows whose image is not in the file"
UNLABELLED = "rows without a label"


def read(
  name: str, tables: list[pathlib.Path], root: pathlib.Path, work: pathlib.Path, skip_bad: bool, label: str
) -> Raw:
  """Opens tables; the name of a file tells its split, as in train-00000-of-00002.parquet, else it is train.

  Args:
    name: of the data set.
    tables: .parquet files with equal columns.
    root: folder that the names of the files are relative to.
    work: empty folder, to which the images are written.
    skip_bad: leave out images that cannot be read.
    label: name of the column of labels; "": the one that is called label or class, or the only one.

  Raises:
    InputError: pyarrow is not installed, a file is damaged, or holds no images or several columns of labels.
  """
  try:
    import pyarrow.parquet
  except ImportError as error:
    raise InputError(f"{tables[0]} is read by pyarrow; install it with: pip install pyarrow") from error
  files: Files = defaultdict(list)
  left_out: LeftOut = {NOT_HERE: [], UNLABELLED: []}
  known: set[tuple[str, ...]] = set()
  column = ""  # of labels
  for path in tables:
    try:
      with pyarrow.parquet.ParquetFile(path) as table:
        image, column, names = _columns(path, table.schema_arrow, label)
        known.add(names)
        inside = path.relative_to(root)
        where = split(inside.with_suffix("") / "_")
        with progress(f"reading {path}", table.metadata.num_rows) as bar:
          files[where] += _write(_rows(table, image, column), work, inside, left_out, bar)
    except (pyarrow.ArrowException, OSError) as error:
      reason = " ".join(str(error).split())[:120]
      raise InputError(f"{path} is damaged, or no .parquet file ({reason}); get it again") from error
  if len(known) > 1:
    raise InputError(f"{root} has tables with different classes; give one data set")
  found = [value for rows in files.values() for _, value in rows]
  (names,) = known
  if found and not names and not column:
    names = ("all",)
  names = names or labelled.classes(name, found, str(root))
  notes = () if column else (ONE_CLASS,)
  return read_images(work, lambda bad: labelled.plan(root, names, files, bad, left_out, notes), skip_bad)


def _rows(table: Any, image: str, column: str) -> Any:
  """Yields (content or None, label) of each row; the label is 0 where there is no column of labels."""
  for batch in table.iter_batches(ROWS, columns=[image, *filter(None, [column])]):
    labels = batch.column(column).to_pylist() if column else [0] * batch.num_rows
    for stored, value in zip(batch.column(image).to_pylist(), labels, strict=True):
      yield (stored or {}).get("bytes") if isinstance(stored, dict) else stored, value


def _write(
  rows: Any, work: pathlib.Path, inside: Path, left_out: LeftOut, bar: Any
) -> list[tuple[Path, Label]]:
  """Writes the images of a table to files, and returns these with their labels."""
  found: list[tuple[Path, Label]] = []
  (work / inside).mkdir(parents=True)
  for i, (content, value) in enumerate(rows):
    row = inside / f"row {i}"
    bar.update()
    if not content:
      left_out[NOT_HERE].append(row)
    elif value is None or value == -1:  # Hugging Face's mark of a hidden label
      left_out[UNLABELLED].append(row)
    else:
      (work / row).write_bytes(content)
      found.append((row, value))
  return found


def _columns(path: pathlib.Path, schema: Any, label: str) -> tuple[str, str, tuple[str, ...]]:
  """Returns the columns of images and of labels, and the names of the classes if the file has them.

  Raises:
    InputError: there is no column of images, or several could be the one of labels.
  """
  from pyarrow import types

  kind = {field.name: field.type for field in schema}
  stored = [
    name
    for name, of in kind.items()
    if (types.is_struct(of) and "bytes" in {field.name for field in of})
    or ((types.is_binary(of) or types.is_large_binary(of)) and name.lower() in IMAGES)
  ]
  if not stored:
    raise InputError(f"{path} has no column of images (image: bytes), only {', '.join(kind)}")
  image = next((name for name in stored if name.lower() in IMAGES), stored[0])
  features = _features(schema)
  coded = [name for name in kind if features.get(name, {}).get("_type") == "ClassLabel"]
  suitable = types.is_integer, types.is_string, types.is_dictionary
  usable = [name for name, of in kind.items() if any(test(of) for test in suitable)]
  if label and label not in usable:
    raise InputError(
      f"--label={label}: {path} has no such column of labels; there are {', '.join(usable) or 'none'}"
      f"{suggest(label, usable)}"
    )
  named = [name for name in usable if name.lower() in LABELS]
  chosen = [label] if label else named or coded
  if len(chosen) > 1:
    raise InputError(f"{path} has several columns of labels; choose by --label: {', '.join(chosen)}")
  column = next(iter(chosen), "")
  return image, column, tuple(map(str, features.get(column, {}).get("names") or ()))


def _features(schema: Any) -> dict[str, Any]:
  """Returns what Hugging Face's datasets stored about each column; {} if it stored nothing that is whole."""
  try:
    found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    return {name: about for name, about in found.items() if isinstance(about, dict)}
  except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
    return {}
