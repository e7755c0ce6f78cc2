"""The answer in a few sentences: what was given, what each method gives up, how wide the gap is, how sure."""

import math

from gengap.evaluation.quantities import Better
from gengap.metrics.estimate import Estimate
from gengap.report import compare, statistics
from gengap.report.axes import COST, DISTANCE, axis_of
from gengap.report.compare import View
from gengap.report.gaps import SURE, TRIFLE, Gap, gaps
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell

MOST = 6  # axes named in a sentence
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DRAWN = {  # how an evaluation says samples were drawn -> in a sentence
  "decoder means": "samples are decoder means, without a draw from p(x|z)",
  "generator's": "samples are the generator's output",  # as gengap 0.1 put it
  "generator output": "samples are the generator's output",
}


def short(value: float) -> str:
  """Returns a number by three digits that count."""
  return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def bracket(found: Estimate) -> str:
  """Returns a number with its interval, where it has one."""
  interval = f" [{short(found.low)}, {short(found.high)}]" if math.isfinite(found.low) else ""
  return f"{short(found.value)}{interval}"


def word(n: int) -> str:
  """Returns a number in words, where it is small."""
  return NUMBERS[n] if n < len(NUMBERS) else str(n)


def count(n: int, what: str) -> str:
  """Returns how many there are, in words."""
  return f"{word(n)} {what}{'' if n == 1 else 's'}"


def listed(parts: list[str]) -> str:
  """Joins parts by commas and a last "and"."""
  return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)


def gives_up(loser: str, other: str, lost: list[tuple[Gap, Cell, Cell]], sure: bool) -> str:
  """Returns what a method gives up against another: the axes on which it is worse, with both numbers."""
  if not lost:
    return (
      f"Against {other}, {loser} gives up nothing that was measured{' and decided' if sure else ''} here."
    )
  named = [
    f"{gap.axis.quantity.title} ({short(own.estimate.value)} against {short(others.estimate.value)}"
    + (f", real images {short(gap.real)})" if gap.axis.quantity.better is Better.REAL else ")")
    for gap, own, others in lost[:MOST]
  ]
  more = f", and {count(len(lost) - MOST, 'more number')} below" if len(lost) > MOST else ""
  return f"Against {other}, {loser} gives up {listed(named)}{more}."


def width(comparison: Comparison, a: Group, b: Group, view: View) -> str:
  """Returns how wide the gap in Frechet distance is; empty where it was not measured."""
  axis = axis_of("frechet")
  row, real = compare.row(comparison, view, axis), compare.floor(comparison, view, axis)
  squares = {group.name: list(row[group.name].values.values()) for group in (a, b)}
  roots = {name: [math.sqrt(max(x, 0.0)) for x in values] for name, values in squares.items()}
  if not all(roots.values()) or not min(sum(values) for values in roots.values()) > 0:
    return ""
  near, far = sorted((a.name, b.name), key=lambda name: sum(roots[name]) / len(roots[name]))
  ratio = statistics.ratio_interval(roots[far], roots[near])
  beside = f", of held-out real images {short(real)}" if math.isfinite(real) else ""
  means = {name: short(row[name].estimate.value) for name in squares}
  return (
    f"{far} is {bracket(ratio)} times as far from the data as {near} by the Frechet distance "
    f"(its square, as FID is: {means[far]} against {means[near]}{beside})"
    + (", which is undecided between seeds" if ratio.low <= 1 else "")
  )


def memory(group: Group, cell: Cell, real: float, spread: float) -> str:
  """Returns a warning where a method's samples are nearer to training images than held-out images are.

  Args:
    group: the method.
    cell: its training-set proximity.
    real: that of held-out real images.
    spread: standard deviation over draws of what they are compared with; NaN: not measured.
  """
  if not cell.estimate.low > real + 2 * (0.0 if math.isnan(spread) else spread):
    return ""
  return (
    f"Of the samples of {group.name} a share of {bracket(cell.estimate)} is nearer to a training image than "
    f"to a held-out one, of held-out real images {short(real)}: copies raise this share, and blur does too"
    + ("." if math.isfinite(spread) else "; it was measured beside one draw of real images.")
  )


def introduced(group: Group) -> str:
  """Returns a method's name with its kind and how its samples are drawn."""
  kind = [] if group.kind in group.name else [group.kind]
  return f"{group.name} ({'; '.join([*kind, manner(group)])})"


def manner(group: Group) -> str:
  """Returns how a method's samples are drawn."""
  return DRAWN.get(group.drawn, f"samples: {group.drawn}")


def given(comparison: Comparison, pair: tuple[Group, Group], step: int) -> str:
  """Returns the first sentence: who is compared, how samples are drawn, the budget, the number of seeds."""
  chosen = f", each the nearest of its kind to {compare.judges(comparison)},"
  seeds = [len(group.records) for group in pair]
  return (
    f"On {comparison.title}, {listed([introduced(group) for group in pair])}"
    f"{chosen if len(comparison.groups) > 2 else ''} were trained for {step:,} generator updates each, with "
    + (
      f"{count(seeds[0], 'training seed')} each."
      if seeds[0] == seeds[1]
      else f"{seeds[0]} and {seeds[1]} seeds."
    )
  )


def certainty(scored: list[Gap]) -> str:
  """Returns the last sentence: how many differences are decided."""
  tested = [gap for gap in scored if math.isfinite(gap.p)]
  if not tested:
    return "With one seed for each there is no telling a gap between methods from a gap between two runs."
  same = sum(not math.isfinite(gap.p) and bool(gap.wins) for gap in scored)
  clear = sum(gap.clear for gap in tested)
  decided = f"{word(clear) if clear else 'none'} differ{'s' if clear < 2 else ''}"
  left = f" {word(same).capitalize()} more cannot be tested: no seed differs from another."
  return (
    f"Of {count(len(tested), 'number')} that can be tested, {decided} by more than chance between seeds does "
    f"and by more than {TRIFLE:.0%} of the distance from the best value (Welch's t, p below {SURE:g} after "
    f"Holm's correction for all tests of this data set).{left * bool(same)}"
  )


def sentences(comparison: Comparison) -> list[str]:
  """Returns the answer for one data set, a string a sentence; fewer where there is nothing to compare."""
  if not (pair := compare.rivals(comparison)):
    only = comparison.groups[0]
    return [f"On {comparison.title} there is one method, {introduced(only)}: no gap can be told."]
  a, b = pair
  step = compare.equal_updates(pair)
  view = compare.at_step(step)
  found = gaps(comparison, a, b, view)
  first = given(comparison, pair, step)
  if not found:
    return [
      first,
      f"No number was taken of both by one protocol at step {step:,} (take --step=all): no gap can be told.",
    ]
  told = [gap for gap in found if gap.clear and gap.axis.theme not in (DISTANCE, COST)]
  lost_a = [(gap, gap.a, gap.b) for gap in told if gap.wins < 0]
  lost_b = [(gap, gap.b, gap.a) for gap in told if gap.wins > 0]
  many = max(len(group.records) for group in pair) > 1
  near = axis_of("nearer_train")
  row, real = compare.row(comparison, view, near), compare.floor(comparison, view, near)
  spread = compare.spread(comparison, view, near)
  return [
    first,
    gives_up(a.name, b.name, lost_a, many),
    gives_up(b.name, a.name, lost_b, many),
    distance(comparison, a, b, view),
    *filter(None, (memory(group, row[group.name], real, spread) for group in pair)),
    certainty([gap for gap in found if gap.axis.theme != COST]),
  ]


def distance(comparison: Comparison, a: Group, b: Group, view: View) -> str:
  """Returns how far both are from the data, at equal updates and at equal operations of training."""
  updates = width(comparison, a, b, view)
  flops = width(comparison, a, b, compare.within_flops(compare.equal_flops((a, b))))
  wide = f"At equal updates, {updates}" if updates else "No Frechet distance was measured of both"
  if flops and flops != updates:
    wide += f"; at equal operations of training, {flops}"
  if unknown := compare.uncounted((a, b)):
    wide += f"; operations of training were not counted for {listed(unknown)}, so that none are equal"
  return f"{wide}."
