"""Tries learning rates of a VAE and two GANs with one seed, half the updates, on MNIST, for pilot.json.

  python -m results.gap.pilot --out=runs/pilot

What pilot.json has is not tried again. The rate of the GANs was chosen here, among the first three, before
the runs that are compared; the VAE, and the fourth rate, were tried after them.
"""

import json
import pathlib

from gengap.command_line import cli
from gengap.training import loop
from launch.parser import Parser, folder
from results.gap import plan, runs

METHODS = ("vae", "gan", "wgan_gp")
RATES = (2e-4, 5e-4, 1e-3, 2e-3)
DATA = "mnist"
FILE = pathlib.Path(__file__).with_suffix(".json")
AXES = ("frechet", "precision", "recall", "coverage")


def tried(name: str, rate: float, out: pathlib.Path) -> dict[str, dict[str, float]]:
  """Returns the scores of a run at two steps, each twice as far as the one before."""
  task, config = plan.TASKS[DATA], plan.describe(name, DATA, 0)
  steps = task.evaluated[:2]
  config.update(steps=steps[-1], checkpoint_every=steps[0])
  rates = {key: rate for key in ("learning_rate", "critic_learning_rate") if key in config.method_args}
  config.method_args.update(rates)
  workdir = out / name / f"{rate:g}"
  loop.train(config, workdir)
  runs.evaluate(workdir, steps, {}, metrics=("frechet", "prdc"), num_samples=task.samples, **task.features)
  found = {step: json.loads((workdir / "eval" / f"{step}.json").read_text()) for step in steps}
  return {
    str(step): {axis: one["samples"]["scores"][axis]["value"] for axis in AXES} for step, one in found.items()
  }


def main() -> None:
  """Tries every rate of every method that the file lacks."""
  parser = Parser(__doc__)
  parser.add_argument("--out", type=folder, required=True)
  out = parser.parse_args().out
  cli.keep_memory()
  cli.keep_programs()
  known = json.loads(FILE.read_text()) if FILE.exists() else {}
  for name in METHODS:
    for rate in RATES:
      if f"{rate:g}" not in known.setdefault(name, {}):
        known[name][f"{rate:g}"] = tried(name, rate, out)
        ordered = {method: known[method] for method in METHODS if method in known}
        FILE.write_text(json.dumps(ordered, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
