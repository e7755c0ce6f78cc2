"""Writes README.md of this folder from README.md.jinja and scores.json: numbers are looked up or computed.

python -m results.gap.readme
"""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2

from results.claims.gap import DataSet, accuracy, gap, last, nearer
from results.claims.numbers import ALPHA, Test, probability, reported, text
from results.gap.runs import BLOBS as PLAIN
from results.gap.runs import DCGAN, RUNS, describe

HERE = pathlib.Path(__file__).parent
DIGITS, CLOTHES = DataSet("mnist 28x28"), DataSet("fashion_mnist 28x28")
ONE, TEN = DataSet("blobs_single 32x32"), DataSet("blobs_multi 32x32")
CIFAR, BIRDS = DataSet("cifar10 32x32"), DataSet("cifar10/bird 32x32")
RANKED = ("vae", "vae_gan", "gan", "lsgan", "wgan_gp", "cgan")
LOSSES = ("gan", "lsgan", "wgan_gp")
AXES = {
  "frechet": "Frechet distance",
  "kid": "KID",
  "precision": "precision",
  "density": "density",
  "unsure": "low-confidence share",
  "sharpness": "sharpness",
  "recall": "recall",
  "coverage": "coverage",
  "classes": "classes",
  "kl": "class KL",
  "diversity": "diversity",
  "nearer_train": "nearer to training images (not ranked)",
  "interpolation/random spherical/abruptness": "largest step over mean step of paths",
}
BLOBS = {
  "one_blob": "one blob, no streak",
  "blobs": "blobs an image",
  "blobs_std": "spread of their number",
  "streaks": "streaks",
  "radius": "radius, pixels",
  "radius_std": "spread of the radius",
  "roundness": "roundness",
  "background": "background",
  "intensity": "intensity",
  "centre_ks": "centres' distance from uniform",
  "frechet": "Frechet distance",
  "recall": "recall",
}
TITLES = AXES | BLOBS


def table(part: DataSet, methods: Sequence[str], axes: Sequence[str]) -> str:
  """Returns a table: an axis a row, a method a column, real images last."""
  lines = [f"| | {' | '.join(f'`{x}`' for x in methods)} | real |", "| --- |" + " --- |" * (len(methods) + 1)]
  for axis in axes:
    if all(axis in last(part.data)[method] for method in methods):
      real = "-" if math.isnan(part.real(axis)) else text(part.real(axis))
      cells = [str(part(method, axis)) for method in methods]
      lines.append(f"| {TITLES[axis]} | {' | '.join(cells)} | {real} |")
  return "\n".join(lines)


def named(tests: dict[str, Test], outcome: int) -> str:
  """Returns the axes that have an outcome, in words."""
  return ", ".join(TITLES[axis] for axis, x in tests.items() if x.outcome(x.p) == outcome) or "none"


def decided(part: DataSet, pairs: Sequence[tuple[str, str]]) -> str:
  """Returns which axes are decided between methods, and in whose favour."""
  lines = ["| | ranked axes | decided for the first | for the second |", "| --- | --- | --- | --- |"]
  for a, b in pairs:
    found = nearer(part.data, a, b)
    lines.append(f"| `{a}`, `{b}` | {len(found)} | {named(found, 1)} | {named(found, -1)} |")
  return "\n".join(lines)


def curve(part: DataSet, methods: Sequence[str], axis: str) -> str:
  """Returns a number through training, means over seeds."""
  lines = [f"| updates | {' | '.join(f'`{x}`' for x in methods)} |", "| --- |" + " --- |" * len(methods)]
  for step in sorted({row.step for row in gap()[part.data]}):
    cells = [text(part.at(method, axis, step).mean) for method in methods]
    lines.append(f"| {step:,} | {' | '.join(cells)} |")
  return "\n".join(lines)


def against(part: DataSet, a: str, b: str, axis: str) -> str:
  """Returns the difference of two methods and its adjusted p value."""
  test = part.less(a, b, axis, 1)
  return f"{test} ({probability(test.p)})"


def right(part: DataSet) -> str:
  """Returns the share of test images that a data set's classifier names rightly."""
  return f"{accuracy(part.data):.1%}"


def share(part: DataSet, method: str, axis: str) -> str:
  """Returns the mean of a share in per cent."""
  return f"{part(method, axis).mean:.0%}"


def words() -> dict[str, Any]:
  """Returns what the template names."""
  fields = [describe(name)[1] for name in RUNS]
  images = [x["steps"] * x["batch_size"] for x in fields]
  data = {"DIGITS": DIGITS, "CLOTHES": CLOTHES, "ONE": ONE, "TEN": TEN, "CIFAR": CIFAR, "BIRDS": BIRDS}
  lists = {"RANKED": RANKED, "LOSSES": LOSSES, "AXES": AXES, "BLOBS": BLOBS, "RUNS": RUNS, "DCGAN": DCGAN}
  calls = (table, decided, curve, against, right, share, reported, text)
  return (
    {call.__name__: call for call in calls}
    | data
    | lists
    | {
      "ALPHA": ALPHA,
      "BATCH": fields[0]["batch_size"],
      "IMAGES": f"{min(images):,} to {max(images):,}",
      "PAIR": RUNS["cifar10/bird/gan"][1],
      "PAIRS": [*(("vae", other) for other in RANKED[1:]), ("gan", "cgan")],
      "PLAIN": PLAIN,
      "SEEDS": len(DIGITS("vae", "kl").values),
      "SEVERAL": [axis for axis in BLOBS if axis not in ("one_blob", "centre_ks")],
    }
  )


def page() -> str:
  """Returns the README."""
  template = (HERE / "README.md.jinja").read_text()
  return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(words()) + "\n"


if __name__ == "__main__":
  (HERE / "README.md").write_text(page())
