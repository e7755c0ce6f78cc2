"""Runs the trainings of an experiment, and reads their logs.

`python -m results.FOLDER.runs` runs them through `launch.sweep`:

  python -m results.FOLDER.runs --out=DIR [--seeds 0 1 2] [--jobs 2] [--dry] [NAME ...]

Finished runs are skipped, and interrupted ones resume. --dry only prints the commands.
"""

import json
import pathlib
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from launch import sweep
from launch.parser import Parser

ROOT = pathlib.Path(__file__).parents[1]


def numbers(workdir: pathlib.Path, name: str) -> tuple[np.ndarray, np.ndarray]:
  """Returns the steps and values of a number in a run's log."""
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").open()]
  points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
  return np.array([x for x, _ in points]), np.array([y for _, y in points])


def main(names: Sequence[str], describe: Callable[[str], tuple[str, dict[str, Any]]]) -> None:
  """Runs the trainings named on the command line.

  Args:
    names: of all trainings.
    describe: returns the config of a training, and the fields that differ from it.
  """
  parser = Parser(__doc__)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--seeds", type=int, nargs="*", default=[0])
  parser.add_argument("--jobs", type=int, default=1)
  parser.add_argument("--dry", action="store_true")
  parser.add_argument("names", nargs="*", default=list(names))
  args = parser.parse_args()
  if unknown := [name for name in args.names if name not in names]:
    parser.error(f"{unknown[0]} is none of {', '.join(names)}")
  if args.jobs < 1 or len(set(args.seeds)) < len(args.seeds) or len(set(args.names)) < len(args.names):
    parser.error("--jobs must be at least 1, and no seed or name may be given twice")
  members = []
  for seed in args.seeds:
    for name in args.names:
      config, fields = describe(name)
      file, _, dataset = config.partition(":")
      workdir = args.out.resolve() / name / str(seed)
      command = sweep.command(file, dataset, workdir, fields | {"seed": seed})
      members.append(sweep.Training(f"{name}/{seed}", command, workdir))
  if args.dry:
    print("\n".join(shlex.join(member.command) for member in members))
  elif sweep.run(members, args.jobs):
    sys.exit(1)
