"""The verdict on the difference of two methods: decided, undecided, or no difference larger than a bound."""

import enum
import math

from gengap.report.gaps import Gap
from gengap.report.wording import probability, rounded

SMALL = 0.1  # of the value of real images, or of the larger distance from the best value if that is larger


class Verdict(enum.Enum):
  """What is known of a difference; the value is how the page names it."""

  DECIDED = "decided"
  UNDECIDED = "undecided"
  SMALL = "no difference larger than"  # than `bound`
  UNTESTED = "not tested"


def bound(gap: Gap) -> float:
  """Returns the largest absolute difference within the interval of the difference; NaN: it has none."""
  difference = gap.test.difference
  return max(abs(difference.low), abs(difference.high))


def verdict(gap: Gap) -> Verdict:
  """Returns the verdict on a difference.

  It is decided where p, corrected by Holm, is below ALPHA and the difference is not negligible. If not, and
  its whole 95 % interval is small, there is no difference larger than `bound`: a test of equivalence
  (Schuirmann 1987, doi:10.1007/BF01068419) at half of the interval's error. Otherwise it is undecided.
  """
  if not math.isfinite(gap.p):
    return Verdict.UNTESTED
  if gap.decided:
    return Verdict.DECIDED
  scale = max(*map(abs, gap.distances), abs(gap.real) if math.isfinite(gap.real) else 0.0)
  return Verdict.SMALL if bound(gap) <= SMALL * scale else Verdict.UNDECIDED


def words(gap: Gap) -> str:
  """Returns the verdict with what it rests on: p or the bound, or why there was no test."""
  found = verdict(gap)
  if found is Verdict.SMALL:
    return f"{found.value} {rounded(bound(gap))}"
  if found is Verdict.UNTESTED:
    return f"{found.value}: {gap.test.reason}" if gap.test.reason else found.value
  p = probability(gap.p)
  return f"{found.value} (p {p})" if p.startswith("<") else f"{found.value} (p = {p})"


def short(gap: Gap) -> str:
  """Returns the verdict in a word or two, for a row of a chart."""
  found = verdict(gap)
  return f"\u2264 {rounded(bound(gap))}" if found is Verdict.SMALL else found.value
