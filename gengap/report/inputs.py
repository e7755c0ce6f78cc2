"""What a report is made of: folders of runs, records of images, and scores.json of earlier reports."""

import pathlib
from collections.abc import Iterable, Mapping

from gengap.errors import InputError
from gengap.report import image_records, run_files, scores_file
from gengap.report.json_files import read_object
from gengap.report.record import Record
from gengap.storage import paths


def find_runs(names: Iterable[paths.Path]) -> list[pathlib.Path]:
  """Returns the folders of runs at or below paths, and the files among the paths as they are.

  Raises:
    InputError: a path is no folder or file, or holds no run.
  """
  found: Mapping[pathlib.Path, None] = {}
  for name in names:
    folder = paths.place(name, "--workdirs")
    if folder.is_file():
      found |= {folder.resolve(): None}
      continue
    if not folder.is_dir():
      raise InputError(
        f"--workdirs: {folder} is no folder of runs, no record of images and no scores.json of a report"
      )
    inside = sorted(
      path.parent for path in folder.rglob("config.json") if (path.parent / "metrics.jsonl").exists()
    )
    if not inside:
      raise InputError(
        f"--workdirs: {folder} holds no run: there is no config.json with a metrics.jsonl in it"
      )
    found |= dict.fromkeys(path.resolve() for path in inside)
  return list(found)


def read_file(path: pathlib.Path) -> list[Record]:
  """Reads a record of images, or the scores.json of a report.

  Raises:
    InputError: it is neither, or damaged.
  """
  return [image_records.read(path)] if image_records.is_record(read_object(path)) else scores_file.load(path)


def read_all(paths_: Iterable[pathlib.Path]) -> tuple[list[Record], list[str]]:
  """Reads folders of runs, records of images and scores.json of reports.

  Returns:
    The runs, and the reasons why runs or files are left out.

  Raises:
    InputError: no run can be read; the error is that of the first.
  """
  found: list[Record] = []
  faults: list[InputError] = []
  for path in paths_:
    try:
      found += read_file(path) if path.is_file() else run_files.read_all(path)
    except InputError as error:
      faults.append(error)
  if not found:
    raise faults[0]
  faults_of_records = (fault for record in found for fault in record.faults)
  return image_records.numbered(found), [*map(str, faults), *faults_of_records]
