"""Evaluates the runs of short.py, in this process.

  python -m results.gap.short_evaluate --runs=runs/short --classifiers=DIR [--dry] [NAME ...]

Samples are evaluated at every checkpoint, everything else at the last one. DIR/DATASET is a classifier of the
data set at the runs' image size (configs/classifier.py); that of CIFAR-10 serves its birds too. Images of
several blobs have no classes, so their features are pixels. --dry prints the arguments of each call only.
"""

import pathlib
from typing import Any

from gengap.run import steps
from results.gap.runs import evaluate
from results.gap.short import RUNS
from results.trainings import evaluation_arguments

SAMPLES = ("frechet", "kid", "prdc", "diversity", "sharpness")
CODES = ("posterior", "likelihood", "reconstructions")


def extractor(data: str, classifiers: pathlib.Path) -> dict[str, Any]:
  """Returns the options that name the feature extractor of a data set."""
  if data == "blobs_multi":
    return {"features": "pixels"}
  return {"features": "classifier", "classifier": classifiers / data.partition("/")[0]}


def metrics(data: str, method: str) -> tuple[list[str], list[str]]:
  """Returns the metrics of every checkpoint, and those of the last one alone."""
  named = data == "blobs_single"
  last = ["memorisation", *(["classes"] if named else []), "sampling", *(CODES if method == "vae" else ())]
  return [*SAMPLES, *(["blobs"] if data.startswith("blobs") else [])], last


def main() -> None:
  """Evaluates all seeds of every run that the command line names."""
  args = evaluation_arguments(__doc__, RUNS)
  for name in args.names:
    data, _, method = name.rpartition("/")
    taken, (every, last) = extractor(data, args.classifiers), metrics(data, method)
    shared = taken | {"num_samples": 2000}
    for workdir in sorted((args.runs / name).glob("[0-9]*/")):
      print(workdir, every, last, shared, flush=True)
      if args.dry:
        continue
      there = sorted(steps(workdir))
      evaluate(workdir, there, {}, metrics=every, **shared)
      evaluate(workdir, there[-1:], {}, metrics=last, num_images=500, samples=100, **shared)


if __name__ == "__main__":
  main()
