"""Numbers with intervals of 95 %."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 1000


class Estimate(NamedTuple):
  """A value and its interval; NaN where there is none."""

  value: float
  low: float = np.nan
  high: float = np.nan

  def within(self, low: float, high: float) -> "Estimate":
    """Returns it with an interval that does not leave the range of its value."""
    return self._replace(low=max(self.low, low), high=min(self.high, high))

  def __str__(self) -> str:
    if not np.isfinite(self.value):
      return "none"
    return f"{self.value:.4g}" + (f" [{self.low:.3g}, {self.high:.3g}]" if np.isfinite(self.low) else "")


NONE = Estimate(np.nan)


def bootstrap(statistic: Callable[..., Any], *rows: np.ndarray, resamples: int = RESAMPLES) -> Estimate:
  """Estimates a statistic of independent rows by the percentiles of resampled ones (Efron 1979).

  The interval is widened to the value itself where resampling moves the statistic, as it does counts.

  Args:
    statistic: of arrays [N, ...] -> a number.
    *rows: [N, ...] each, resampled together.
    resamples: how often.
  """
  n, rng = len(rows[0]), np.random.default_rng(0)
  value = float(statistic(*rows))
  if n < 2 or not np.isfinite(value):
    return Estimate(value)
  drawn = [statistic(*(r[chosen] for r in rows)) for chosen in rng.integers(0, n, (resamples, n))]
  low, high = np.nanpercentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
  return Estimate(value, min(value, float(low)), max(value, float(high)))


def mean(values: Any) -> Estimate:
  """Estimates the mean of independent values [N]; those that are not finite are left out."""
  return bootstrap(np.mean, kept) if len(kept := finite(values)) else NONE


def median(values: Any) -> Estimate:
  """Estimates the median of independent values [N]; those that are not finite are left out."""
  return bootstrap(np.median, kept) if len(kept := finite(values)) else NONE


def share(hits: Any) -> Estimate:
  """Estimates how often something is so, of independent cases [N] bool (Wilson 1927)."""
  hits = np.asarray(hits, bool)
  if not len(hits):
    return NONE
  interval = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(LEVEL, method="wilson")
  return Estimate(float(hits.mean()), float(interval.low), float(interval.high))


def jackknife(statistic: Callable[..., Any], *rows: np.ndarray, groups: int = 10) -> Estimate:
  """Estimates a statistic of independent rows by leaving out a tenth at a time (Quenouille, Tukey 1958).

  For statistics that rows which occur twice would mislead, such as those of nearest neighbours.

  Args:
    statistic: of arrays [N, ...] -> a number.
    *rows: [N, ...] each, left out together; in random order.
    groups: how many parts are left out in turn; fewer of less than two rows each.
  """
  n, value = len(rows[0]), float(statistic(*rows))
  if n < 4 or not np.isfinite(value):
    return Estimate(value)
  groups = min(groups, n // 2)
  part = np.arange(n) % groups
  left = np.array([statistic(*(r[part != g] for r in rows)) for g in range(groups)])
  error = np.sqrt((groups - 1) * left.var())
  reach = stats.t.ppf(0.5 + LEVEL / 2, groups - 1) * error
  return Estimate(value, float(value - reach), float(value + reach))


def finite(values: Any) -> np.ndarray:
  """Returns those of values [N] that are finite, as float64."""
  values = np.asarray(values, np.float64)
  return values[np.isfinite(values)]
