"""The answer in five sentences: what was given, what each method gives up, how wide the gap is, how sure."""

import math
from typing import NamedTuple

from gengap.gap import compare
from gengap.gap.axes import AXES, COST, DISTANCE, Axis, axis_of
from gengap.gap.compare import View
from gengap.gap.groups import Comparison, Group
from gengap.gap.seeds import Cell, Difference, difference

MOST = 6  # axes named in a sentence
TRIFLE = 0.01  # of a number, that a difference must exceed to be told
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Gap(NamedTuple):
  """Two methods on one axis."""

  axis: Axis
  a: Cell
  b: Cell
  less: Difference  # a - b
  worse: Difference  # of how bad a is, and how bad b is
  real: float
  alone: bool  # whether the methods have but one seed in common

  @property
  def wins(self) -> int:
    """Returns 1 where a is better, -1 where b is, 0 where neither is by more than a trifle."""
    gap, one, two = self.worse.mean.value, self.a.estimate.value, self.b.estimate.value
    if not math.isfinite(gap) or abs(gap) <= TRIFLE * max(abs(one), abs(two)):
      return 0
    return 1 if gap < 0 else -1

  @property
  def clear(self) -> bool:
    """Whether who wins is decided by its interval; of methods with one seed, whether anyone does."""
    return bool(self.wins) and (self.worse.decided if self.worse.n > 1 else self.alone)


def gaps(comparison: Comparison, a: Group, b: Group, view: View) -> list[Gap]:
  """Returns two methods' numbers on every axis that both have."""
  found, alone = [], len(set(a.records) & set(b.records)) == 1
  for axis in AXES:
    row = compare.row(comparison, view, axis)
    less = difference(row[a.name], row[b.name])
    if not less.n:
      continue
    seeds = sorted(set(row[a.name].values) & set(row[b.name].values))
    one, two = (Cell({seed: row[g.name].values[seed] for seed in seeds}) for g in (a, b))
    real = compare.floor(comparison, view, axis)
    worse = difference(*(compare.badness(axis, cell, real) for cell in (one, two)))
    found.append(Gap(axis, one, two, less, worse, real, alone))
  return found


def short(value: float) -> str:
  """Returns a number by three digits that count."""
  return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def count(n: int, what: str) -> str:
  """Returns how many there are, in words."""
  return f"{NUMBERS[n] if n < len(NUMBERS) else n} {what}{'' if n == 1 else 's'}"


def listed(parts: list[str]) -> str:
  """Joins parts by commas and a last "and"."""
  return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)


def gives_up(loser: str, other: str, lost: list[tuple[Gap, Cell, Cell]], sure: bool) -> str:
  """Returns what a method gives up against another: the axes on which it is worse, with both numbers."""
  if not lost:
    return f"{loser} gives up nothing that was measured{' and decided' if sure else ''} here."
  named = [
    f"{gap.axis.title} ({short(own.estimate.value)} against {short(others.estimate.value)})"
    for gap, own, others in lost[:MOST]
  ]
  more = f", and {count(len(lost) - MOST, 'more number')} below" if len(lost) > MOST else ""
  return f"Against {other}, {loser} gives up {listed(named)}{more}."


def width(comparison: Comparison, a: Group, b: Group, view: View) -> str:
  """Returns how wide the gap in Frechet distance is; empty where it was not measured."""
  axis = axis_of("frechet")
  row, real = compare.row(comparison, view, axis), compare.floor(comparison, view, axis)
  less = difference(row[a.name], row[b.name])
  shared = set(row[a.name].values) & set(row[b.name].values)
  one, two = (Cell({s: row[g.name].values[s] for s in sorted(shared)}).estimate.value for g in (a, b))
  if not (math.isfinite(one) and math.isfinite(two) and min(one, two) > 0):
    return ""
  far, near = (a, b) if one > two else (b, a)
  ratio = max(one, two) / min(one, two)
  beside = f"; training images have {short(real)}" if math.isfinite(real) else ""
  return (
    f"{far.name} is {short(ratio)} times as far from the data as {near.name} by the Frechet "
    f"distance ({short(max(one, two))} against {short(min(one, two))}{beside}"
    + (", undecided between seeds)" if less.n > 1 and not less.decided else ")")
  )


def sentences(comparison: Comparison) -> list[str]:
  """Returns the answer for one data set, a string a sentence; fewer where there is nothing to compare."""
  if not (pair := compare.rivals(comparison)):
    return [f"On {comparison.title} there is one method, {comparison.groups[0].name}: no gap can be told."]
  a, b = pair
  step = compare.equal_updates(pair)
  view = compare.at_step(step)
  found = [gap for gap in gaps(comparison, a, b, view) if gap.axis.theme != COST]
  n = len(set(a.records) & set(b.records))
  kinds = [f"{g.name} ({g.kind})" if g.kind not in g.name else g.name for g in pair]
  near = f" the nearest of its kind to {compare.judges(comparison)}" if len(comparison.groups) > 2 else ""
  first = (
    f"On {comparison.title}, {listed(kinds)}{', each' + near + ',' if near else ''} were given {step:,} "
    f"generator updates each, in {count(n, 'training seed')}."
  )
  if not n:
    return [first, "They have no training seed in common: no gap can be told."]
  if not found:
    return [first, f"No number was taken of both at step {step:,} (take --step=all): no gap can be told."]
  told = [gap for gap in found if gap.clear and gap.axis.theme != DISTANCE]
  lost_a = [(gap, gap.a, gap.b) for gap in told if gap.wins < 0]
  lost_b = [(gap, gap.b, gap.a) for gap in told if gap.wins > 0]
  updates = width(comparison, a, b, view)
  flops = width(comparison, a, b, compare.within_flops(compare.equal_flops(pair)))
  wide = f"At equal updates, {updates}" if updates else "No Frechet distance was measured of both"
  if flops and flops != updates:
    wide += f"; at equal operations of training, {flops}"
  scored = [gap for gap in found if gap.axis.better]
  decided = sum(gap.clear for gap in scored)
  sure = (
    f"Of {count(len(scored), 'number')} that have a better side, {decided} differ by more than chance "
    f"between seeds would (95 % intervals of paired differences over {n} seeds, not corrected for how many "
    "there are)."
    if n > 1
    else "With one seed for each there is no telling a gap between methods from a gap between two runs."
  )
  return [
    first,
    gives_up(a.name, b.name, lost_a, n > 1),
    gives_up(b.name, a.name, lost_b, n > 1),
    f"{wide}.",
    sure,
  ]
