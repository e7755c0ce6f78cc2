"""Draws the named numbers of metrics.jsonl through training, on training and on held-out images.

pip install matplotlib
python -m results.foundation.curves --workdir=DIR --out=FILE.webp NAME [NAME ...]
"""

import argparse
import json
import pathlib

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

from results import pictures


def series(lines: list[dict], name: str) -> tuple[list[int], list[float]]:
  """Returns the steps and values of a number."""
  points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
  return [x for x, _ in points], [y for _, y in points]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--workdir", type=pathlib.Path, required=True)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("names", nargs="+")
  args = parser.parse_args()
  lines = [json.loads(line) for line in (args.workdir / "metrics.jsonl").open()]
  figure, axes = plt.subplots(1, len(args.names), figsize=(3.6 * len(args.names), 2.8), squeeze=False)
  for axis, name in zip(axes[0], args.names, strict=True):
    for label, key in (("training", name), ("held-out", f"valid/{name}")):
      steps, values = series(lines, key)
      if values:
        axis.plot(steps, values, label=label, marker="." if label == "held-out" else "")
    axis.set(title=name, xlabel="generator (decoder) updates")
    axis.grid(alpha=0.3)
    if len(axis.lines) > 1:
      axis.legend()
  figure.tight_layout()
  pictures.save(args.out, figure, dpi=110)


if __name__ == "__main__":
  main()
