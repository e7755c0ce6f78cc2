"""Collects the probes of the runs of runs.py: scores.json, and a page of tables for each data set.

python -m results.probes.table --runs=runs/probes
"""

import argparse
import json
import math
import pathlib
from typing import Any

from gengap.errors import InputError
from results import tables
from results.probes.runs import RUNS

HERE = pathlib.Path(__file__).parent
RENAMED = {"path_length": "squared_speed"}  # names of numbers in files of earlier versions
BY_ENCODER = ("interpolation", "inversion", "latents")  # numbers that only compare for the same encoder
LEFT_OUT = ("radius_", "step ")  # rows that the figures show


def read(workdir: pathlib.Path) -> dict[str, Any]:
  """Returns the results at the last probed step: probe -> protocol, numbers, detail, notes."""
  folders = sorted(workdir.glob("probes/*"), key=lambda path: int(path.name))
  if not folders:
    raise InputError(f"{workdir} has no probes/STEP")
  return {path.stem: json.loads(path.read_text()) for path in sorted(folders[-1].glob("*.json"))}


def cell(number: dict[str, float | None] | None) -> str:
  """Returns a number and its interval."""
  if number is None:
    return ""
  value, low, high = (math.nan if (x := number[key]) is None else x for key in ("value", "low", "high"))
  interval = "" if math.isnan(low) else f" [{low:.3g}, {high:.3g}]"
  return "none" if math.isnan(value) else f"{value:.3g}{interval}"


def renamed(row: str) -> str:
  """Returns the current name of a row."""
  of, slash, what = row.rpartition("/")
  return f"{of}{slash}{RENAMED.get(what, what)}"


def short(found: Any) -> Any:
  """Returns JSON of six significant digits, in which a number is [value, low, high], or [value]."""
  if isinstance(found, dict):
    if found.keys() == {"value", "low", "high"}:
      ends = [] if found["low"] is None else [found["low"], found["high"]]
      return [short(x) for x in (found["value"], *ends)]
    return {key: short(value) for key, value in found.items()}
  if isinstance(found, list):
    return [short(value) for value in found]
  return float(f"{found:.6g}") if isinstance(found, float) else found


def page(dataset: str, found: dict[str, dict[str, Any]]) -> str:
  """Returns the tables of the runs of one data set, with a column for each run: name -> probe -> result.

  Raises:
    InputError: their features or classes come from different networks.
  """
  lines = [
    f"# {dataset}: what every probe found",
    "",
    "Values with intervals of 95 %; README.md says of what. Probes of codes name the encoder first.",
  ]
  for probe in next(iter(found.values())):
    seen = {name: probes[probe] for name, probes in found.items() if probe in probes}
    networks = {json.dumps([x["protocol"][key] for key in ("features", "classifier")]) for x in seen.values()}
    if len(networks) != 1:
      raise InputError(f"{probe}: the runs of {dataset} were looked at by different networks")
    for x in seen.values():
      x["numbers"] = {renamed(row): number for row, number in x["numbers"].items()}
    rows = dict.fromkeys(row for x in seen.values() for row in x["numbers"] if not row.startswith(LEFT_OUT))
    encoders = [["encoder", *(x["protocol"]["encoder"] for x in seen.values())]]
    body = [[row, *(cell(x["numbers"].get(row)) for x in seen.values())] for row in rows]
    lines += ["", tables.markdown([probe, *seen], [*encoders * (probe in BY_ENCODER), *body])]
    notes = [f"* {name}: {note}" for name, x in seen.items() for note in x["notes"]]
    lines += ["", *notes] if notes else []
  return "\n".join(lines) + "\n"


if __name__ == "__main__":
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", required=True)
  folder = pathlib.Path(parser.parse_args().runs)
  scores: dict[str, dict[str, Any]] = {}
  for name, (config, *_) in RUNS.items():
    scores.setdefault(config.partition(":")[2], {})[name] = read(folder / name / "0")
  (HERE / "scores.json").write_text(json.dumps(short(scores), separators=(",", ":")) + "\n")
  for dataset, found in scores.items():
    (HERE / f"{dataset}.md").write_text(page(dataset, found))
