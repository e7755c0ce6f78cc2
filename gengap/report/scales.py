"""Scales of charts: from values to coordinates, and ticks as plain numbers."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from matplotlib.ticker import MaxNLocator

LINEAR, LOG, SYMLOG = "linear", "log", "symlog"
FORWARD = {  # values to what a scale is linear in; symlog is linear between -1 and 1
  LINEAR: float,
  LOG: math.log10,
  SYMLOG: lambda x: x if abs(x) <= 1 else math.copysign(1 + math.log10(abs(x)), x),
}


class Scale(NamedTuple):
  """Values from `low` to `high` as coordinates from `start` to `end`."""

  low: float
  high: float
  start: float
  end: float
  kind: str = LINEAR

  def at(self, value: float) -> float:
    """Returns the coordinate of a value."""
    low, high, here = map(FORWARD[self.kind], (self.low, self.high, value))
    return self.start + (here - low) / (high - low) * (self.end - self.start)

  def ticks(self, most: int) -> list[float]:
    """Returns two or more round values within the scale, at most one more than `most`."""
    if self.kind != LINEAR:
      tries = (self.powers(every) for every in range(1, 20))
      powers = next(found for found in tries if len(self.within(found)) <= most)
      for found in map(self.within, (powers, multiples(self.powers(1)))):
        if 2 <= len(found) <= most + 1:
          return found
    return self.within(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high))

  def within(self, values: Iterable[float]) -> list[float]:
    """Returns the values on the scale; its ends are."""
    slack = 1e-9 * (self.high - self.low)
    return [float(x) for x in values if self.low - slack <= x <= self.high + slack]

  def powers(self, every: int) -> list[float]:
    """Returns the powers of ten about the scale whose exponents are multiples of `every`.

    Those of a symlog scale begin at 1, and are also 0 and the negative ones.
    """
    largest = math.ceil(math.log10(max(abs(self.low), abs(self.high))))
    least = math.floor(math.log10(self.low)) if self.kind == LOG else 0
    up = [10.0**e for e in range(least, largest + 1) if e % every == 0]
    return up if self.kind == LOG else [-x for x in reversed(up)] + [0.0, *up]

  def labelled(self, most: int) -> list[tuple[float, str]]:
    """Returns the ticks with their numbers as text."""
    return [(tick, plain(tick)) for tick in self.ticks(most)]

  @property
  def told(self) -> str:
    """The scale as text for the page's script."""
    return f"{self.kind} {self.low:.6g} {self.high:.6g} {self.start:.6g} {self.end:.6g}"


def multiples(powers: Iterable[float]) -> list[float]:
  """Returns 1, 2 and 5 times every number, in order."""
  return sorted({x * times for x in powers for times in (1, 2, 5)})


def plain(value: float) -> str:
  """Returns a tick as a plain number, such as 0.05, 3,000 or 2e13."""
  base, _, exponent = f"{value:,.6g}".partition("e")
  return f"{base}e{int(exponent)}" if exponent else base


def linear(values: Iterable[float], start: float, end: float, zero: bool = False) -> Scale:
  """Returns a linear scale that holds finite values, with some space beyond them.

  Args:
    values: any numbers; those that are not finite count for nothing.
    start: coordinate of the least.
    end: coordinate of the greatest.
    zero: whether the scale begins at 0.
  """
  low, high = span(values)
  low = min(low, 0.0) if zero else low
  space = 0.05 * (high - low) or 0.05 * abs(high) or 0.5  # where all are equal, or 0
  return Scale(low if zero and low == 0 else low - space, high + space, start, end)


def logarithmic(values: Iterable[float], start: float, end: float) -> Scale:
  """Returns a logarithmic scale that holds the positive values, with some space beyond them."""
  low, high = span(x for x in values if x > 0)
  if not low > 0:
    return Scale(0.1, 1, start, end, LOG)
  space = (high / low) ** 0.05 if high > low else 1.2
  return Scale(low / space, high * space, start, end, LOG)


def symmetric(values: Iterable[float], start: float, end: float) -> Scale:
  """Returns a scale of values of any sign: logarithmic beyond -1 and 1, linear between."""
  found = linear(values, start, end)
  return found._replace(kind=SYMLOG)


def span(values: Iterable[float]) -> tuple[float, float]:
  """Returns the least and the greatest finite value; (0, 0): there is none."""
  finite = [x for x in values if math.isfinite(x)]
  return (min(finite), max(finite)) if finite else (0.0, 0.0)
