"""The claims that a page can show beside its measurements."""

import json
import os
import pathlib

from gengap.errors import InputError, one_line
from gengap.report.record import Json

FIELDS = ("id", "claim", "measured", "n", "budget", "verdict", "where")
VERDICTS = ("supported", "contradicted", "undecided", "depends", "provisional", "not tested")


def read_claims(path: pathlib.Path) -> list[Json]:
  """Returns the claims in a JSON file.

  Raises:
    InputError: the file cannot be read, or a claim lacks a field or has an unknown verdict.
  """
  try:
    found = json.loads(path.read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(f"--claims={path} cannot be read ({one_line(error)})") from error
  if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
    raise InputError(f"--claims={path} is no list of objects")
  for i, row in enumerate(found):
    if missing := [field for field in FIELDS if field not in row]:
      raise InputError(f"--claims={path}: claim {row.get('id', i)!r} lacks {missing[0]!r}")
    if wrong := [field for field in FIELDS if not isinstance(row[field], str)]:
      raise InputError(f"--claims={path}: {wrong[0]!r} of claim {row['id']!r} is no text")
    if not row["verdict"].startswith(VERDICTS):
      raise InputError(
        f"--claims={path}: the verdict of {row['id']!r} is {row['verdict']!r}; it must begin with one of "
        + ", ".join(VERDICTS)
      )
  return found


def cards(path: pathlib.Path, out: pathlib.Path) -> list[Json]:
  """Returns the claims in a JSON file, each with its `outcome`, `why`, and a `link` to its evidence.

  The outcome is the first words of the verdict, and `why` is what follows. The link leads from `out` to what
  `where` names, relative to the file's folder or to the folder above it; it is "" if there is nothing.

  Raises:
    InputError: see `read_claims`.
  """
  rows = read_claims(path)
  return [row | outcome(row["verdict"]) | {"link": link(row["where"], path, out)} for row in rows]


def outcome(verdict: str) -> dict[str, str]:
  """Splits a verdict into its outcome and why."""
  first = next(each for each in VERDICTS if verdict.startswith(each))
  return {"outcome": first, "why": verdict.removeprefix(first).lstrip(":; ")}


def link(where: str, path: pathlib.Path, out: pathlib.Path) -> str:
  """Returns the path from a page's folder to the evidence of a claim; "" if there is none."""
  for folder in (path.absolute().parent, path.absolute().parent.parent):
    if where and (folder / where).exists():
      target = folder / where / "README.md"
      return pathlib.PurePath(os.path.relpath(target if target.is_file() else folder / where, out)).as_posix()
  return ""
