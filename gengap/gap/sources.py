"""Where runs come from: folders of runs, and the scores.json of earlier reports."""

import os
import pathlib
from collections.abc import Iterable, Mapping

from gengap.errors import InputError
from gengap.gap import records, stored
from gengap.gap.records import Record


def split(value: str) -> list[str]:
  """Returns the paths in a list; neighbours that are a path with the comma between them are one."""
  pieces, found = value.split(","), []
  while pieces:
    ends = range(len(pieces), 0, -1) if not os.path.exists(os.path.expanduser(pieces[0])) else (1,)
    joined = ((end, ",".join(pieces[:end])) for end in ends)
    end = next((end for end, path in joined if os.path.exists(os.path.expanduser(path))), 1)
    found.append(",".join(pieces[:end]).strip() if end == 1 else ",".join(pieces[:end]))
    pieces = pieces[end:]
  return list(filter(None, found))  # of a list that ends in a comma


def folders(names: Iterable[str]) -> list[pathlib.Path]:
  """Returns the folders of runs that paths stand for: themselves, or all below them; files as they are.

  Raises:
    InputError: one is no folder or file, or has no run in it.
  """
  found: Mapping[pathlib.Path, None] = {}
  for name in names:
    folder = pathlib.Path(os.path.expanduser(name))
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


def gather(paths: Iterable[pathlib.Path]) -> tuple[list[Record], list[str]]:
  """Reads folders of runs and scores.json of reports.

  Returns:
    The runs, and why others, or files of theirs, are left out.

  Raises:
    InputError: no run is left; it is the first reason.
  """
  found: list[Record] = []
  faults: list[InputError] = []
  for path in paths:
    try:
      found += stored.load(path) if path.is_file() else [records.read(path)]
    except InputError as error:
      faults.append(error)
  if not found:
    raise faults[0]
  return found, [*map(str, faults), *(fault for record in found for fault in record.faults)]
