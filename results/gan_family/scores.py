"""Collects the last numbers of the runs of runs.py, and the accuracy of the classes of the conditional GANs.

python -m results.gan_family.scores --runs=runs/gan_family [--out=results/gan_family/scores.json]

Runs that are missing keep their numbers in the file.
Means and standard deviations are over training seeds, of the last line of each seed's log. The gradient
that a frozen generator receives is kept through training, for every seed. The classifier of the same folder
classifies 10,000 samples of each conditional run, 1,000 of every digit.
"""

import argparse
import json
import os
import pathlib
import statistics

import jax
import numpy as np

import gengap
from gengap import data
from gengap.data.scale import to_float
from results.trainings import numbers

HERE = pathlib.Path(__file__).parent


def last(workdir: pathlib.Path) -> dict[str, float]:
  """Returns the last training numbers of a run, and its last held-out ones."""
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").open()]
  trained = next(line for line in reversed(lines) if "steps_per_second" in line)
  held_out = next(line for line in reversed(lines) if any(k.startswith("valid/") for k in line))
  return {k: v for k, v in (trained | held_out).items() if k != "steps_per_second" and v is not None}


def summary(values: list[float]) -> dict[str, float]:
  """Returns the mean and, of several values, the standard deviation."""
  return {"mean": statistics.fmean(values)} | ({"std": statistics.stdev(values)} if len(values) > 1 else {})


def reaching(workdirs: list[pathlib.Path]) -> dict[str, list]:
  """Returns the gradient at an image through training, of every seed."""
  curves = [numbers(workdir, "generator/image_gradient") for workdir in workdirs]
  return {"steps": curves[0][0].tolist(), "each": [[float(f"{x:.6g}") for x in y] for _, y in curves]}


def right(run: gengap.Run, classifier: gengap.Run) -> float:
  """Returns the share of samples that the classifier assigns to the requested class."""
  label = np.repeat(np.arange(10), 1000)
  images = run.sample(jax.random.key(0), len(label), label=label)
  return float(np.mean(np.argmax(classifier.represent("logits", images), -1) == label))


def accuracy(classifier: gengap.Run) -> float:
  """Returns the classifier's accuracy on the test images of MNIST."""
  test = data.load("mnist", "test", data_dir=os.environ.get("TFDS_DATA_DIR", ""), image_size=28)
  logits = classifier.represent("logits", to_float(test.image))
  return float(np.mean(np.argmax(logits, -1) == test.label))


def add_classes(found: dict, runs: pathlib.Path, named: list[pathlib.Path]) -> None:
  """Adds the accuracy of the classifier, and of the classes that the conditional runs draw."""
  classifier = gengap.load(runs / "classifier" / "0")
  found["classifier"]["test_accuracy"] = accuracy(classifier)
  print(f"classifier: test accuracy {found['classifier']['test_accuracy']}")
  for folder in named:
    shares = [right(gengap.load(w), classifier) for w in sorted(folder.iterdir())]
    found[folder.name]["right_class"] = summary(shares) | {"each": shares}
    print(f"{folder.name}: the right class in {shares}")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", type=pathlib.Path, required=True)
  parser.add_argument("--out", type=pathlib.Path, default=HERE / "scores.json")
  args = parser.parse_args()
  found = json.loads(args.out.read_text()) if args.out.is_file() else {}
  for folder in sorted(p for p in args.runs.iterdir() if p.is_dir()):
    workdirs = [w for w in sorted(folder.iterdir()) if (w / "checkpoints").is_dir()]
    logs = [last(w) for w in workdirs]
    steps = {log.pop("step") for log in logs}
    keys = [k for k in logs[0] if all(k in log for log in logs)]
    found[folder.name] = {"seeds": len(logs), "steps": sorted(steps)}
    found[folder.name] |= {k: summary([log[k] for log in logs]) for k in keys}
    if folder.name.startswith("frozen_"):
      found[folder.name]["reaching"] = reaching(workdirs)
  named = [folder for name in ("cgan", "cgan_projection") if (folder := args.runs / name).is_dir()]
  if named or (args.runs / "classifier").is_dir():
    add_classes(found, args.runs, named)
  args.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
