"""Numbers with intervals of 95 %."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 1000


class Estimate(NamedTuple):
  """A value and its interval; NaN if undefined."""

  value: float
  low: float = np.nan
  high: float = np.nan
  left_out: int = 0  # rows that the statistic is not defined for

  def within(self, low: float, high: float) -> "Estimate":
    """Returns the estimate with its interval cut to the range of its value."""
    return self._replace(low=max(self.low, low), high=min(self.high, high))

  def __str__(self) -> str:
    if np.isnan(self.value):
      return "none"
    interval = f" [{self.low:.3g}, {self.high:.3g}]" if np.isfinite(self.low) else ""
    return f"{self.value:.4g}{interval}" + (f" ({self.left_out} left out)" if self.left_out else "")


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
  drawn = [x for x in drawn if not np.isnan(x)]
  low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]) if drawn else (np.nan, np.nan)
  if not np.isfinite([low, high]).all():
    return Estimate(value)
  return Estimate(value, min(value, float(low)), max(value, float(high)))


def mean(values: Any) -> Estimate:
  """Estimates the mean of independent values [N]; NaN is left out and counted, infinity is not."""
  return of_defined(np.mean, values)


def median(values: Any) -> Estimate:
  """Estimates the median of independent values [N]; NaN is left out and counted, infinity is not."""
  return of_defined(np.median, values)


def of_defined(statistic: Callable[..., Any], values: Any) -> Estimate:
  """Estimates a statistic of values [N] without NaN, and counts the NaN."""
  values = np.asarray(values, np.float64)
  kept = values[~np.isnan(values)]
  found = bootstrap(statistic, kept) if len(kept) else NONE
  return found._replace(left_out=len(values) - len(kept))


def share(hits: Any) -> Estimate:
  """Estimates a proportion from independent cases [N] bool (Wilson 1927)."""
  hits = np.asarray(hits, bool)
  if not len(hits):
    return NONE
  low, high = wilson(hits.sum(), len(hits))
  return Estimate(float(hits.mean()), float(low), float(high))


def wilson(hits: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the intervals of shares of n independent cases, of counts [...]: low [...] and high [...]."""
  share, z = np.asarray(hits) / n, stats.norm.ppf(0.5 + LEVEL / 2)
  centre = share + z**2 / (2 * n)
  reach = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
  scale = 1 + z**2 / n
  return np.maximum((centre - reach) / scale, 0), np.minimum((centre + reach) / scale, 1)


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
