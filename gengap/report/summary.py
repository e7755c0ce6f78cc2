"""The answer for one data set in a few sentences: the setup, what each method gives up, and how surely."""

import math

from gengap.evaluation.quantities import Better, Drawn
from gengap.report import columns, selection, statistics, views
from gengap.report.axes import COST, DISTANCE, axis_of
from gengap.report.gaps import ALPHA, NEGLIGIBLE, Gap, gaps
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell
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
  if not (pair := selection.best_pair(comparison)):
    only = comparison.by_default.groups[0]
    return [f"On {comparison.title} there is one method, {described(only)}: there is no gap to measure."]
  a, b = pair
  step = views.equal_updates(pair)
  view = views.at_step(step)
  found = gaps(comparison, a, b, view)
  if not found:
    return [
      setup(comparison, pair, step),
      f"No number was measured for both by one protocol at step {step:,}; evaluate with --step=all.",
    ]
  decided = [gap for gap in found if gap.decided and gap.axis.theme not in (DISTANCE, COST)]
  several = max(len(group.records) for group in pair) > 1
  return [
    setup(comparison, pair, step),
    *no_candidates(comparison, pair),
    gives_up(a.name, b.name, [(gap, gap.a, gap.b) for gap in decided if gap.winner < 0], several),
    gives_up(b.name, a.name, [(gap, gap.b, gap.a) for gap in decided if gap.winner > 0], several),
    distance_sentence(comparison, a, b, view),
    *proximity_warnings(comparison, pair, view),
    certainty([gap for gap in found if gap.axis.theme != COST]),
  ]


def described(group: Group) -> str:
  """Returns a method's name, its kind and how its samples are drawn."""
  return f"{group.name} ({group.kind_name}; {samples_are(group)})"


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


def no_candidates(comparison: Comparison, pair: tuple[Group, Group]) -> list[str]:
  """Returns a sentence about the methods that cannot be chosen: those of which there are only images."""
  left = [group.name for group in comparison.by_default.groups if not group.trained and group not in pair]
  verb = "is not a candidate" if len(left) == 1 else "are not candidates"
  text = f"{joined(left)} {verb} for this comparison: there are only images, at an unknown budget."
  return [text] if left else []


def gives_up(loser: str, other: str, lost: list[tuple[Gap, Cell, Cell]], several_seeds: bool) -> str:
  """Returns the axes on which a method is worse than another, with both numbers."""
  if not lost:
    decided = " and decided" if several_seeds else ""
    return f"Against {other}, {loser} gives up nothing that was measured{decided} here."
  named = [
    f"{gap.axis.quantity.title} ({rounded(own.estimate.value)} against {rounded(others.estimate.value)}"
    + (f", real images {rounded(gap.real)})" if gap.axis.quantity.better is Better.REAL else ")")
    for gap, own, others in lost[:MOST]
  ]
  more = f", and {counted(len(lost) - MOST, 'more number')} below" if len(lost) > MOST else ""
  return f"Against {other}, {loser} gives up {joined(named)}{more}."


def distance_sentence(comparison: Comparison, a: Group, b: Group, view: View) -> str:
  """Returns how far both methods are from the data, at equal updates and at equal operations of training."""
  by_updates = frechet_ratio(comparison, a, b, view)
  if not (a.trained and b.trained):
    return f"{by_updates[0].upper()}{by_updates[1:]}." if by_updates else NO_FRECHET
  by_flops = frechet_ratio(comparison, a, b, views.within_flops(views.equal_flops((a, b))))
  text = f"At equal updates, {by_updates}" if by_updates else NO_FRECHET[:-1]
  if by_flops and by_flops != by_updates:
    text += f"; at equal operations of training, {by_flops}"
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


def proximity_warnings(comparison: Comparison, pair: tuple[Group, Group], view: View) -> list[str]:
  """Returns the warnings of both methods, see `proximity_warning`."""
  axis = axis_of("nearer_train")
  column = columns.column(comparison, view, axis)
  real = columns.real_value(comparison, view, axis)
  spread = columns.largest_spread(comparison, view, axis)
  found = (proximity_warning(group.name, column[group.name], real, spread) for group in pair)
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


def certainty(found: list[Gap]) -> str:
  """Returns the last sentence: how many differences the tests decide."""
  tested = [gap for gap in found if math.isfinite(gap.p)]
  if not tested:
    return "With one seed each, a gap between methods cannot be told from a gap between two runs."
  untested = sum(not math.isfinite(gap.p) and bool(gap.winner) for gap in found)
  decided = sum(gap.decided for gap in tested)
  differ = f"{spelled(decided) if decided else 'none'} differ{'s' if decided < 2 else ''}"
  more = f" {spelled(untested).capitalize()} more cannot be tested: no seed differs from another."
  return (
    f"Of {counted(len(tested), 'number')} that can be tested, {differ} by more than the variation between "
    f"seeds and by more than {NEGLIGIBLE:.0%} of the distance from the best value (Welch's t-test, p below "
    f"{ALPHA:g} after Holm's correction for all tests of this data set).{more * bool(untested)}"
  )
