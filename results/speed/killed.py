"""Checks that a run which was killed and resumed ends with the bits of a run that was not.

  python -m results.speed.killed [--flags=XLA_FLAGS] [--steps=400] [--rounds=1] [gengap.main's flags ...]

Each round trains a config (a width-32 WGAN-GP on blobs by default) twice. The second run is killed by
SIGKILL soon after its checkpoint in the middle, and started again. Both have an empty cache of programs of
their own, so that XLA chooses its algorithms anew. Prints one JSON line a round.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

import gengap
from launch.parser import Parser

ROOT = pathlib.Path(__file__).parents[2]


def command(workdir: pathlib.Path, steps: int, more: list[str]) -> list[str]:
  """Returns the command that trains the config in a workdir."""
  every = dict.fromkeys(("checkpoint_every", "eval_every", "sample_every"), steps // 2)
  fields = {"steps": steps, "steps_per_dispatch": 10, "log_every": 50, "method_args.width": 32} | every
  flags = [f"--config.{name}={value}" for name, value in fields.items()]
  start = [sys.executable, "-m", "gengap.main", f"--workdir={workdir}", "--config=configs/wgan_gp.py"]
  return [*start, *flags, *more]


def train(call: list[str], flags: str, cache: pathlib.Path, kill_at: pathlib.Path | None = None) -> int:
  """Runs a command; kills it once a folder exists. Returns its exit status."""
  environment = os.environ | {"XLA_FLAGS": flags, "GENGAP_CACHE": str(cache)}
  environment.pop("JAX_COMPILATION_CACHE_DIR", None)
  quiet = subprocess.DEVNULL
  with subprocess.Popen(call, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as process:
    while kill_at and process.poll() is None:
      if kill_at.is_dir():
        process.send_signal(signal.SIGKILL)
        break
      time.sleep(0.01)
    return process.wait()


def weights(workdir: pathlib.Path) -> list[np.ndarray]:
  """Returns all arrays of a run's last checkpoint."""
  import jax

  return [np.asarray(x) for x in jax.tree.leaves(gengap.load(workdir).nets)]


def compare(steps: int, flags: str, more: list[str]) -> dict[str, Any]:
  """Trains without and with a kill; returns whether they end alike."""
  with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder)
    start = time.perf_counter()
    whole = train(command(out / "whole", steps, more), flags, out / "cache1")
    seconds = time.perf_counter() - start
    killed, cache = out / "killed", out / "cache2"
    status = train(command(killed, steps, more), flags, cache, killed / "checkpoints" / str(steps // 2))
    resumed = train(command(killed, steps, more), flags, cache)
    pairs = list(zip(weights(out / "whole"), weights(killed), strict=True))
    largest = max(float(np.max(np.abs(a.astype(float) - b.astype(float)), initial=0.0)) for a, b in pairs)
  statuses = {"whole": whole, "killed": status, "resumed": resumed}
  same = all(a.tobytes() == b.tobytes() for a, b in pairs)
  return {
    "flags": flags,
    "statuses": statuses,
    "identical": same,
    "largest_difference": largest,
    "seconds": seconds,
  }


def main() -> None:
  parser = Parser(__doc__)
  parser.add_argument("--flags", default="")
  parser.add_argument("--steps", type=int, default=400)
  parser.add_argument("--rounds", type=int, default=1)
  args, more = parser.parse_known_args()
  for _ in range(args.rounds):
    print(json.dumps(compare(args.steps, args.flags, more)), flush=True)


if __name__ == "__main__":
  main()
