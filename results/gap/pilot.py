"""Tries learning rates of two GANs with one seed, half the updates, on MNIST, and writes pilot.json.

  python -m results.gap.pilot --out=runs/pilot

VAEs learn at 1e-3, their default. The rate of the GANs is chosen here, before the runs that are compared.
"""

import json
import pathlib

from gengap import cli
from gengap.training import loop
from launch.parser import Parser, path
from results.gap import plan, runs

METHODS = ("gan", "wgan_gp")
RATES = (2e-4, 5e-4, 1e-3)
DATA = "mnist"
FILE = pathlib.Path(__file__).with_suffix(".json")
AXES = ("frechet", "precision", "recall", "coverage")


def tried(name: str, rate: float, out: pathlib.Path) -> dict[str, dict[str, float]]:
  """Returns the scores of a run at two steps, each twice as far as the one before."""
  task, config = plan.TASKS[DATA], plan.describe(name, DATA, 0)
  steps = task.evaluated[:2]
  config.update(steps=steps[-1], checkpoint_every=steps[0])
  config.method_args.update(learning_rate=rate, critic_learning_rate=rate)
  workdir = out / name / f"{rate:g}"
  loop.train(config, workdir)
  runs.evaluate(workdir, steps, {}, metrics=("frechet", "prdc"), num_samples=task.samples, **task.features)
  found = {step: json.loads((workdir / "eval" / f"{step}.json").read_text()) for step in steps}
  return {
    str(step): {axis: one["samples"]["scores"][axis]["value"] for axis in AXES} for step, one in found.items()
  }


def main() -> None:
  """Tries every rate of every method."""
  parser = Parser(__doc__)
  parser.add_argument("--out", type=path, required=True)
  out = parser.parse_args().out
  cli.keep_memory()
  cli.keep_programs()
  found = {name: {f"{rate:g}": tried(name, rate, out) for rate in RATES} for name in METHODS}
  FILE.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
