"""Measures the memory that images in files take while they are evaluated, and writes streaming.json.

  python -m results.evaluator.streaming [--folder=DIR]

There are 2,000 and 20,000 images of 32 x 32 x 3 pixels: PNG files, a .npz file, and a compressed .npz file.
They are compared with themselves. All are read once, then 1,000 of them are scored: pixel features, Frechet
distance. Each evaluation runs in a process of its own, whose largest memory is noted.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from gengap.evaluation import evaluate

HERE = pathlib.Path(__file__).parent
NUMBERS = (2_000, 20_000)
KINDS = ("folder", "npz", "compressed npz")
PIXELS = 32 * 32 * 3  # bytes of an image


def write(path: pathlib.Path, kind: str, number: int) -> None:
  """Writes images as files of a kind."""
  images = np.random.default_rng(0).integers(0, 256, (number, 32, 32, 3), np.uint8)
  if kind == "folder":
    path.mkdir()
    for i, image in enumerate(images):
      Image.fromarray(image).save(path / f"{i:06}.png")
  else:
    save = np.savez_compressed if "compressed" in kind else np.savez
    with path.open("wb") as file:
      save(file, images)


def measure(path: str) -> dict[str, float]:
  """Evaluates images in this process; returns its largest memory, in MB."""
  found = evaluate(path, path, features="pixels", metrics=["frechet"], num_samples=1_000)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  return {"peak_mb": round(peak, 1), "frechet": found.scores["frechet"].value or 0.0}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--folder", type=pathlib.Path)
  parser.add_argument("--one")
  args = parser.parse_args()
  if args.one:
    print(json.dumps(measure(args.one)))
    return
  found: dict[str, dict[str, float]] = {}
  with tempfile.TemporaryDirectory(dir=args.folder) as folder:
    for kind in KINDS:
      found[kind] = {}
      for number in NUMBERS:
        path = pathlib.Path(folder) / f"{kind} {number}"
        write(path, kind, number)
        call = [sys.executable, "-m", "results.evaluator.streaming", "--one", str(path)]
        done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=HERE.parents[1])
        found[kind][str(number)] = json.loads(done.stdout.splitlines()[-1])["peak_mb"]
      print(kind, found[kind], flush=True)
  pixels = {str(number): number * PIXELS / 2**20 for number in NUMBERS}
  found["all pixels in memory"] = {number: round(size, 1) for number, size in pixels.items()}
  (HERE / "streaming.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
