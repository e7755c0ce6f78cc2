"""Probes the runs of runs.py.

  python -m results.probes.ask --runs=runs/probes --classifiers=DIR [--dry] [NAME ...]

DIR/DATASET holds a classifier of the data and image size (configs/classifier.py); blobs_multi has no classes.
--dry prints the commands only.
"""

import pathlib
import sys

from results.probes.runs import RUNS
from results.trainings import judge

FLAGS = {  # what the reports ask of some
  "vae_10": ["--outside=mnist"],  # A6
  "vae_100": ["--outside=mnist"],
  "gan": ["--dims=1,5,10,50,70,90"],  # A9
  "wgan_gp": ["--dims=1,5,10,50,70,90"],
  "cgan": ["--classes=2,5"],  # E8
}


def command(name: str, runs: pathlib.Path, classifiers: pathlib.Path) -> list[str]:
  """Returns the command that probes a run."""
  dataset = RUNS[name][0].partition(":")[2]
  sight = [] if dataset == "blobs_multi" else [f"--classifier={classifiers / dataset}"]
  return [
    sys.executable,
    "-m",
    "gengap.probe",
    f"--workdir={runs / name / '0'}",
    *sight,
    *FLAGS.get(name, []),
  ]


if __name__ == "__main__":
  judge(__doc__, list(RUNS), lambda *where: [command(*where)])
