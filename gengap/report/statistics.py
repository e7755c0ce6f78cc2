"""Statistics over training seeds: bounded intervals of means, Welch's test, Holm's correction, ratios.

Runs of two methods share no draws, whatever their seeds, so that two methods are two independent samples.
Where no run differs from another there is no variance to test with, and hence no interval and no p value.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from gengap.metrics.estimate import LEVEL, Estimate

LARGEST = 700.0  # exponent of which a float has no overflow
ROUNDING = 1e-9  # relative spread of values that differ by the order of summation alone


class Cell(NamedTuple):
  """An axis of a method: a number for every training seed that has one, or why there is none."""

  values: Mapping[int, float]  # seed -> value
  reason: str = ""  # of seeds without one
  low: float = -math.inf  # least possible value
  high: float = math.inf  # greatest possible value

  @property
  def estimate(self) -> Estimate:
    """The mean and its interval over training seeds."""
    return interval(list(self.values.values()), self.low, self.high)


class Welch(NamedTuple):
  """The difference of two means."""

  difference: Estimate  # mean of a less mean of b
  p: float = math.nan  # of Welch's t-test; NaN: not tested
  g: float = math.nan  # Hedges' g; NaN without variance
  reason: str = ""  # why there is no test


def varies(*samples: Sequence[float]) -> bool:
  """Whether the values of any sample differ by more than rounding does."""
  largest = max((abs(x) for values in samples for x in values), default=0.0)
  return any(len(values) > 1 and np.ptp(values) > ROUNDING * largest for values in samples)


def interval(values: Sequence[float], low: float = -math.inf, high: float = math.inf) -> Estimate:
  """The mean of values and its 95 % interval, which never leaves the range of possible values.

  Student's t for the mean, transformed to an unbounded scale by the delta method: the logit between two
  bounds, the logarithm above one (Agresti 2013, "Categorical Data Analysis", section 3.1.6; Korn and Graubard
  1998, "Confidence intervals for proportions with small expected number of positive counts").

  Args:
    values: [n] independent numbers, such as one a training seed; all finite.
    low: least possible value.
    high: greatest possible value.

  Returns:
    The mean and its interval; no interval for fewer than two values, or where none differs from another.
  """
  if not len(values):
    return Estimate(math.nan)
  mean = float(np.mean(values))
  if not varies(values):
    return Estimate(mean)
  half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values))
  if not low < mean < high or (math.isinf(low) and math.isinf(high)):
    return Estimate(mean, mean - half, mean + half).within(low, high)
  if math.isinf(low):
    reach = math.exp(min(half / (high - mean), LARGEST))
    return Estimate(mean, high - (high - mean) * reach, high - (high - mean) / reach)
  if math.isinf(high):
    reach = math.exp(min(half / (mean - low), LARGEST))
    return Estimate(mean, low + (mean - low) / reach, low + (mean - low) * reach)
  width = high - low
  share = (mean - low) / width
  ends = special.expit(special.logit(share) + np.array([-1, 1]) * half / width / (share * (1 - share)))
  return Estimate(mean, float(low + width * ends[0]), float(low + width * ends[1]))


def error(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
  """Returns the squared standard error of a difference of two means, and its degrees of freedom (Welch)."""
  parts = [float(np.var(x, ddof=1)) / len(x) for x in (a, b)]
  freedom = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True))
  return sum(parts), freedom


def exactly(a: Sequence[float], b: Sequence[float]) -> str:
  """Says by how much two methods differ none of which has any variance."""
  seeds = f"{len(a)}" if len(a) == len(b) else f"{len(a)} and {len(b)}"
  if varies([*a, *b]):
    return f"differ by exactly {abs(np.mean(a) - np.mean(b)):.3g} in all {seeds} seeds"
  return f"equal in all {seeds} seeds"


def welch(a: Sequence[float], b: Sequence[float]) -> Welch:
  """Compares the means of two independent samples of unequal variances (Welch 1947), two-sided.

  The effect is Hedges' g: the difference over the pooled standard deviation, corrected for the number of
  values (Hedges 1981, "Distribution theory for Glass's estimator of effect size").

  Args:
    a: [n] numbers, such as one a training seed; all finite.
    b: [m] numbers, of other runs.

  Returns:
    The difference of means with its 95 % interval, p and g; no interval, p or g with fewer than two values of
    either, or where neither varies by more than rounding, and then why.
  """
  if not len(a) or not len(b):
    return Welch(Estimate(math.nan), reason="not measured of both")
  gap = float(np.mean(a) - np.mean(b))
  if min(len(a), len(b)) < 2:
    return Welch(Estimate(gap), reason="needs two seeds of each")
  if not varies(a, b):
    return Welch(Estimate(gap if varies([*a, *b]) else 0.0), reason=exactly(a, b))
  squared, freedom = error(a, b)
  half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(squared)
  p = 2 * float(stats.t.sf(abs(gap) / math.sqrt(squared), freedom))
  pooled = sum((len(x) - 1) * float(np.var(x, ddof=1)) for x in (a, b)) / (len(a) + len(b) - 2)
  g = gap / math.sqrt(pooled) * (1 - 3 / (4 * (len(a) + len(b) - 2) - 1))
  return Welch(Estimate(gap, gap - half, gap + half), p, g)


def holm(ps: Sequence[float]) -> list[float]:
  """Adjusts p values so that the chance of any false finding among them is kept (Holm 1979).

  Args:
    ps: p values; NaN where nothing was tested, which stays and does not count.
  """
  tested = sorted((p, i) for i, p in enumerate(ps) if not math.isnan(p))
  adjusted, least = [math.nan] * len(ps), 0.0
  for rank, (p, i) in enumerate(tested):
    least = adjusted[i] = max(least, min(1.0, p * (len(tested) - rank)))
  return adjusted


def ratio_interval(a: Sequence[float], b: Sequence[float]) -> Estimate:
  """The ratio of two means of positive numbers, with its 95 % interval.

  Welch's interval of the difference of logarithms of the means, by the delta method (Hedges, Gurevitch and
  Curtis 1999, "The meta-analysis of response ratios in experimental ecology", equation 1).

  Returns:
    mean(a) / mean(b); no interval with fewer than two values of either or without variance; NaN where a mean
    is not positive.
  """
  if not len(a) or not len(b) or not min(np.mean(a), np.mean(b)) > 0:
    return Estimate(math.nan)
  ratio = float(np.mean(a) / np.mean(b))
  if min(len(a), len(b)) < 2 or not varies(a, b):
    return Estimate(ratio)
  squared, freedom = error(*([x / float(np.mean(values)) for x in values] for values in (a, b)))
  half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(squared)
  reach = math.exp(min(half, LARGEST))
  return Estimate(ratio, ratio / reach, ratio * reach)
