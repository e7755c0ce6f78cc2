"""Evaluates and probes the runs of runs.py, all alike: every checkpoint by its samples, the last by all else.

python -m results.gap.judge --runs=runs/gap --classifiers=DIR [--dry] [NAME ...]

DIR/DATASET is a classifier of it (configs/classifier.py); several blobs have none, and are seen as pixels.
"""

import argparse
import pathlib
import sys

from results.gap.runs import RUNS
from results.trainings import execute

SAMPLED = ("frechet", "kid", "prdc", "diversity", "sharpness")
OF_CODES = ("posterior", "likelihood", "reconstructions")
PROBED = ("interpolation", "latents", "inversion")


def commands(name: str, workdir: pathlib.Path, classifiers: pathlib.Path) -> list[list[str]]:
  """Returns the commands that judge a run of a name."""
  data, _, method = name.rpartition("/")
  classifier = classifiers / data.replace("/bird", "")
  named = data != "blobs_multi"
  sight = [f"--classifier={classifier}", "--features=classifier"] if named else ["--features=pixels"]
  call = [sys.executable, "-m"]
  samples = [*SAMPLED, *(["classes"] if named else []), *(["blobs"] if data.startswith("blobs") else [])]
  evaluate = [
    *call,
    "gengap.evaluate",
    f"--workdir={workdir}",
    *sight,
    "--num_samples=2000",
    "--sample_seeds=0",
  ]
  last = ["sampling", "memorisation", *(OF_CODES if method == "vae" else ())]
  return [
    [*evaluate, "--step=all", f"--metrics={','.join(samples)}"],
    [*evaluate, f"--metrics={','.join(last)}", "--num_images=1000", "--samples=100"],
    [*call, "gengap.probe", f"--workdir={workdir}", *sight, f"--probes={','.join(PROBED)}"],
  ]


if __name__ == "__main__":
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", type=pathlib.Path, required=True)
  parser.add_argument("--classifiers", type=pathlib.Path, required=True)
  parser.add_argument("--dry", action="store_true")
  parser.add_argument("names", nargs="*", default=list(RUNS))
  args = parser.parse_args()
  execute(
    (
      call
      for name in args.names
      for workdir in sorted((args.runs.resolve() / name).glob("[0-9]*/"))
      for call in commands(name, workdir, args.classifiers.resolve())
    ),
    args.dry,
  )
