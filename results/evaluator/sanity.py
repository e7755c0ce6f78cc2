"""Scores sets of images of known quality, on Fashion-MNIST, and writes sanity.json.

python -m results.evaluator.sanity --classifier=DIR [--number=10000]

real         training images that are not references
two removed  the same without the classes 3 and 7
blurred      the same, by a Gaussian of 1 pixel, and of half a pixel
half blurred every second image is
copies       training images that the memorisation metrics search for
repeated     100 images, each many times
noise        every pixel is drawn independently
"""

import argparse
import json
import pathlib

import numpy as np
from scipy import ndimage

import gengap
from gengap.evaluation import Evaluator, Options
from gengap.training.program import load_data

HERE = pathlib.Path(__file__).parent
METRICS = ("frechet", "kid", "prdc", "classes", "diversity", "memorisation", "sharpness")


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
  return ndimage.gaussian_filter(images, (0, sigma, sigma, 0))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--classifier", required=True)
  parser.add_argument("--number", type=int, default=10_000)
  args = parser.parse_args()
  run, n, rng = gengap.load(args.classifier, "best"), args.number, np.random.default_rng(0)
  train, test = (load_data(run.config, split) for split in ("train", "test"))
  options = Options(METRICS, features="classifier", classifier=args.classifier, num_samples=n)
  evaluator = Evaluator(train.image[:n], test, options, training=train)
  assert evaluator.scorer
  looked_for = evaluator.scorer.chosen["train"]
  others = np.setdiff1d(np.arange(len(train.image)), looked_for)
  real = train.image[np.sort(rng.permutation(others)[:n])]
  fewer = others[~np.isin(train.label[others], (3, 7))]
  sets = {
    "real": real,
    "two removed": train.image[np.sort(rng.permutation(fewer)[:n])],
    "blurred": blur(real, 1),
    "blurred a little": blur(real, 0.5),
    "half blurred": np.concatenate([real[::2], blur(real[1::2], 1)]),
    "copies": train.image[np.sort(looked_for)],
    "repeated": np.repeat(real[: n // 100], 100, 0),
    "noise": rng.integers(0, 256, real.shape).astype(np.uint8),
  }
  found = {}
  for name, images in sets.items():
    result = evaluator.evaluate(images)
    found[name] = {number: score.value for number, score in result.scores.items()}
    print(*(f"{name}: skipped: {reason}" for reason in evaluator.missing(result).values()), sep="\n", end="")
  for name, numbers in found.items():
    print(name, {k: v if v is None else round(v, 4) for k, v in numbers.items()}, flush=True)
  result = {"protocol": evaluator.scorer.protocol, "floors": evaluator.scorer.floors, "sets": found}
  (HERE / "sanity.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
