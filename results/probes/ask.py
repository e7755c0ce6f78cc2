"""Probes the runs of runs.py, in this process.

  python -m results.probes.ask --runs=runs/probes --classifiers=DIR [--dry] [NAME ...]

DIR/DATASET holds a classifier of the data and image size (configs/classifier.py); blobs_multi has no classes.
--dry prints the arguments of each call only.
"""

import pathlib
from typing import Any

import gengap
from gengap.command_line import cli
from gengap.probes import probe
from launch.parser import Parser, path
from results.probes.runs import RUNS

SETTINGS: dict[str, dict[str, Any]] = {  # what the reports ask of some runs
  "vae_10": {"outside": "mnist"},
  "vae_100": {"outside": "mnist"},
  "gan": {"dims": (1, 5, 10, 50, 70, 90)},
  "wgan_gp": {"dims": (1, 5, 10, 50, 70, 90)},
  "cgan": {"classes": (2, 5)},
}


def settings(name: str, classifiers: pathlib.Path) -> dict[str, Any]:
  """Returns the arguments of `probe` for a run."""
  dataset = RUNS[name][0].partition(":")[2]
  classifier = {} if dataset == "blobs_multi" else {"classifier": classifiers / dataset}
  return classifier | SETTINGS.get(name, {})


def main() -> None:
  """Probes the last checkpoint of every run that the command line names."""
  parser = Parser(__doc__)
  parser.add_argument("--runs", type=path, required=True)
  parser.add_argument("--classifiers", type=path, required=True)
  parser.add_argument("--dry", action="store_true")
  parser.add_argument("names", nargs="*", default=list(RUNS))
  args = parser.parse_args()
  if unknown := [name for name in args.names if name not in RUNS]:
    parser.error(f"{unknown[0]} is none of {', '.join(RUNS)}")
  for name in args.names:
    workdir, asked = args.runs / name / "0", settings(name, args.classifiers)
    print(workdir, asked, flush=True)
    if not args.dry:
      run = gengap.load(workdir)
      place = workdir / "probes" / str(run.step)
      probe(run, workdir=workdir, folder=place, command=cli.command(), **asked)


if __name__ == "__main__":
  main()
