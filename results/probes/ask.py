"""Probes the runs of runs.py, in this process.

  python -m results.probes.ask --runs=runs/probes --classifiers=DIR [--dry] [NAME ...]

DIR/DATASET holds a classifier of the data and image size (configs/classifier.py); blobs_multi has no classes.
--dry prints the arguments of each call only.
"""

import pathlib
from typing import Any

import gengap
from gengap import cli
from gengap.probes import probe
from results.probes.runs import RUNS
from results.trainings import evaluation_arguments

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
  args = evaluation_arguments(__doc__, RUNS)
  for name in args.names:
    workdir, asked = args.runs / name / "0", settings(name, args.classifiers)
    print(workdir, asked, flush=True)
    if not args.dry:
      run = gengap.load(workdir)
      folder = workdir / "probes" / str(run.step)
      probe(run, workdir=workdir, folder=folder, command=cli.command(), **asked)


if __name__ == "__main__":
  main()
