"""Numbers, counts and lists as text."""

import math

from gengap.metrics.estimate import Estimate

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def rounded(value: float) -> str:
  """Returns a number with three significant digits."""
  return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def with_interval(found: Estimate) -> str:
  """Returns a number and, in brackets, its interval if it has one."""
  interval = f" [{rounded(found.low)}, {rounded(found.high)}]" if math.isfinite(found.low) else ""
  return f"{rounded(found.value)}{interval}"


def probability(p: float) -> str:
  """Returns a p value, which is never 0, however small it is."""
  return "< 0.001" if p < 0.001 else rounded(p)


def spelled(n: int) -> str:
  """Returns a small number as a word, a larger one in digits."""
  return NUMBERS[n] if n < len(NUMBERS) else str(n)


def counted(n: int, noun: str) -> str:
  """Returns a number and its noun, in the plural where it is not one."""
  return f"{spelled(n)} {noun}{'' if n == 1 else 's'}"


def joined(parts: list[str]) -> str:
  """Returns parts joined by commas and a last "and"."""
  return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)
