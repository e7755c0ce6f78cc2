"""The trainings of an experiment, as data: `python -m results.FOLDER.runs` runs them one after the other.

  python -m results.FOLDER.runs --out=DIR [--seeds 0 1 2] [--dry] [NAME ...]

A run that is done is left alone, and one that was interrupted goes on. --dry prints the commands only.
"""

import argparse
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]


def command(config: str, workdir: pathlib.Path, fields: dict[str, Any]) -> list[str]:
  """Returns the command that trains one run; the config's data set stands after a colon."""
  file, _, dataset = config.partition(":")
  return [
    *(sys.executable, "-m", "gengap.main"),
    f"--config=configs/{file}.py:{dataset}",
    f"--workdir={workdir}",
    *(f"--config.{key}={value}" for key, value in fields.items()),
  ]


def main(names: Sequence[str], describe: Callable[[str], tuple[str, dict[str, Any]]]) -> None:
  """Runs the trainings that the command line names.

  Args:
    names: of all.
    describe: returns the config and the fields that differ from it, of one.
  """
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--seeds", type=int, nargs="*", default=[0])
  parser.add_argument("--dry", action="store_true")
  parser.add_argument("names", nargs="*", default=list(names))
  args = parser.parse_args()
  for seed in args.seeds:
    for name in args.names:
      config, fields = describe(name)
      call = command(config, args.out.resolve() / name / str(seed), fields | {"seed": seed})
      print(shlex.join(call), flush=True)
      if not args.dry:
        subprocess.run(call, cwd=ROOT, check=True)
