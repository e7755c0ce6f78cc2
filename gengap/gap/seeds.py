"""Numbers over training seeds: means with Student's intervals, and paired differences."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from gengap.probes.estimate import LEVEL, Estimate


class Cell(NamedTuple):
  """An axis of a method: a number for every training seed that has one, or why there is none."""

  values: Mapping[int, float]  # seed -> value
  reason: str = ""  # of seeds without one

  @property
  def estimate(self) -> Estimate:
    """The mean and its interval over training seeds."""
    return interval(list(self.values.values()))


class Difference(NamedTuple):
  """One method less another, over the seeds that both have."""

  mean: Estimate
  p: float  # of a paired t-test; NaN with fewer than two seeds
  n: int

  @property
  def decided(self) -> bool:
    """Whether the interval excludes 0."""
    return self.mean.low > 0 or self.mean.high < 0


def interval(values: Sequence[float]) -> Estimate:
  """The mean of values and its interval by Student's t; none for fewer than two values."""
  if not len(values):
    return Estimate(math.nan)
  mean = float(np.mean(values))
  if len(values) < 2:
    return Estimate(mean)
  half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values)
  return Estimate(mean, mean - float(half), mean + float(half))


def difference(a: Cell, b: Cell) -> Difference:
  """Compares two methods by the seeds that both have, each pair trained on the same draws of the data."""
  seeds = sorted(set(a.values) & set(b.values))
  gaps = [a.values[seed] - b.values[seed] for seed in seeds]
  if len(gaps) < 2:
    return Difference(interval(gaps), math.nan, len(gaps))
  spread = float(stats.sem(gaps))
  t = abs(float(np.mean(gaps))) / spread if spread else (math.inf if any(gaps) else 0.0)
  return Difference(interval(gaps), 2 * float(stats.t.sf(t, len(gaps) - 1)), len(gaps))
