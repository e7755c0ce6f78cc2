"""The scores.json of a report: everything that the page shows of every run, so that it can be made again."""

import json
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
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

SHARED = ("protocols", "commands", "trainings")  # lists in a file, of which runs name indices
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


class Shared:
  """What several runs of a file have in common, each stored once and named by its index."""

  def __init__(self):
    self.indices: dict[str, int] = {}

  def index(self, value: Any) -> int:
    """Returns the index of a value, which is added if it is new."""
    return self.indices.setdefault(json.dumps(value, allow_nan=False), len(self.indices))

  def values(self) -> list[Any]:
    """Returns all values in the order of their indices."""
    return [json.loads(text) for text in self.indices]


def training(record: Record) -> Json:
  """Returns what is stored of a training, which runs share whose samples are drawn in different ways."""
  return {
    "workdir": str(record.workdir),
    "config": record.config,
    "run": record.run_json,
    "curves": curves(record),
  }


def run_entry(record: Record, samples: str, shared: Mapping[str, Shared]) -> Json:
  """Returns what is stored of a run.

  Args:
    record: the run.
    samples: the folder of its pictures, relative to the file.
    shared: the protocols, commands and trainings of the runs so far, to which its own are added.
  """
  scores = {
    str(step): {
      name: [
        significant(score.value, DIGITS["score"]),
        significant(score.floor, DIGITS["score"]),
        shared["protocols"].index(json.loads(score.protocol)),
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
    "training": shared["trainings"].index(training(record)),
    "last": record.last,
    "seconds": significant(record.seconds(record.last), DIGITS["log"]),
    "drawn": record.drawn.value if record.drawn else "",
    "samples": samples,
    **({"sampling": record.sampling} if record.sampling else {}),
    **({"tradeoffs": record.tradeoffs} if record.tradeoffs else {}),
    "commands": {
      step: [shared["commands"].index(line) for line in lines] for step, lines in record.commands.items()
    },
    "probed": record.probe_commands,
    "faults": record.faults,
    "scores": scores,
  }


def store(comparisons: Iterable[Comparison]) -> str:
  """Returns the runs of a page as JSON.

  Returns:
    An object with "protocols", "commands" and "trainings", which are lists, and "runs". A training has the
    folder, config, run.json and thinned curves (name -> steps, values). A run has the names of its data set
    and method on the page, kind (its family's name), seed, index of its training, last step, seconds of
    training, sampling (if it is not the default), step -> indices of commands, faults and scores: step ->
    axis -> [value, value of real images, index of the protocol, reason of a missing value, spread over
    draws].
  """
  shared = {name: Shared() for name in SHARED}
  runs = [
    {"data": comparison.title, "method": group.name, "kind": group.family.name}
    | run_entry(record, grids.folder(comparison.title, group.name, seed), shared)
    for comparison in comparisons
    for group in comparison.groups
    for seed, record in sorted(group.records.items())
  ]
  lists = {name: one.values() for name, one in shared.items()}
  found = {"gengap": gengap.__version__, **lists, "runs": runs}
  return json.dumps(found, separators=(",", ":"), allow_nan=False) + "\n"


def named(values: Sequence[Any], index: Any) -> Any:
  """Returns what an index of a run names.

  Raises:
    IndexError: there is no such value.
  """
  if not 0 <= int(index) < len(values):
    raise IndexError(f"{index} of {len(values)}")
  return values[int(index)]


def restore(found: Json, shared: Mapping[str, Sequence[Any]], path: pathlib.Path) -> Record:
  """Returns a run from its entry in a file, and from what the runs of this file share."""
  trained = named(shared["trainings"], found["training"])
  log: dict[int, Json] = {}
  for name, (steps, values) in trained["curves"].items():
    for step, value in zip(steps, values, strict=True):
      log.setdefault(int(step), {"step": int(step)})[name] = number(value)
  log.setdefault(int(found["last"]), {"step": int(found["last"])})
  scores = {
    int(step): {
      name: Score(
        number(value),
        named(shared["protocols"], protocol),
        number(floor),
        str(more[0]) if more else "",
        number(*more[1:2] or [None]),
      )
      for name, (value, floor, protocol, *more) in entries.items()
    }
    for step, entries in found["scores"].items()
  }
  return Record(
    pathlib.Path(trained["workdir"]),
    check_config(trained["config"], path),
    check_run_json(trained["run"]),
    [log[step] for step in sorted(log)],
    scores,
    {
      int(step): [str(named(shared["commands"], i)) for i in lines]
      for step, lines in found["commands"].items()
    },
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
  if missing := [key for key in ("runs", *SHARED) if not isinstance(found.get(key), list)]:
    hint = "" if "runs" in missing else ", as another version of gengap wrote it: make the report again"
    raise InputError(f"{path} is no scores.json of a report: it has no {', '.join(missing)}{hint}")
  with refuse_malformed(path):
    shared = {key: found[key] for key in SHARED}
    shared["protocols"] = [canonical(one) for one in found["protocols"]]
    return [restore(one, shared, path) for one in found["runs"]]
