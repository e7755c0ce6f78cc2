"""Looks up numbers of the committed scores for claims, and tests differences for their verdicts.

A test is a difference of means over training seeds by Welch's t-test (Welch 1947), or the distance of a mean
from a constant by Student's. `gengap.report.statistics` has the formulas; two methods of `results/gap` are
compared by the report itself (`results.claims.gap`).
"""

import functools
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from gengap.metrics.estimate import Estimate
from gengap.report.gaps import ALPHA, NEGLIGIBLE
from gengap.report.statistics import holm, interval, varies, welch
from gengap.report.wording import rounded, with_interval

RESULTS = pathlib.Path(__file__).parents[1]
HALF = 0.5
FAMILY = "gan_family/scores.json"
text = rounded  # a number as the page writes it
REPORTED_KL = 0.007  # of report A
REPORTED = {  # what report C has at its last epoch: reconstruction and KL
  "vae_0.8": (125.861, 70.373),
  "vae_1.0": (136.563, 60.671),
  "vae_1.2": (148.81, 52.774),
  "vae_linear": (124.263, 68.69),
}


@functools.cache
def load(name: str) -> Any:
  """Returns a JSON file of `results`, such as "gap/scores.json"."""
  return json.loads((RESULTS / name).read_text())


def find(name: str, *path: str) -> Any:
  """Returns the value in a JSON file of `results` at a path of keys."""
  found = load(name)
  for key in path:
    found = found[key]
  return found


def probability(p: float) -> str:
  """Returns a p value."""
  return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


class Sample(NamedTuple):
  """A number of several training seeds."""

  values: Sequence[float]
  low: float = -math.inf  # least possible value
  high: float = math.inf  # greatest possible value

  @property
  def mean(self) -> float:
    """The mean over seeds."""
    return float(np.mean(self.values))

  @property
  def seeds(self) -> str:
    """How many seeds there are, in words."""
    return f"{len(self.values)} seed{'s' * (len(self.values) > 1)}"

  def __str__(self) -> str:
    found = interval(self.values, self.low, self.high)
    if math.isfinite(found.low):
      return with_interval(found)
    return text(found.value) + (f" in all {len(self.values)} seeds" if len(self.values) > 1 else "")


class Test(NamedTuple):
  """A difference, what is expected of its sign, and its p value."""

  difference: Estimate
  p: float  # NaN: not tested
  expected: int  # sign
  adjusted: bool = False  # whether p is corrected for the other tests of its family already
  negligible: bool = False  # whether the difference is too small to be told, whatever its p value is

  def outcome(self, p: float) -> int:
    """Returns 1: decided as expected, -1: decided against it, 0: not decided."""
    decided = p < ALPHA and not self.negligible
    return int(np.sign(self.difference.value)) * self.expected if decided else 0

  def said(self, p: float) -> str:
    """Returns the adjusted p value in words, and whether the difference is too small to count."""
    found = probability(p) if math.isfinite(p) else "not tested"
    return found + (f" for a difference below {NEGLIGIBLE:.0%}" if self.negligible and p < ALPHA else "")

  def __str__(self) -> str:
    return with_interval(self.difference)


def summary(*path: str) -> Sample:
  """Returns values with the mean and standard deviation that `gan_family/scores.json` has of a number."""
  found, seeds = find(FAMILY, *path), find(FAMILY, path[0], "seeds")
  if seeds < 2 or "each" in found:
    return Sample(found.get("each", [found["mean"]]))
  spaced = np.arange(seeds) - (seeds - 1) / 2
  return Sample(list(found["mean"] + found["std"] * spaced / spaced.std(ddof=1)), low=0.0)


def by_seed(part: str, name: str, number: str) -> Sample:
  """Returns a number of every seed of a run in `autoencoders/scores.json`."""
  return Sample([x[number] for x in find("autoencoders/scores.json", part, name).values()])


def probe(data: str, run: str, name: str, number: str) -> str:
  """Returns a number of `probes/scores.json` and its interval over images or paths of one trained model."""
  value, *ends = find("probes/scores.json", data, run, name, "numbers", number)
  return text(value) + (f" [{', '.join(map(text, ends))}]" if ends else "")


def frozen(loss: str) -> Sample:
  """Returns the gradient at an image once the critic of a frozen generator has won, of every seed."""
  return Sample([curve[-1] for curve in find(FAMILY, f"frozen_{loss}", "reaching", "each")], low=0.0)


def swing(loss: str) -> Sample:
  """Returns the factor by which that gradient varies over the second half of the updates, of every seed."""
  curves = [curve[len(curve) // 2 :] for curve in find(FAMILY, f"frozen_{loss}", "reaching", "each")]
  return Sample([max(curve) / min(curve) for curve in curves], low=1.0)


def scarce(sample: Sample) -> str:
  """Returns the words with which a verdict must begin if there is one seed."""
  return "" if len(sample.values) > 1 else "one seed; "


def updates(name: str) -> str:
  """Returns how many generator updates a run in `gan_family/scores.json` had, in words."""
  return f"{find('gan_family/scores.json', name, 'steps')[0]:,} updates"


def linear_limit() -> float:
  """Returns the beta above which the best linear VAE of CIFAR-10 has no active unit."""
  return 2 * find("autoencoders/scores.json", "linear", "largest_variance", "value")


def trend(xs: Sequence[float], ys: Sequence[float], expected: int) -> Test:
  """Returns Kendall's tau of two orders and its exact p value (Kendall 1938)."""
  found: Any = stats.kendalltau(xs, ys)  # whose fields SciPy does not declare
  return Test(Estimate(float(found.statistic)), float(found.pvalue), expected)


def less(a: Sample, b: Sample, expected: int) -> Test:
  """Returns the difference of two samples."""
  found = welch(a.values, b.values)
  return Test(found.difference, found.p, expected)


def beside(a: Sample, constant: float, expected: int) -> Test:
  """Returns a sample's distance from a constant."""
  found = Estimate(a.mean - constant)
  if not varies(a.values):
    return Test(found, math.nan, expected)
  ends = interval([value - constant for value in a.values])
  test: Any = stats.ttest_1samp(a.values, constant)
  return Test(ends, float(test.pvalue), expected)


def outcomes(tests: Sequence[Test]) -> list[tuple[int, float]]:
  """Returns the outcome and adjusted p value of every test, those that aren't adjusted corrected together."""
  raw = iter(holm([test.p for test in tests if not test.adjusted]))
  ps = [test.p if test.adjusted else next(raw) for test in tests]
  return [(test.outcome(p), p) for test, p in zip(tests, ps, strict=True)]


def reported(value: float) -> str:
  """Marks a number of a source report, which no measurement here gives."""
  return f"{value:,}"
