"""Methods side by side: under equal budgets, over training seeds."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gengap.gap.axes import NEEDS, Axis
from gengap.gap.groups import Comparison, Group, differing
from gengap.gap.records import Record, Score
from gengap.gap.seeds import Cell
from gengap.probes.dynamics import COLLAPSED
from gengap.validate import ENERGY


class Missing(NamedTuple):
  """Why there is no number."""

  reason: str


View = Callable[[Record], "int | Missing"]


def ended(groups: Sequence[Group]) -> Sequence[Group]:
  """Returns the methods of which a run got to its end; all where none did."""
  whole = [g for g in groups if any(r.last >= r.config["steps"] for r in g.records.values())]
  return whole or groups


def equal_updates(groups: Sequence[Group]) -> int:
  """Returns the number of generator updates that some run of every method that got to its end has made."""
  return min(max(record.last for record in group.records.values()) for group in ended(groups))


def equal_flops(groups: Sequence[Group]) -> float:
  """Returns the operations that some run of every such method has spent; NaN: not known of all."""
  spent = [max(record.flops(record.last) for record in group.records.values()) for group in ended(groups)]
  return math.nan if any(math.isnan(x) for x in spent) else min(spent)


def at_step(step: int) -> View:
  """Looks at runs at one number of generator updates."""
  return lambda record: step


def within_flops(flops: float) -> View:
  """Looks at runs at their last evaluation that a number of operations pays for."""

  def view(record: Record) -> int | Missing:
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
  if not record.made.get(axis.needs):
    return Missing(NEEDS[axis.needs])
  step = view(record)
  if isinstance(step, Missing):
    return step
  if step not in record.scores:
    return Missing(f"not evaluated at step {step}")
  scores = record.scores[step]
  if axis.name not in scores:
    return Missing(f"not measured at step {step}")
  score = scores[axis.name]
  return score if math.isfinite(score.value) else Missing(f"not finite at step {step}")


def cell(group: Group, view: View, axis: Axis) -> Cell:
  """Returns a method's numbers on an axis."""
  values, reasons = {}, []
  for seed, record in sorted(group.records.items()):
    score = look(record, view, axis)
    if isinstance(score, Missing):
      reasons.append(score.reason)
    else:
      values[seed] = score.value
  return Cell(values, "; ".join(dict.fromkeys(reasons)))


def row(comparison: Comparison, view: View, axis: Axis) -> dict[str, Cell]:
  """Returns all methods' numbers on an axis; none where they were taken by protocols that differ."""
  protocols = {
    score.protocol
    for group in comparison.groups
    for record in group.records.values()
    if isinstance(score := look(record, view, axis), Score)
  }
  if len(protocols) > 1:
    return {group.name: Cell({}, f"{differing(*sorted(protocols)[:2])}") for group in comparison.groups}
  return {group.name: cell(group, view, axis) for group in comparison.groups}


def floor(comparison: Comparison, view: View, axis: Axis) -> float:
  """Returns what real images have on an axis; NaN: not known."""
  for group in comparison.groups:
    for record in group.records.values():
      score = look(record, view, axis)
      if isinstance(score, Score) and math.isfinite(score.floor):
        return score.floor
  return math.nan


def collapsed(group: Group) -> Cell:
  """Returns for every seed whether its last evaluation shows a collapse: 1 or 0."""
  values = {}
  for seed, record in sorted(group.records.items()):
    seen = [scores["diversity"] for _, scores in sorted(record.scores.items()) if "diversity" in scores]
    if seen and math.isfinite(seen[-1].floor):
      values[seed] = float(not seen[-1].value >= COLLAPSED * seen[-1].floor)
  return Cell(values, "" if len(values) == len(group.records) else "diversity was not measured of every run")


def judges(comparison: Comparison) -> str:
  """Returns what a checkpoint or a method is chosen by."""
  held_out = comparison.groups[0].first.config.get("validation_share", 1)
  return "held-out images" if held_out else "test images (none are held out)"


def energy(group: Group, step: int) -> float:
  """Returns the mean over seeds of the energy distance to held-out images by a step; infinite: none."""
  curves = [[y for at, y in record.curve(ENERGY) if at <= step] for record in group.records.values()]
  last = [curve[-1] for curve in curves if curve]
  return float(np.mean(last)) if last else math.inf


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


def badness(axis: Axis, cell: Cell, real: float) -> Cell:
  """Returns how bad every run is on an axis: the more the worse; nothing where neither side is better."""
  worse: dict[str, Callable[[float], float]] = {
    "real": lambda x: abs(x - real),
    "low": lambda x: x,
    "high": lambda x: -x,
  }
  if axis.better not in worse:
    return Cell({}, "no side is better")
  bad = {seed: worse[axis.better](value) for seed, value in cell.values.items()}
  return Cell({seed: value for seed, value in bad.items() if math.isfinite(value)})
