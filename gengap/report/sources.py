"""Where runs come from: folders of runs, and the scores.json of earlier reports."""

import pathlib
from collections.abc import Iterable, Mapping

from gengap import paths
from gengap.errors import InputError
from gengap.report import records, stored
from gengap.report.records import Record


def folders(names: Iterable[str]) -> list[pathlib.Path]:
  """Returns the folders of runs that paths stand for: themselves, or all below them; files as they are.

  Raises:
    InputError: one is no folder or file, or has no run in it.
  """
  found: Mapping[pathlib.Path, None] = {}
  for name in names:
    folder = paths.local(name, "--workdirs")
    if folder.is_file():
      found |= {folder.resolve(): None}
      continue
    if not folder.is_dir():
      raise InputError(f"--workdirs: {folder} is no folder of runs and no scores.json of a report")
    inside = sorted(
      path.parent for path in folder.rglob("config.json") if (path.parent / "metrics.jsonl").exists()
    )
    if not inside:
      raise InputError(
        f"--workdirs: {folder} holds no run: there is no config.json with a metrics.jsonl in it"
      )
    found |= dict.fromkeys(path.resolve() for path in inside)
  return list(found)


def gather(named: Iterable[pathlib.Path]) -> tuple[list[Record], list[str]]:
  """Reads folders of runs and scores.json of reports.

  Returns:
    The runs, and why others, or files of theirs, are left out.

  Raises:
    InputError: no run is left; it is the first reason.
  """
  found: list[Record] = []
  faults: list[InputError] = []
  for path in named:
    try:
      found += stored.load(path) if path.is_file() else [records.read(path)]
    except InputError as error:
      faults.append(error)
  if not found:
    raise faults[0]
  return found, [*map(str, faults), *(fault for record in found for fault in record.faults)]
