"""The scores.json of a report: everything that the page shows of every run, so that it can be made again."""

import json
import math
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import gengap
from gengap.errors import InputError
from gengap.evaluation.curve import CURVE
from gengap.evaluation.quantities import Drawn
from gengap.evaluation.sampling import Sampling
from gengap.report import grids
from gengap.report.axes import AXES, MEMORY
from gengap.report.groups import Comparison
from gengap.report.json_files import (
  canonical,
  check_config,
  check_run_json,
  number,
  read_object,
  refuse_malformed,
)
from gengap.report.record import Json, Record, Score
from gengap.report.run_files import curve_of
from gengap.training.validation import HELD_OUT

MOST_POINTS = 32  # of a stored curve
DIGITS = {"score": 8, "log": 5}  # significant digits
STORED = {axis.name for axis in AXES}
WITH_SPREAD = {axis.name for axis in AXES if axis.theme == MEMORY}  # whose spread the summary uses


def significant(value: float, digits: int) -> float | None:
  """Returns a number with some significant digits; None, for JSON, where it is not finite."""
  return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def thinned(points: Sequence[Any]) -> list[Any]:
  """Returns evenly spaced points of a curve, at most MOST_POINTS, with the first and the last."""
  if len(points) <= MOST_POINTS:
    return list(points)
  return [points[i] for i in np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]


def curves(record: Record) -> Json:
  """Returns the losses, and the held-out numbers that choose checkpoints: name -> steps and values."""
  logged = {name for line in record.log for name in line}
  losses = {f"{player}/loss" for player in record.players}
  last_only = {f"{player}/oscillation" for player in record.players}
  held_out = {name for name in logged if name.startswith(HELD_OUT)}
  found = {}
  for name in sorted(losses | last_only | held_out | {record.config["best"]}):
    points = [(line["step"], significant(line[name], DIGITS["log"])) for line in record.log if name in line]
    points = points[-1:] if name in last_only else thinned(points)
    if points:
      found[name] = [list(part) for part in zip(*points, strict=True)]
  return found


def run_entry(record: Record, samples: str, protocols: dict[str, int], commands: dict[str, int]) -> Json:
  """Returns what is stored of a run.

  Args:
    record: the run.
    samples: the folder of its pictures, relative to the file.
    protocols: protocol -> index, of the runs so far; new protocols are added.
    commands: the same of commands that evaluated.
  """
  scores = {
    str(step): {
      name: [
        significant(score.value, DIGITS["score"]),
        significant(score.floor, DIGITS["score"]),
        protocols.setdefault(score.protocol, len(protocols)),
        *(
          [score.reason, significant(score.spread, DIGITS["score"])]
          if name in WITH_SPREAD or score.reason
          else []
        ),
      ]
      for name, score in found.items()
      if name in STORED
    }
    for step, found in sorted(record.scores.items())
  }
  return {
    "seed": record.config["seed"],
    "workdir": str(record.workdir),
    "last": record.last,
    "config": record.config,
    "run": record.run_json,
    "seconds": significant(record.seconds(record.last), DIGITS["log"]),
    "drawn": record.drawn.value if record.drawn else "",
    "samples": samples,
    **({"sampling": record.sampling} if record.sampling else {}),
    **({"tradeoffs": record.tradeoffs} if record.tradeoffs else {}),
    "commands": {
      step: [commands.setdefault(line, len(commands)) for line in lines]
      for step, lines in record.commands.items()
    },
    "probed": record.probe_commands,
    "faults": record.faults,
    "curves": curves(record),
    "scores": scores,
  }


def store(comparisons: Iterable[Comparison]) -> str:
  """Returns the runs of a page as JSON.

  Returns:
    An object with "protocols" and "commands", which are lists, and "runs". A run has the names of its data
    set and method on the page, kind (its family's name), seed, folder, sampling (if it is not the default),
    config, run.json, seconds of training, step -> indices of commands, thinned curves (name -> steps, values)
    and scores: step -> axis -> [value, value of real images, index of the protocol, reason of a missing
    value, spread over draws].
  """
  protocols: dict[str, int] = {}
  commands: dict[str, int] = {}
  runs = [
    {"data": comparison.title, "method": group.name, "kind": group.family.name}
    | run_entry(record, grids.folder(comparison.title, group.name, seed), protocols, commands)
    for comparison in comparisons
    for group in comparison.groups
    for seed, record in sorted(group.records.items())
  ]
  named = {"protocols": [json.loads(protocol) for protocol in protocols], "commands": list(commands)}
  found = {"gengap": gengap.__version__, **named, "runs": runs}
  return json.dumps(found, separators=(",", ":"), allow_nan=False) + "\n"


def restore(found: Json, protocols: Sequence[str], commands: Sequence[str], path: pathlib.Path) -> Record:
  """Returns a run from its entry in a file."""
  log: dict[int, Json] = {}
  for name, (steps, values) in found["curves"].items():
    for step, value in zip(steps, values, strict=True):
      log.setdefault(int(step), {"step": int(step)})[name] = number(value)
  log.setdefault(int(found["last"]), {"step": int(found["last"])})
  scores = {
    int(step): {
      name: Score(
        number(value),
        protocols[int(protocol)],
        number(floor),
        str(more[0]) if more else "",
        number(*more[1:2] or [None]),
      )
      for name, (value, floor, protocol, *more) in entries.items()
    }
    for step, entries in found["scores"].items()
  }
  return Record(
    pathlib.Path(found["workdir"]),
    check_config(found["config"], path),
    check_run_json(found["run"]),
    [log[step] for step in sorted(log)],
    scores,
    {int(step): [commands[int(i)] for i in lines] for step, lines in found["commands"].items()},
    found["probed"],
    Drawn(found["drawn"]) if found["drawn"] else None,
    tuple(found["faults"]),
    None if "sampling" in found else path.parent / str(found["samples"]),
    str(Sampling.of(found["sampling"])) if "sampling" in found else "",
    {int(step): curve_of({CURVE: block}) for step, block in found.get("tradeoffs", {}).items()},
    number(found["seconds"]),
  )


def load(path: pathlib.Path) -> list[Record]:
  """Reads the scores.json of a report.

  Raises:
    InputError: the file is damaged, or no scores.json that holds runs.
  """
  found = read_object(path)
  if not all(isinstance(found.get(key), list) for key in ("runs", "protocols", "commands")):
    raise InputError(f"{path} is no scores.json of a report: it has no runs, protocols and commands")
  with refuse_malformed(path):
    protocols, commands = [canonical(one) for one in found["protocols"]], [str(x) for x in found["commands"]]
    return [restore(one, protocols, commands, path) for one in found["runs"]]
