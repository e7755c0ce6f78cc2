"""The runs of `results/gap`: their scores, and tests between methods."""

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gengap.gap.statistics import holm, welch
from gengap.probes.estimate import Estimate
from results.claims.numbers import Sample, Test, less, load

SHARES = ("precision", "recall", "coverage", "unsure", "one_blob", "streaks", "nearer_train", "roundness")
SIGNED = ("kid",)  # axes that can be negative
UNRANKED = (
  "nearer_train",  # moves with the draw of references and with blur
  "authentic",
  "latents/",  # VAEs have an encoder of their own, GANs one that is fitted to them
  "inversion/",
  "interpolation/across",
  "posterior/",
  "sampling/",
)


class Row(NamedTuple):
  """A number of one run in `gap/scores.json`."""

  data: str
  method: str
  axis: str
  seed: int
  step: int
  value: float
  floor: float  # what real images have; NaN: not measured


def stored(found: Any) -> Iterator[Row]:
  """Yields the numbers of a report's scores.json: rows, or runs with step -> axis -> value and floor."""
  for run in found if isinstance(found, list) else found["runs"]:
    scores = run.get("scores") or {run["step"]: {run["axis"]: (run["value"], run["floor"])}}
    for step, axes in scores.items():
      for axis, (value, floor, *_) in axes.items():
        if value is not None:
          where = (run["data"], run["method"], axis, run["seed"], int(step))
          yield Row(*where, value, math.nan if floor is None else floor)


@functools.cache
def gap() -> dict[str, list[Row]]:
  """Returns the finite numbers of `gap/scores.json`: data -> rows."""
  found: dict[str, list[Row]] = {}
  for row in stored(load("gap/scores.json")):
    found.setdefault(row.data, []).append(row)
  return found


@functools.cache
def last(data: str) -> dict[str, dict[str, list[Row]]]:
  """Returns the numbers of a data set at its last step: method -> axis -> rows, a seed each."""
  step = max(row.step for row in gap()[data])
  found: dict[str, dict[str, list[Row]]] = {}
  for row in gap()[data]:
    if row.step == step:
      found.setdefault(row.method, {}).setdefault(row.axis, []).append(row)
  return found


@functools.cache
def nearer(data: str, a: str, b: str) -> dict[str, Test]:
  """Returns how much farther from the best value one method is than another, on every ranked axis of both.

  The best value is that of real images, so that a method that exceeds them loses to one that equals them; of
  axes that they have no value on the least is best. p values are adjusted for these axes (Holm 1979).
  """
  part = DataSet(data)
  axes = [x for x in part.axes(a) if x in part.axes(b)]
  far = [[abs(np.subtract(part(x, axis).values, part.best(axis))) for x in (a, b)] for axis in axes]
  found = [welch(list(one), list(other)) for one, other in far]
  ps = holm([x.p for x in found])
  tests = (Test(x.difference, p, -1, adjusted=True) for x, p in zip(found, ps, strict=True))
  return dict(zip(axes, tests, strict=True))


class DataSet(NamedTuple):
  """The runs of one data set in `gap/scores.json`, at their last step."""

  data: str

  @property
  def steps(self) -> str:
    """The last step, in words."""
    return f"{max(row.step for row in gap()[self.data]):,} updates"

  def __call__(self, method: str, axis: str) -> Sample:
    """Returns a number of a method over its seeds."""
    found = [row.value for row in last(self.data)[method][axis]]
    most = dict.fromkeys(SHARES, 1.0) | {"classes": self.real("classes") if axis == "classes" else 0.0}
    return Sample(found, -math.inf if axis in SIGNED else 0.0, most.get(axis, math.inf))

  def real(self, axis: str) -> float:
    """Returns what real images have on an axis."""
    return next(rows[axis][0].floor for rows in last(self.data).values() if axis in rows)

  def best(self, axis: str) -> float:
    """Returns the best value of an axis: that of real images, or 0."""
    return 0.0 if math.isnan(self.real(axis)) else self.real(axis)

  def less(self, a: str, b: str, axis: str, expected: int) -> Test:
    """Returns the difference of two methods that are both below the best value, or both above it."""
    off = np.subtract([*self(a, axis).values, *self(b, axis).values], self.best(axis))
    if min(off) < 0 < max(off):
      raise ValueError(f"{axis} of {a} and {b} lie on both sides of the best value: use `nearer`")
    far = nearer(self.data, a, b)[axis]
    value, low, high = far.difference[:3]
    difference = Estimate(-value, -high, -low) if min(off) < 0 else far.difference
    return far._replace(difference=difference, expected=expected)

  def at(self, method: str, axis: str, step: int) -> Sample:
    """Returns a number of a method at a step."""
    rows = [row for row in gap()[self.data] if (row.method, row.axis, row.step) == (method, axis, step)]
    return Sample([row.value for row in rows])

  def falls(self, method: str, axis: str) -> Test:
    """Returns a number at the last step less that at the first that was evaluated."""
    rows = [row for row in gap()[self.data] if (row.method, row.axis) == (method, axis)]
    return less(self(method, axis), self.at(method, axis, min(row.step for row in rows)), -1)

  def axes(self, method: str) -> list[str]:
    """Returns the axes that all seeds of a method have and that rank it."""
    found = last(self.data)[method]
    most = max(map(len, found.values()))
    return [x for x, rows in found.items() if len(rows) == most and not x.startswith(UNRANKED)]


def accuracy(data: str) -> float:
  """Returns the share of test images that the classifier of a data set in `gap` names rightly."""
  found = load("gap/scores.json")
  if isinstance(found, list):
    taken = next(x["protocol"] for x in found if (x["data"], x["axis"]) == (data, "unsure"))
  else:
    steps = next(run["scores"] for run in found["runs"] if run["data"] == data)
    taken = found["protocols"][next(scores["unsure"] for scores in steps.values() if "unsure" in scores)[2]]
  return taken["classifier"]["accuracy"]
