"""Runs the experiments of the source reports at their own size, the most valuable first, in a given time.

  python -m results.full [--only ROW ...] [--minutes=M] [--out=runs/full] [--scale=S]
  python -m results.full --draw [--out=runs/full]     # scores.json, the pictures and README.md of this folder

It first prints what it will do, from times of training steps that are measured here or were recorded on the
same kind of devices. Finished seeds are skipped, and killed ones resume. No training starts that would exceed
M minutes. A row is a claim, such as C3, or a name in rows.py. --scale=0.1 makes everything a tenth as long.
"""

import argparse
import math
import pathlib
import time
from collections.abc import Mapping

import gengap
from gengap.command_line import cli
from gengap.errors import InputError, one_line
from gengap.logs.log import say
from gengap.method import Config
from gengap.training.cost import device
from launch.parser import Parser, path
from results import judging, tables
from results.full import page, plan, rows, runs
from results.full.plan import Cost, Speed
from results.full.rows import Row
from results.full.runs import Evaluators, Place

OUT = "runs/full"
TIMES = "step_times.json"


def readable(named: list[str] | None) -> dict[str, Row]:
  """Returns the rows that were chosen and whose data are here; says which are not.

  Raises:
    InputError: a name is unknown; or the data of a row that is named, or of all rows of a claim, are missing.
  """
  chosen = rows.select(named)
  reasons = {name: why for name, row in chosen.items() if (why := runs.missing(row))}
  for wanted in named or ():
    of_it = [name for name, row in chosen.items() if wanted in (name, *row.claims)]
    if all(name in reasons for name in of_it):
      raise InputError(f"--only {wanted}: {reasons[of_it[0]]}")
  for name, why in reasons.items():
    say(f"{name} is skipped: {why}")
  return {name: row for name, row in chosen.items() if name not in reasons}


def judge_name(data: str) -> str:
  """Returns the name of a classifier's program among step times."""
  return f"classifier:{data}"


def programs(chosen: Mapping[str, Row], place: Place) -> dict[str, Config]:
  """Returns the programs whose speed matters: of rows that are not finished, and of classifiers."""
  open_rows = {name: row for name, row in chosen.items() if len(place.finished(name)) < rows.SEEDS}
  found = {row.speed: rows.describe(row, place.scale) for row in reversed(open_rows.values())}
  judges = {row.classifier for row in open_rows.values() if row.classifier}
  untrained = [data for data in sorted(judges) if not trained(place, data)]
  return found | {judge_name(data): rows.classifier(data, place.scale) for data in untrained}


def trained(place: Place, data: str) -> bool:
  """Whether the classifier of a data set is trained."""
  return judging.trained(rows.classifier(data, place.scale), place.classifier(data))


def costs(chosen: Mapping[str, Row], place: Place, speeds: Mapping[str, Speed]) -> dict[str, Cost]:
  """Returns the seconds of every row that is not finished."""
  found = {}
  for name, row in chosen.items():
    if len(place.finished(name)) == rows.SEEDS:
      continue
    config, speed = rows.describe(row, place.scale), speeds[row.speed]
    seed = plan.training_seconds(speed, config, 1) + place.evaluation_seconds(row.judged, plan.EVALUATION)
    judge_seconds = 0.0
    if (data := row.classifier) and not trained(place, data):
      judge = speeds[judge_name(data)]
      judge_seconds = judge.setup + plan.training_seconds(judge, rows.classifier(data, place.scale), 1)
    found[name] = Cost(speed.setup, seed, row.classifier, judge_seconds)
  return found


def announced(
  chosen: Mapping[str, Row],
  place: Place,
  speeds: Mapping[str, Speed],
  expected: Mapping[str, Cost],
  fit: Mapping[str, int],
) -> str:
  """Returns what will be done, as a table, and what does not fit."""
  lines = []
  for name, row in chosen.items():
    done, more = len(place.finished(name)), fit.get(name, 0)
    cost, steps = expected.get(name), rows.describe(row, place.scale).steps
    speed = speeds[row.speed] if cost else None
    seconds = plan.minutes(cost.setup + more * cost.seed) if cost and more else "-"
    about = [f"{1000 * speed.step:.3g}", speed.source] if speed else ["-", "finished"]
    without = (
      "" if done + more == rows.SEEDS else f"{rows.SEEDS - done - more} of {rows.SEEDS} seeds do not fit"
    )
    lines.append([name, " ".join(row.claims), str(done), str(more), f"{steps:,}", *about, seconds, without])
  head = ["row", "claims", "seeds done", "to do", "steps", "ms a step", "step time", "time", "left out"]
  return tables.markdown(head, lines)


def run(args: argparse.Namespace, place: Place) -> None:
  """Prints the plan, then trains and evaluates one part after another while there is time."""
  limit = math.inf if args.minutes is None else 60 * args.minutes
  chosen = readable(args.only)
  speeds = plan.speeds(programs(chosen, place), place.out / TIMES)
  shared: Evaluators = {}
  first = True
  while True:
    left = limit - (time.perf_counter() - gengap.STARTED)
    expected = costs(chosen, place, speeds)
    done = {name: len(place.finished(name)) for name in expected}
    fit = plan.choose(expected, done, left, rows.SEEDS)
    if first:
      print(f"{device()}, scale {place.scale:g}, time left: {plan.minutes(left)}", flush=True)
      print(announced(chosen, place, speeds, expected, fit), flush=True)
      print(f"together: about {plan.minutes(plan.total(expected, fit))}", flush=True)
      first = False
    if not fit:
      break
    name = min(fit, key=lambda name: done[name])  # of these the most valuable
    runs.part(name, place.unfinished(name)[: fit[name]], place, shared)
  print("all finished" if not expected else f"no time left for more seeds of {', '.join(expected)}")


def number(text: str) -> float:
  """Parses a positive number."""
  value = float(text)
  if not 0 < value < math.inf:
    raise ValueError(text)
  return value


def main() -> None:
  parser = Parser(__doc__)
  parser.add_argument("--only", nargs="+")
  parser.add_argument("--minutes", type=number)
  parser.add_argument("--out", type=path)
  parser.add_argument("--scale", type=number, default=1.0)
  parser.add_argument("--draw", action="store_true")
  args = parser.parse_args()
  if args.scale > 1:
    parser.error(f"--scale is {args.scale:g}; it must be at most 1, the size of the reports")
  out = args.out or pathlib.Path(OUT)
  cli.keep_memory()
  cli.keep_programs()
  cli.hush_storage()
  try:
    if args.draw:
      page.draw(args.out)
    else:
      run(args, Place(out, args.scale))
  except InputError as error:
    parser.exit(2, f"error: {one_line(error)}\n")


if __name__ == "__main__":
  main()
