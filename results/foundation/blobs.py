"""Counts the blobs in a run's samples, and in as many real images.

python results/foundation/blobs.py --workdir=DIR [--n=1000] [--seeds=5]
"""

import argparse
import json

import jax
import numpy as np

import gengap
from gengap.metrics import blobs
from gengap.program import load_data


def summary(images) -> dict[str, float]:
  """Returns shares and means over a set of images."""
  seen = blobs.describe(np.asarray(images))
  return {
    "one_blob_no_streak": float(np.mean((seen["count"] == 1) & ~seen["streak"])),
    "no_blob": float(np.mean(seen["count"] == 0)),
    "several_blobs": float(np.mean(seen["count"] > 1)),
    "streak": float(np.mean(seen["streak"])),
    "radius": float(np.nanmean(seen["radius"])),
    "radius_std": float(np.nanstd(seen["radius"])),
    "background": float(np.mean(seen["background"])),
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--workdir", required=True)
  parser.add_argument("--n", type=int, default=1000)
  parser.add_argument("--seeds", type=int, default=5)
  args = parser.parse_args()
  run = gengap.load(args.workdir)
  found = [summary(run.sample(jax.random.key(seed), args.n)) for seed in range(args.seeds)]
  real = summary(load_data(run.config, "test").image[: args.n])
  for name, floor in real.items():
    values = [f[name] for f in found]
    print(
      f"{name}: {np.mean(values):.4f} (std over {args.seeds} draws {np.std(values):.4f}); real {floor:.4f}"
    )
  print(json.dumps({"step": run.step, "n": args.n, "samples": found, "real": real}))


if __name__ == "__main__":
  main()
