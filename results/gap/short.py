"""Trains the short runs of images of blobs, until the longer runs of plan.py are there.

python -m results.gap.short --out=runs/short [--seeds 0 1 2] [--jobs 2] [--dry] [NAME ...]

All runs of a data set make equally many generator (decoder) updates. short_evaluate.py judges them.
"""

from typing import Any

from results import trainings
from results.gap import plan

UPDATES = {"blobs_single": 3000, "blobs_multi": 3000}

# data set/method -> config, method arguments that differ from the config's
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
  **{f"{data}/{name}": run for data in plan.LATENTS for name, run in plan.TASKS[data].methods.items()},
}


def describe(name: str) -> tuple[str, dict[str, Any]]:
  """Returns a run's config and the fields that differ from it."""
  config, args = RUNS[name]
  data = name.rpartition("/")[0]
  fields = {"steps": UPDATES[data], "batch_size": 32, "image_size": 32}
  every = UPDATES[data] // 5
  fields |= {"ema": 0.99, "sample_every": every, "eval_every": every, "checkpoint_every": every}
  fields |= {"keep_checkpoints": 100}
  return f"{config}:{data}", fields | {f"method_args.{key}": value for key, value in args.items()}


if __name__ == "__main__":
  trainings.main(list(RUNS), describe)
