"""Collects what gengap.probe found of runs in scores.json, and prints it as a table for each probe.

python -m results.probes.table TABLE NAME=WORKDIR [NAME=WORKDIR ...]
"""

import json
import math
import pathlib
import sys
from typing import Any

from gengap.errors import InputError

HERE = pathlib.Path(__file__).parent
LEFT_OUT = ("radius_", "step ", "class ")  # rows that the pictures show


def read(workdir: str) -> dict[str, Any]:
  """Returns what was found at the last step that was probed: probe -> protocol, numbers, detail, notes."""
  folders = sorted(pathlib.Path(workdir).glob("probes/*"), key=lambda path: int(path.name))
  if not folders:
    raise InputError(f"{workdir} has no probes/STEP")
  return {path.stem: json.loads(path.read_text()) for path in sorted(folders[-1].glob("*.json"))}


def cell(number: dict[str, float | None] | None) -> str:
  """Returns a number and its interval."""
  if number is None:
    return ""
  value, low, high = (math.nan if number[key] is None else number[key] for key in ("value", "low", "high"))
  interval = "" if math.isnan(low) else f" [{low:.3g}, {high:.3g}]"
  return "none" if math.isnan(value) else f"{value:.3g}{interval}"


def main(table: str, *pairs: str) -> None:
  found = {name: read(workdir) for name, _, workdir in (pair.partition("=") for pair in pairs)}
  for probe in next(iter(found.values())):
    seen = {name: probes[probe] for name, probes in found.items() if probe in probes}
    features = {json.dumps([x["protocol"][key] for key in ("features", "classifier")]) for x in seen.values()}
    if len(features) != 1:
      raise InputError(
        f"{probe}: the runs were probed with different features; they do not go into one table"
      )
    rows = dict.fromkeys(row for x in seen.values() for row in x["numbers"] if not row.startswith(LEFT_OUT))
    print(f"\n| {probe} |", *(f" {name} |" for name in seen), sep="")
    print("| --- |" + " --- |" * len(seen))
    for row in rows:
      print(f"| {row} |", *(f" {cell(x['numbers'].get(row))} |" for x in seen.values()), sep="")
  path = HERE / "scores.json"
  scores = json.loads(path.read_text()) if path.exists() else {}
  path.write_text(json.dumps(scores | {table: found}, indent=1) + "\n")


if __name__ == "__main__":
  main(*sys.argv[1:])
