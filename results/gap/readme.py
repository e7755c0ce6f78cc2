"""The README of this folder, from README.md.jinja and scores.json: numbers are looked up or computed."""

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2

from gengap.evaluation.quantities import Better
from gengap.report.axes import axis_of
from gengap.report.gaps import ALPHA, NEGLIGIBLE
from results import tables
from results.claims.gap import DataSet, tested
from results.claims.numbers import reported, text
from results.gap.runs import BLOBS as PLAIN
from results.gap.runs import DCGAN, RUNS, describe

HERE = pathlib.Path(__file__).parent
DIGITS, CLOTHES = DataSet("mnist 28x28"), DataSet("fashion_mnist 28x28")
ONE, TEN = DataSet("blobs_single 32x32"), DataSet("blobs_multi 32x32")
CIFAR, BIRDS = DataSet("cifar10 32x32"), DataSet("cifar10/bird 32x32")
RANKED = ("vae", "vae_gan", "gan", "lsgan", "wgan_gp", "cgan")
LOSSES = ("gan", "lsgan", "wgan_gp")
AXES = (
  "frechet",
  "kid",
  "precision",
  "density",
  "unsure",
  "sharpness",
  "recall",
  "coverage",
  "classes",
  "kl",
)
AXES += ("diversity", "nearer_train", "interpolation/random spherical/abruptness")
BLOBS = ("one_blob", "blobs", "blobs_std", "streaks", "radius", "radius_std", "roundness", "background")
BLOBS += ("intensity", "centre_ks", "frechet", "recall")


def named(axis: str) -> str:
  """Returns the title of an axis on the page, and whether methods are ranked by it."""
  found = axis_of(axis).quantity
  return found.title + " (not ranked)" * (found.better is Better.NONE)


def table(part: DataSet, methods: Sequence[str], axes: Sequence[str]) -> str:
  """Returns a table with one row for each axis and one column for each method and for real images."""
  rows = []
  for axis in axes:
    if all(part(method, axis).values for method in methods):
      real = text(part.real(axis)) if math.isfinite(part.real(axis)) else "-"
      cells = [str(part(method, axis)) for method in methods]
      rows.append([named(axis), *cells, real])
  return tables.markdown(["", *(f"`{method}`" for method in methods), "real"], rows)


def decided(part: DataSet, pairs: Sequence[tuple[str, str]]) -> str:
  """Returns a table of the axes on which the report decides between two methods, and for which one."""
  rows = []
  for a, b in pairs:
    tests = {axis: part.less(a, b, axis, -1) for axis in tested(part, a, b)}
    cells = [
      "; ".join(named(axis) for axis, x in tests.items() if x.outcome(x.p) == outcome) or "none"
      for outcome in (1, -1)
    ]
    rows.append([f"`{a}`, `{b}`", str(len(tests)), *cells])
  return tables.markdown(("", "ranked axes", "decided for the first", "for the second"), rows)


def curve(part: DataSet, methods: Sequence[str], axis: str) -> str:
  """Returns a table of a number over training, means over seeds."""
  rows = (
    [f"{step:,}", *(text(part(method, axis, step).mean) for method in methods)] for step in part.evaluated
  )
  return tables.markdown(["updates", *(f"`{method}`" for method in methods)], rows)


def against(part: DataSet, a: str, b: str, axis: str) -> str:
  """Returns how much farther one method is from the best value than another, and the adjusted p value."""
  test = part.less(a, b, axis, -1)
  return f"{test} ({test.said(test.p)})"


def right(part: DataSet) -> str:
  """Returns the test accuracy of a data set's classifier."""
  return f"{part.accuracy():.1%}"


def share(part: DataSet, method: str, axis: str) -> str:
  """Returns the mean of a share in per cent."""
  return f"{part(method, axis).mean:.0%}"


def words() -> dict[str, Any]:
  """Returns the variables of the template."""
  fields = [describe(name)[1] for name in RUNS]
  images = [x["steps"] * x["batch_size"] for x in fields]
  data = {"DIGITS": DIGITS, "CLOTHES": CLOTHES, "ONE": ONE, "TEN": TEN, "CIFAR": CIFAR, "BIRDS": BIRDS}
  lists = {"RANKED": RANKED, "LOSSES": LOSSES, "AXES": AXES, "BLOBS": BLOBS, "RUNS": RUNS, "DCGAN": DCGAN}
  calls = (table, decided, curve, against, right, share, reported)
  return (
    {call.__name__: call for call in calls}
    | data
    | lists
    | {
      "ALPHA": ALPHA,
      "text": text,
      "NEGLIGIBLE": f"{NEGLIGIBLE:.0%}",
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


def write() -> None:
  """Writes the README."""
  (HERE / "README.md").write_text(page())
