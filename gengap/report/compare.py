"""Methods side by side: under equal budgets, over training seeds, by one protocol."""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gengap.evaluation.quantities import Better
from gengap.probes.dynamics import COLLAPSED
from gengap.report.axes import CLASSES, LACKS, Axis
from gengap.report.groups import Comparison, Group, differing
from gengap.report.records import Record, Score
from gengap.report.statistics import Cell
from gengap.training.validation import ENERGY


class Missing(NamedTuple):
  """Why there is no number."""

  reason: str


View = Callable[[Record], "int | Missing"]
UNCOUNTED = "operations of training were not counted (run.json has no flops_per_step)"


def ended(groups: Sequence[Group]) -> Sequence[Group]:
  """Returns the methods of which a run got to its end; all where none did."""
  whole = [g for g in groups if any(r.last >= r.config["steps"] for r in g.records.values())]
  return whole or groups


def equal_updates(groups: Sequence[Group]) -> int:
  """Returns the number of generator updates that some run of every method that got to its end has made."""
  return min(max(record.last for record in group.records.values()) for group in ended(groups))


def uncounted(groups: Sequence[Group]) -> list[str]:
  """Returns the names of the methods that got to their end whose operations of training are not known."""
  return [g.name for g in ended(groups) if all(math.isnan(r.flops(r.last)) for r in g.records.values())]


def equal_flops(groups: Sequence[Group]) -> float:
  """Returns the operations that some run of every such method has spent; NaN: not known of all."""
  if uncounted(groups):
    return math.nan
  return min(float(np.nanmax([r.flops(r.last) for r in g.records.values()])) for g in ended(groups))


def at_step(step: int) -> View:
  """Looks at runs at one number of generator updates."""
  return lambda record: step


def within_flops(flops: float) -> View:
  """Looks at runs at their last evaluation that a number of operations pays for."""

  def view(record: Record) -> int | Missing:
    if math.isnan(record.flops(1)):
      return Missing(UNCOUNTED)
    evaluated = record.commands or record.scores  # a step that was only probed has no samples to compare
    paid = [step for step in evaluated if record.flops(step) <= flops * (1 + 1e-9)]
    return max(paid) if paid else Missing(f"no evaluation within {flops:.3g} operations")

  return view


def final(record: Record) -> int:
  """Looks at a run at its end."""
  return record.last


def best(record: Record) -> int | Missing:
  """Looks at a run at the checkpoint that was best on held-out images."""
  found = record.best
  return Missing(f"{record.config['best']} was never measured") if found is None else found


def look(record: Record, view: View, axis: Axis) -> Score | Missing:
  """Returns a run's number on an axis."""
  if not record.made.get(axis.quantity.needs.value):
    return Missing(LACKS[axis.quantity.needs])
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


def looks(comparison: Comparison, view: View, axis: Axis) -> Iterator[tuple[Group, int, Score | Missing]]:
  """Yields every run's number on an axis: method, seed and number."""
  for group in comparison.groups:
    for seed, record in sorted(group.records.items()):
      yield group, seed, look(record, view, axis)


def prevailing(scores: Sequence[tuple[Group, Score]]) -> str:
  """Returns the protocol of most methods' numbers, then of most runs', then of the newest version."""

  def rank(protocol: str) -> tuple[int, int, list[int], str]:
    mine = [group.name for group, score in scores if score.protocol == protocol]
    version = str((json.loads(protocol) or {}).get("version", ""))
    return len(set(mine)), len(mine), [int(x) for x in re.findall(r"\d+", version)], protocol

  return max((score.protocol for _, score in scores), key=rank, default="")


def column(comparison: Comparison, view: View, axis: Axis) -> str:
  """Returns the protocol of a column: of what stands beside each other on an axis."""
  seen = looks(comparison, view, axis)
  return prevailing([(group, score) for group, _, score in seen if isinstance(score, Score)])


def through(comparison: Comparison, name: str) -> str:
  """Returns the protocol of a curve over training: that which prevails over all steps."""
  records = [(group, record) for group in comparison.groups for record in group.records.values()]
  seen = [(g, scores[name]) for g, r in records for scores in r.scores.values() if name in scores]
  return prevailing([(group, score) for group, score in seen if math.isfinite(score.value)])


def row(comparison: Comparison, view: View, axis: Axis) -> dict[str, Cell]:
  """Returns all methods' numbers on an axis that were taken by one protocol; why others are left out."""
  protocol = column(comparison, view, axis)
  low, high = bounds(comparison, view, axis)
  values: dict[str, dict[int, float]] = {group.name: {} for group in comparison.groups}
  reasons: dict[str, dict[str, None]] = {group.name: {} for group in comparison.groups}
  for group, seed, score in looks(comparison, view, axis):
    if isinstance(score, Missing):
      reasons[group.name][score.reason] = None
    elif score.protocol != protocol:
      reasons[group.name][f"taken by another protocol: {differing(score.protocol, protocol)}"] = None
    else:
      values[group.name][seed] = score.value
  return {name: Cell(values[name], "; ".join(reasons[name]), low, high) for name in values}


def bounds(comparison: Comparison, view: View, axis: Axis) -> tuple[float, float]:
  """Returns the least and the greatest possible value of an axis; classes are as many as real images have."""
  if axis.name != CLASSES:
    return axis.quantity.low, axis.quantity.high
  seen = [score for _, _, score in looks(comparison, view, axis) if isinstance(score, Score)]
  return axis.quantity.low, max(
    [0.0, *(x for score in seen for x in (score.value, score.floor) if math.isfinite(x))]
  )


def floor(comparison: Comparison, view: View, axis: Axis) -> float:
  """Returns what real images have on an axis, by the column's protocol; NaN: not known."""
  protocol = column(comparison, view, axis)
  for _, _, score in looks(comparison, view, axis):
    if isinstance(score, Score) and score.protocol == protocol and math.isfinite(score.floor):
      return score.floor
  return math.nan


def spread(comparison: Comparison, view: View, axis: Axis) -> float:
  """Returns the largest spread over draws of samples and references on an axis; NaN: not measured."""
  seen = [score.spread for _, _, score in looks(comparison, view, axis) if isinstance(score, Score)]
  return max((x for x in seen if math.isfinite(x)), default=math.nan)


def collapsed(group: Group) -> Cell:
  """Returns for every seed whether its last evaluation with a diversity shows a collapse: 1 or 0."""
  values = {}
  for seed, record in sorted(group.records.items()):
    seen = [scores["diversity"] for _, scores in sorted(record.scores.items()) if "diversity" in scores]
    if seen := [score for score in seen if math.isfinite(score.value) and math.isfinite(score.floor)]:
      values[seed] = float(seen[-1].value < COLLAPSED * seen[-1].floor)
  missing = "" if len(values) == len(group.records) else "diversity was not measured of every run"
  return Cell(values, missing, 0, 1)


def judges(comparison: Comparison) -> str:
  """Returns what a checkpoint or a method is chosen by."""
  held_out = comparison.groups[0].first.config.get("validation_share", 1)
  return "held-out images" if held_out else "test images (none are held out)"


def energy(group: Group, step: int) -> float:
  """Returns the mean over seeds of the last energy distance to held-out images by a step.

  Infinite where there is none, or where that of a run is not finite, so that such a method is never the best.
  """
  logged = [[x[ENERGY] for x in r.log if ENERGY in x and x["step"] <= step] for r in group.records.values()]
  last = [values[-1] for values in logged if values]
  mean = float(np.mean(last)) if last else math.inf
  return mean if math.isfinite(mean) else math.inf


def rivals(comparison: Comparison) -> tuple[Group, Group] | None:
  """Returns the two methods whose gap is told: the best VAE and the best GAN, else the best two.

  None where there is but one. The best is chosen by validation images.
  """
  step = equal_updates(comparison.groups)
  ranked = sorted(comparison.groups, key=lambda group: energy(group, step))
  vaes, gans = ([g for g in ranked if g.kind == kind] for kind in ("VAE", "GAN"))
  if vaes and gans:
    return vaes[0], gans[0]
  return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def badness(axis: Axis, values: Sequence[float], real: float) -> list[float]:
  """Returns how far each value is from the best one; NaN where that is not known or no side is better.

  The best one is the real images' where nearer to them is better, else the end of the axis' range; where that
  end is infinite, the value stands for itself.
  """
  low, high, better = axis.quantity.low, axis.quantity.high, axis.quantity.better
  if better is Better.REAL:
    return [abs(x - real) for x in values]
  if better is Better.LOW:
    return [x - low if math.isfinite(low) else x for x in values]
  if better is Better.HIGH:
    return [high - x if math.isfinite(high) else -x for x in values]
  return [math.nan] * len(values)


def extent(axis: Axis, cell: Cell, real: float) -> float:
  """Returns the greatest difference that two values of `badness` can have."""
  if axis.quantity.better is Better.REAL:
    return max(real - cell.low, cell.high - real)
  return cell.high - cell.low


def swings(group: Group) -> Cell:
  """Returns for every seed the swing of its losses about their trend, by the last such line of its log."""
  values = {}
  for seed, record in sorted(group.records.items()):
    seen = ([x for name, x in e.items() if name.endswith("/oscillation")] for e in reversed(record.log))
    if last := next(filter(None, ([x for x in line if math.isfinite(x)] for line in seen)), None):
      values[seed] = max(last)
  missing = "" if len(values) == len(group.records) else "no swing of a loss is kept of it"
  return Cell(values, missing, 0)
