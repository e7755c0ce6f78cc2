"""The answer for one data set in a few sentences: the setup, what each method gives up, and how surely."""

import math
from collections.abc import Sequence

from gengap.evaluation.quantities import Better, Drawn
from gengap.report import advice, columns, gaps, selection, statistics, verdicts, views
from gengap.report.axes import COST, axis_of
from gengap.report.gaps import ALPHA, NEGLIGIBLE, Contest, Gap
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell
from gengap.report.verdicts import SMALL, Verdict
from gengap.report.views import View
from gengap.report.wording import counted, joined, rounded, spelled, with_interval

NO_FRECHET = "No Frechet distance was measured for both."
MOST = 6  # axes named in a sentence
SAMPLES_ARE = {
  Drawn.DECODER_MEANS: "samples are decoder means, without noise of p(x|z)",
  Drawn.LIKELIHOOD_DRAWS: "samples are draws of p(x|z)",
  Drawn.GENERATOR_OUTPUT: "samples are the generator's output",
  Drawn.GIVEN_IMAGES: "samples are given images",
}


def sentences(comparison: Comparison) -> list[str]:
  """Returns the answer for one data set, one string for each sentence."""
  return [text for paragraph in paragraphs(comparison) for text in paragraph]


def paragraphs(comparison: Comparison) -> list[list[str]]:
  """Returns the answer for one data set: sentences about the first pair, then about each further family."""
  if not (found := gaps.contests(comparison)):
    only = comparison.by_default.groups[0]
    return [[f"On {comparison.title} there is one method, {described(only)}: there is no gap to measure."]]
  first = found[0]
  answer = [[setup(comparison, (first.a, first.b), first.step)]]
  if first.gaps:
    answer[0] += no_candidates(comparison, selection.rivals(comparison))
  answer[0] += outcome(comparison, first, (first.a, first.b))
  for third in selection.rivals(comparison)[2:]:
    contests = [contest for contest in found if contest.b is third]
    answer.append([introduction(contests)])
    for contest in contests:
      answer[-1] += outcome(comparison, contest, (third,) if contest is contests[0] else ())
  if tested := [gap for contest in found for gap in contest.gaps if gap.axis.theme != COST]:
    answer[-1].append(certainty(tested, sum(bool(contest.gaps) for contest in found)))
  return answer


def outcome(comparison: Comparison, contest: Contest, warned: Sequence[Group]) -> list[str]:
  """Returns what both methods of a pair give up, how far they are from the data, and warnings of some."""
  a, b, view = contest.a, contest.b, views.at_step(contest.step)
  if not contest.gaps:
    return [advice.why_not_compared(comparison, contest)]
  return [
    gives_up(a.name, b.name, contest.lost(-1), contest.single_runs),
    gives_up(b.name, a.name, contest.lost(1), contest.single_runs),
    distance_sentence(comparison, a, b, view),
    *proximity_warnings(comparison, warned, view),
  ]


def introduction(contests: Sequence[Contest]) -> str:
  """Returns the first sentence about a third family: what its method is compared with, at which budget."""
  third = contests[0].b
  rivals = [contest.a.name for contest in contests]
  if not (third.trained and all(contest.a.trained for contest in contests)):
    given = [group.name for group in (third, *(contest.a for contest in contests)) if not group.trained]
    return f"{described(third)} is compared with {joined(rivals)}. The budget of {joined(given)} is unknown."
  budgets = [f"{contest.a.name} after {contest.step:,} generator updates each" for contest in contests]
  seeds = counted(len(third.records), "training seed")
  return f"{described(third)}, of {seeds}, is compared with {joined(budgets)}."


def described(group: Group) -> str:
  """Returns a method's name, its family and how its samples are drawn."""
  return f"{group.name} ({group.family.name}; {samples_are(group)})"


def samples_are(group: Group) -> str:
  """Returns how a method's samples are drawn, in words."""
  words = " or ".join(SAMPLES_ARE[drawn] for drawn in group.drawn) or "how samples are drawn is not recorded"
  return f"{words}, from {group.sampling.origin}" if group.sampling.origin else words


def setup(comparison: Comparison, pair: tuple[Group, Group], step: int) -> str:
  """Returns the first sentence: the methods, how samples are drawn, the budget and the number of seeds."""
  chosen = f", each the best of its kind by {selection.selection_images(comparison)},"
  seeds = [len(group.records) for group in pair]
  several = len(comparison.by_default.groups) > 2
  if given := [group.name for group in pair if not group.trained]:
    return (
      f"On {comparison.title}, {joined([described(group) for group in pair])} are compared. The budget of "
      f"{joined(given)} is unknown: there are only images."
    )
  return (
    f"On {comparison.title}, {joined([described(group) for group in pair])}"
    f"{chosen if several else ''} were trained for {step:,} generator updates each, with "
    + (
      f"{counted(seeds[0], 'training seed')} each."
      if seeds[0] == seeds[1]
      else f"{seeds[0]} and {seeds[1]} training seeds."
    )
  )


def no_candidates(comparison: Comparison, compared: Sequence[Group]) -> list[str]:
  """Returns a sentence for each reason for which methods cannot be chosen."""
  return [
    f"{joined(names)} {'is not a candidate' if len(names) == 1 else 'are not candidates'} for this "
    f"comparison: {reason}."
    for reason, names in selection.passed_over(comparison, compared).items()
  ]


def gives_up(loser: str, other: str, lost: list[tuple[Gap, Cell, Cell]], single_runs: bool) -> str:
  """Returns the axes on which a method is worse than another, with both numbers, the largest gap first."""
  if not lost:
    if single_runs:
      return f"The run of {loser} is not worse than that of {other} on any number here."
    return f"Against {other}, {loser} gives up nothing that was measured and decided here."
  named = [
    f"{gap.axis.quantity.title} ({rounded(own.estimate.value)} against {rounded(others.estimate.value)}"
    + (f", real images {rounded(gap.real)})" if gap.axis.quantity.better is Better.REAL else ")")
    for gap, own, others in lost[:MOST]
  ]
  more = f", and {counted(len(lost) - MOST, 'more number')} below" if len(lost) > MOST else ""
  if single_runs:
    return f"The run of {loser} is worse than that of {other} by {joined(named)}{more}."
  return f"Against {other}, {loser} gives up {joined(named)}{more}."


def distance_sentence(comparison: Comparison, a: Group, b: Group, view: View) -> str:
  """Returns how far both methods are from the data, at equal updates and at equal operations of training."""
  by_updates = frechet_ratio(comparison, a, b, view)
  if not (a.trained and b.trained):
    return f"{by_updates[0].upper()}{by_updates[1:]}." if by_updates else NO_FRECHET
  budget = views.equal_flops((a, b))
  by_flops = frechet_ratio(comparison, a, b, views.nearest_flops(budget))
  text = f"At equal updates, {by_updates}" if by_updates else NO_FRECHET[:-1]
  if by_flops and by_flops != by_updates:
    off = views.farthest_off((a, b), budget)
    nearly = f" (evaluations up to {off:.0%} off)" if off >= 0.005 else ""
    text += f"; at equal operations of training{nearly}, {by_flops}"
  if unknown := views.without_flops((a, b)):
    text += f"; operations of training were not counted for {joined(unknown)}, so they cannot be made equal"
  return f"{text}."


def frechet_ratio(comparison: Comparison, a: Group, b: Group, view: View) -> str:
  """Returns the ratio of two methods' Frechet distances, in words; "" where it was not measured for both."""
  axis = axis_of("frechet")
  column = columns.column(comparison, view, axis)
  real = columns.real_value(comparison, view, axis)
  squares = {group.name: list(column[group.name].values.values()) for group in (a, b)}
  roots = {name: [math.sqrt(max(x, 0.0)) for x in values] for name, values in squares.items()}
  if not all(roots.values()) or not min(sum(values) for values in roots.values()) > 0:
    return ""
  near, far = sorted((a.name, b.name), key=lambda name: sum(roots[name]) / len(roots[name]))
  ratio = statistics.ratio_interval(roots[far], roots[near])
  beside = f", real images {rounded(real)}" if math.isfinite(real) else ""
  means = {name: rounded(column[name].estimate.value) for name in squares}
  return (
    f"{far} is {with_interval(ratio)} times as far from the data as {near} by the Frechet distance "
    f"(squared, like FID: {means[far]} against {means[near]}{beside})"
    + (", which the seeds do not decide" if ratio.low <= 1 else "")
  )


def proximity_warnings(comparison: Comparison, methods: Sequence[Group], view: View) -> list[str]:
  """Returns the warnings of some methods, see `proximity_warning`."""
  axis = axis_of("nearer_train")
  column = columns.column(comparison, view, axis)
  real = columns.real_value(comparison, view, axis)
  spread = columns.largest_spread(comparison, view, axis)
  found = (proximity_warning(group.name, column[group.name], real, spread) for group in methods)
  return [text for text in found if text]


def proximity_warning(name: str, cell: Cell, real: float, spread: float) -> str:
  """Returns a warning where a method's samples are nearer to training images than held-out images are.

  Args:
    name: of the method.
    cell: its training-set proximity.
    real: that of held-out real images.
    spread: standard deviation over draws of the references; NaN: not measured.
  """
  if not cell.estimate.low > real + 2 * (0.0 if math.isnan(spread) else spread):
    return ""
  return (
    f"A share of {with_interval(cell.estimate)} of the samples of {name} is nearer to a training image than "
    f"to a held-out one, against {rounded(real)} of held-out real images: copies raise this share, and blur "
    "does too" + ("." if math.isfinite(spread) else "; the references were drawn only once.")
  )


def certainty(found: list[Gap], pairs: int) -> str:
  """Returns the last sentence: how many differences between the methods of some pairs the tests decide."""
  tested = [gap for gap in found if math.isfinite(gap.p)]
  if not tested:
    return "With one seed each, a gap between methods cannot be told from a gap between two runs."
  untested = sum(not math.isfinite(gap.p) and bool(gap.winner) for gap in found)
  said = [verdicts.verdict(gap) for gap in tested]
  decided, others = said.count(Verdict.DECIDED), other_verdicts(said)
  differ = f"{spelled(decided) if decided else 'none'} differ{'s' if decided < 2 else ''}"
  between = f" of {counted(pairs, 'pair')} of methods" if pairs > 1 else ""
  more = f" {spelled(untested).capitalize()} more cannot be tested: no seed differs from another."
  return (
    f"Of {counted(len(tested), 'number')}{between} that can be tested, {differ} by more than the variation "
    f"between seeds and by more than {NEGLIGIBLE:.0%} of the distance from the best value (Welch's t-test, p "
    f"below {ALPHA:g} after Holm's correction for all tests of this data set).{others}{more * bool(untested)}"
  )


def other_verdicts(said: Sequence[Verdict]) -> str:
  """Returns how many of some differences are undecided, and how many are small, as a sentence; "": none."""
  undecided, small = said.count(Verdict.UNDECIDED), said.count(Verdict.SMALL)
  parts = [f"{spelled(undecided)} {'is' if undecided == 1 else 'are'} undecided"] if undecided else []
  if small:
    has = "has" if small == 1 else "have"
    parts.append(f"{spelled(small)} {has} no difference larger than {SMALL:.0%} of the value of real images")
  return f" Of the others, {joined(parts)}." if parts else ""
