"""Kills a run at random moments, restarts it each time, and compares its end with an undisturbed run.

python results/foundation/kill.py --workdir=DIR [--signal=KILL|TERM] [--kills=10] [--seed=0]

The run is a small WGAN-GP (with BatchNorm) on blobs. Moments are uniform over a share of the remaining time,
so they fall into start, training, evaluation and saving. (SIGTERM saves in the middle of a window of
log_every steps, whose means are then over the rest of it.)
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np

import gengap

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 600
ARGS = {
  "config": "configs/wgan_gp.py",
  "config.method_args.network": "resnet",
  "config.method_args.width": 8,
  "config.method_args.n_critic": 2,
  "config.image_size": 16,
  "config.batch_size": 16,
  "config.ema": 0.99,
  "config.steps": STEPS,
  "config.eval_images": 64,
  "config.checkpoint_every": 20,
  "config.eval_every": 20,
  "config.sample_every": 20,
  "config.log_every": 20,
}


def start(workdir: pathlib.Path) -> subprocess.Popen:
  args = [f"--{name}={value}" for name, value in ARGS.items()]
  command = [sys.executable, "-m", "gengap.main", *args, f"--workdir={workdir}"]
  environment = os.environ | {"PYTHONPATH": str(ROOT)}
  null = subprocess.DEVNULL
  return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=null, stderr=null)


def progress(workdir: pathlib.Path) -> int:
  folder = workdir / "checkpoints"
  names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
  return max((int(name) for name in names if name.isdigit()), default=0)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
  parser.add_argument("--kills", type=int, default=10)
  parser.add_argument("--seed", type=int, default=0)
  args = parser.parse_args()
  whole, killed = args.workdir / "whole", args.workdir / "killed"
  before = time.perf_counter()
  assert start(whole).wait() == 0
  seconds = time.perf_counter() - before
  rng, number = random.Random(args.seed), getattr(signal, f"SIG{args.signal}")
  for kill in range(args.kills):
    process = start(killed)
    left = seconds * (1 - progress(killed) / STEPS)
    time.sleep(rng.uniform(1, 4 + 2 * left / max(4, args.kills - kill)))
    process.send_signal(number)
    status = process.wait()
    print(f"{kill + 1}: SIG{args.signal}, status {status}, checkpoint {progress(killed)}", flush=True)
  assert start(killed).wait() == 0
  trees = [jax.tree.leaves(gengap.load(w).nets) for w in (whole, killed)]
  same = all(np.array_equal(a, b) for a, b in zip(*trees, strict=True))
  lines = [
    [
      {k: v for k, v in json.loads(x).items() if k != "steps_per_second"}
      for x in (w / "metrics.jsonl").open()
    ]
    for w in (whole, killed)
  ]
  print(f"parameters bit-identical: {same}; metrics.jsonl the same but for the speed: {lines[0] == lines[1]}")
  sys.exit(not same)


if __name__ == "__main__":
  main()
