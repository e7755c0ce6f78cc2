"""The scores.json of a report: all that a page needs of every run, so that it can be made again."""

import json
import math
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import gengap
from gengap.errors import InputError
from gengap.report import grids
from gengap.report.axes import AXES, MEMORY
from gengap.report.groups import Comparison
from gengap.report.records import Json, Record, Score, checked, configured, number, parse, shape_of, text

POINTS = 50  # of a curve that are kept
DIGITS = {"score": 8, "log": 5}  # significant ones
NAMED = {axis.name for axis in AXES}
SPREAD = {axis.name for axis in AXES if axis.theme == MEMORY}  # for whose floors it counts


def brief(value: float, digits: int) -> float | None:
  """Returns a number to some significant digits; None for what is not finite, which JSON has not."""
  return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def thin(points: Sequence[Any]) -> list[Any]:
  """Returns some of many points, evenly, with the first and the last."""
  if len(points) <= POINTS:
    return list(points)
  return [points[i] for i in np.linspace(0, len(points) - 1, POINTS).round().astype(int)]


def curves(record: Record) -> Json:
  """Returns the losses and what the best checkpoint is chosen by, thinned: name -> steps and values."""
  kept = {name for line in record.log for name in line if name.endswith(("/loss", "/oscillation"))}
  kept |= {
    record.config["best"],
    *(name for line in record.log for name in line if name.startswith("valid/")),
  }
  found = {}
  for name in sorted(kept):
    points = [(line["step"], brief(line[name], DIGITS["log"])) for line in record.log if name in line]
    points = points[-1:] if name.endswith("/oscillation") else thin(points)
    if points:
      found[name] = [list(part) for part in zip(*points, strict=True)]
  return found


def run(record: Record, samples: str, protocols: dict[str, int]) -> Json:
  """Returns what is kept of a run; adds protocols to those that scores refer to.

  Args:
    record: the run.
    samples: the folder of its grids, beside the file.
    protocols: of the scores so far -> index.
  """
  scores = {
    str(step): {
      name: [
        brief(score.value, DIGITS["score"]),
        brief(score.floor, DIGITS["score"]),
        protocols.setdefault(score.protocol, len(protocols)),
        *([score.reason, brief(score.spread, DIGITS["score"])] if name in SPREAD or score.reason else []),
      ]
      for name, score in found.items()
      if name in NAMED
    }
    for step, found in sorted(record.scores.items())
  }
  return {
    "seed": record.config["seed"],
    "workdir": str(record.workdir),
    "last": record.last,
    "config": record.config,
    "run": record.made,
    "seconds": brief(record.seconds(record.last), DIGITS["log"]),
    "drawn": record.drawn,
    "samples": samples,
    "commands": record.commands,
    "probed": record.probed,
    "faults": record.faults,
    "curves": curves(record),
    "scores": scores,
  }


def store(comparisons: Iterable[Comparison]) -> str:
  """Returns the runs of a page as JSON.

  Returns:
    An object: "protocols", a list; and "runs", each with the names of data set and method on the page, its
    kind, seed, folder, config, run.json, seconds of training, commands, thinned curves (name -> steps,
    values) and scores: step -> axis -> [value, real images' value, index of the protocol,
    reason of a missing value, spread over draws].
  """
  protocols: dict[str, int] = {}
  runs = [
    {"data": comparison.title, "method": group.name, "kind": group.kind}
    | run(record, grids.folder(comparison, group), protocols)
    for comparison in comparisons
    for group in comparison.groups
    for _, record in sorted(group.records.items())
  ]
  head = {"gengap": gengap.__version__, "protocols": [json.loads(protocol) for protocol in protocols]}
  return json.dumps(head | {"runs": runs}, separators=(",", ":"), allow_nan=False) + "\n"


def restore(found: Json, protocols: Sequence[str], path: pathlib.Path) -> Record:
  """Returns a run from what was kept of it in a file."""
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
      for name, (value, floor, protocol, *more) in seen.items()
    }
    for step, seen in found["scores"].items()
  }
  return Record(
    pathlib.Path(found["workdir"]),
    configured(found["config"], path),
    checked(found["run"]),
    [log[step] for step in sorted(log)],
    scores,
    {int(step): lines for step, lines in found["commands"].items()},
    found["probed"],
    found["drawn"],
    tuple(found["faults"]),
    path.parent / str(found["samples"]),
    number(found["seconds"]),
  )


def load(path: pathlib.Path) -> list[Record]:
  """Reads the scores.json of a report.

  Raises:
    InputError: it is damaged, none, or one from before runs were kept in it.
  """
  found = parse(path)
  if not isinstance(found.get("runs"), list) or not isinstance(found.get("protocols"), list):
    raise InputError(f"{path} is no scores.json of a report: it has no runs and protocols")
  with shape_of(path):
    protocols = [text(protocol) for protocol in found["protocols"]]
    return [restore(one, protocols, path) for one in found["runs"]]
