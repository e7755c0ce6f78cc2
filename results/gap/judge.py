"""Evaluates and probes the runs of runs.py: samples at every checkpoint, everything else at the last.

python -m results.gap.judge --runs=runs/gap --classifiers=DIR [--dry] [NAME ...]

DIR/DATASET is a classifier of its images as the runs see them (configs/classifier.py with their image size);
that of CIFAR-10 sees its birds too. Several blobs are of one class, which needs none: pixels are compared.
Latents are asked about on MNIST and Fashion-MNIST only: the other runs are about what is drawn.
"""

import pathlib
import sys

from results.gap.runs import RUNS
from results.trainings import judge

SAMPLED = ("frechet", "kid", "prdc", "diversity", "sharpness")
OF_CODES = ("posterior", "likelihood", "reconstructions")
PROBED = ("interpolation", "latents", "inversion")
FEW = ("--num_samples=300", "--encoder_steps=300")


def commands(name: str, workdir: pathlib.Path, classifiers: pathlib.Path) -> list[list[str]]:
  """Returns the commands that judge a run of a name."""
  data, _, method = name.rpartition("/")
  seen, named = data != "blobs_multi", data not in ("blobs_multi", "cifar10/bird")
  classifier = classifiers / data.partition("/")[0]
  sight = [f"--classifier={classifier}", "--features=classifier"] if seen else ["--features=pixels"]
  call = [sys.executable, "-m"]
  samples = [*SAMPLED, *(["blobs"] if data.startswith("blobs") else [])]
  evaluate = [
    *call,
    "gengap.evaluate",
    f"--workdir={workdir}",
    *sight,
    "--num_samples=2000",
    "--sample_seeds=0",
  ]
  last = ["memorisation", *(["classes"] if named else []), "sampling", *(OF_CODES if method == "vae" else ())]
  probe = [*call, "gengap.probe", f"--workdir={workdir}", *sight, f"--probes={','.join(PROBED)}", *FEW]
  return [
    [*evaluate, "--step=all", f"--metrics={','.join(samples)}"],
    [*evaluate, f"--metrics={','.join(last)}", "--num_images=500", "--samples=100"],
    *([probe] if data.endswith("mnist") else []),
  ]


def all_of(name: str, runs: pathlib.Path, classifiers: pathlib.Path) -> list[list[str]]:
  """Returns the commands that judge all seeds of a name."""
  workdirs = sorted((runs / name).glob("[0-9]*/"))
  return [call for workdir in workdirs for call in commands(name, workdir, classifiers)]


if __name__ == "__main__":
  judge(__doc__, list(RUNS), all_of)
