"""The column of an axis: the values of all methods over training seeds, measured by one protocol."""

import json
import math
import re
from collections.abc import Iterator, Sequence

from gengap.evaluation.quantities import Better
from gengap.report.axes import CLASSES, LACKS, OF_IMAGES, Axis
from gengap.report.groups import Comparison, Group, first_difference
from gengap.report.record import Record, Score
from gengap.report.statistics import Cell
from gengap.report.views import Missing, View


def score_of(record: Record, view: View, axis: Axis) -> Score | Missing:
  """Returns a run's score on an axis, or why there is none."""
  if not record.trained and axis.name not in OF_IMAGES:
    return Missing("only its images are known")
  if not record.can(axis.quantity.needs):
    return Missing(LACKS[axis.quantity.needs])
  if record.sampling and not axis.of_samples:
    return Missing("it does not depend on how samples are drawn; it is in the row of the default")
  step = view(record)
  if isinstance(step, Missing):
    return step
  if step not in record.scores:
    return Missing(f"not evaluated at step {step}")
  scores = record.scores[step]
  if axis.name not in scores:
    return Missing(f"not measured at step {step}")
  score = scores[axis.name]
  if math.isfinite(score.value):
    return score
  return Missing(f"{score.reason} (step {step})" if score.reason else f"not finite at step {step}")


def scores_of(comparison: Comparison, view: View, axis: Axis) -> Iterator[tuple[Group, int, Score | Missing]]:
  """Yields every run's score on an axis: method, seed and score."""
  for group in comparison.groups:
    for seed, record in sorted(group.records.items()):
      yield group, seed, score_of(record, view, axis)


def prevailing_protocol(scores: Sequence[tuple[Group, Score]]) -> str:
  """Returns the protocol of most methods; of several, that of most runs, then of the newest version."""

  def rank(protocol: str) -> tuple[int, int, list[int], str]:
    methods = [group.name for group, score in scores if score.protocol == protocol]
    version = str((json.loads(protocol) or {}).get("version", ""))
    return len(set(methods)), len(methods), [int(x) for x in re.findall(r"\d+", version)], protocol

  return max((score.protocol for _, score in scores), key=rank, default="")


def column_protocol(comparison: Comparison, view: View, axis: Axis) -> str:
  """Returns the protocol of all numbers in the column of an axis."""
  found = scores_of(comparison, view, axis)
  return prevailing_protocol([(group, score) for group, _, score in found if isinstance(score, Score)])


def curve_protocol(comparison: Comparison, name: str) -> str:
  """Returns the protocol of a curve over training: the one that prevails over all steps."""
  records = [(group, record) for group in comparison.groups for record in group.records.values()]
  found = [(g, scores[name]) for g, r in records for scores in r.scores.values() if name in scores]
  return prevailing_protocol([(group, score) for group, score in found if math.isfinite(score.value)])


def column(comparison: Comparison, view: View, axis: Axis) -> dict[str, Cell]:
  """Returns every method's values on an axis, of one protocol, and why others are left out."""
  protocol = column_protocol(comparison, view, axis)
  low, high = bounds(comparison, view, axis)
  values: dict[str, dict[int, float]] = {group.name: {} for group in comparison.groups}
  reasons: dict[str, dict[str, None]] = {group.name: {} for group in comparison.groups}
  for group, seed, score in scores_of(comparison, view, axis):
    if isinstance(score, Missing):
      reasons[group.name][score.reason] = None
    elif score.protocol != protocol:
      difference = first_difference(score.protocol, protocol)
      reasons[group.name][f"measured by another protocol: {difference}"] = None
    else:
      values[group.name][seed] = score.value
  return {name: Cell(values[name], "; ".join(reasons[name]), low, high) for name in values}


def bounds(comparison: Comparison, view: View, axis: Axis) -> tuple[float, float]:
  """Returns the least and the greatest possible value on an axis. Real images have all classes there are."""
  if axis.name != CLASSES:
    return axis.quantity.low, axis.quantity.high
  scores = [score for _, _, score in scores_of(comparison, view, axis) if isinstance(score, Score)]
  values = [x for score in scores for x in (score.value, score.floor) if math.isfinite(x)]
  return axis.quantity.low, max([0.0, *values])


def real_value(comparison: Comparison, view: View, axis: Axis) -> float:
  """Returns the value of real images on an axis, by the column's protocol; NaN: unknown."""
  protocol = column_protocol(comparison, view, axis)
  for _, _, score in scores_of(comparison, view, axis):
    if isinstance(score, Score) and score.protocol == protocol and math.isfinite(score.floor):
      return score.floor
  return math.nan


def largest_spread(comparison: Comparison, view: View, axis: Axis) -> float:
  """Returns the largest spread over draws of samples and references on an axis; NaN: not measured."""
  scores = [score.spread for _, _, score in scores_of(comparison, view, axis) if isinstance(score, Score)]
  return max((x for x in scores if math.isfinite(x)), default=math.nan)


def distances_from_best(axis: Axis, values: Sequence[float], real: float) -> list[float]:
  """Returns how far each value is from the best one; NaN where that is unknown or the axis is not ranked.

  The best value is that of real images where nearer to them is better, else the end of the axis' range. Where
  that end is infinite, the value (or minus the value) is returned.
  """
  low, high, better = axis.quantity.low, axis.quantity.high, axis.quantity.better
  if better is Better.REAL:
    return [abs(x - real) for x in values]
  if better is Better.LOW:
    return [x - low if math.isfinite(low) else x for x in values]
  if better is Better.HIGH:
    return [high - x if math.isfinite(high) else -x for x in values]
  return [math.nan] * len(values)


def largest_difference(axis: Axis, cell: Cell, real: float) -> float:
  """Returns the largest difference that two of `distances_from_best` can have."""
  if axis.quantity.better is Better.REAL:
    return max(real - cell.low, cell.high - real)
  return cell.high - cell.low
