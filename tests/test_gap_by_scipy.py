"""The intervals and verdicts of `results/gap`, computed again from the JSON of its runs by SciPy alone."""

import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from results.claims import gap
from results.claims.gap import DataSet

RECORDS = pathlib.Path(__file__).parents[1] / "results/gap/records"
DIGITS, CLOTHES = "mnist 28x28", "fashion_mnist 28x28"
INTERVALS = [  # data set, method, axis, its range
  (DIGITS, "vae", "precision", (0, 1)),
  (DIGITS, "vae", "frechet", (0, math.inf)),
  (DIGITS, "gan", "recall", (0, 1)),
  (DIGITS, "gan", "density", (0, math.inf)),
  (DIGITS, "wgan_gp", "coverage", (0, 1)),
  (CLOTHES, "vae", "sharpness", (0, math.inf)),
  (CLOTHES, "vae", "kl", (0, math.inf)),
  (CLOTHES, "gan", "kid", (-math.inf, math.inf)),
  (CLOTHES, "cgan", "unsure", (0, 1)),
  (CLOTHES, "wgan_gp", "frechet", (0, math.inf)),
]
TO_REAL = ("precision", "density", "recall", "coverage", "classes", "sharpness", "unsure", "diversity")
# on these, nearer to real images is better; on the others, less is
PAIRS = [(DIGITS, "vae", "gan"), (CLOTHES, "vae", "gan"), (CLOTHES, "vae", "wgan_gp")]


def entries(data: str, method: str, axis: str) -> list[list[Any]]:
  """Returns an axis of a method at the last step of its runs, as the files have it: value, real, ..."""
  files = sorted((RECORDS / data.split()[0] / method).glob("*/scores.json"))
  step = str(DataSet(data).step)
  return [json.loads(file.read_text())["runs"][0]["scores"][step][axis] for file in files]


def values(data: str, method: str, axis: str) -> np.ndarray:
  """Returns the value of every seed."""
  return np.array([entry[0] for entry in entries(data, method, axis)])


@pytest.mark.parametrize(("data", "method", "axis", "ends"), INTERVALS)
def test_ten_intervals(data: str, method: str, axis: str, ends: tuple[float, float]):
  x = values(data, method, axis)
  low, high = ends
  to, back, slope = {
    (True, True): (special.logit, special.expit, lambda m: 1 / (m * (1 - m))),
    (True, False): (np.log, np.exp, lambda m: 1 / m),
    (False, False): (lambda m: m, lambda m: m, lambda m: 1.0),
  }[math.isfinite(low), math.isfinite(high)]
  mean = x.mean()
  around = stats.t.interval(0.95, len(x) - 1, loc=to(mean), scale=stats.sem(x) * slope(mean))
  found = DataSet(data).cell(method, axis).estimate
  assert (found.value, found.low, found.high) == pytest.approx((mean, *map(back, around)), rel=1e-5)


@pytest.mark.parametrize(("data", "a", "b"), PAIRS)
@pytest.mark.filterwarnings("ignore:Precision loss")  # of numbers that are equal in all seeds
def test_three_pairs_of_verdicts_corrected_by_holm(data: str, a: str, b: str):
  reported = gap.tested(DataSet(data), a, b)
  assert len(reported) >= 10
  raw, differences = {}, {}
  for axis in reported:
    far = [values(data, name, axis) for name in (a, b)]
    if axis in TO_REAL:
      far = [abs(x - entries(data, a, axis)[0][1]) for x in far]
    test: Any = stats.ttest_ind(*far, equal_var=False)
    raw[axis] = float(test.pvalue) if max(map(np.ptp, far)) else math.nan
    means = [x.mean() for x in far]
    differences[axis] = abs(means[0] - means[1]) / max(map(abs, means))
  ordered = sorted((p, axis) for axis, p in raw.items() if not math.isnan(p))
  corrected = np.maximum.accumulate([p * (len(ordered) - i) for i, (p, _) in enumerate(ordered)])
  for (_, axis), p in zip(ordered, np.minimum(1, corrected), strict=True):
    assert reported[axis].p == pytest.approx(p, rel=1e-3), axis
    assert reported[axis].decided == (p < 0.05 and differences[axis] > 0.05), axis
