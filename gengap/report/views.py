"""At which step every run is looked at, so that methods are compared under equal budgets."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gengap.report.groups import Group
from gengap.report.record import Record


class Missing(NamedTuple):
  """Why there is no number."""

  reason: str


View = Callable[[Record], "int | Missing"]  # run -> step
NOT_COUNTED = "operations of training were not counted (run.json has no flops_per_step)"


def completed(groups: Sequence[Group]) -> Sequence[Group]:
  """Returns the methods with a run that reached its last step; all methods if there is none."""
  found = [group for group in groups if any(record.complete for record in group.records.values())]
  return found or groups


def equal_updates(groups: Sequence[Group]) -> int:
  """Returns the largest number of generator updates that every completed method has reached in some run."""
  return min(max(record.last for record in group.records.values()) for group in completed(groups))


def without_flops(groups: Sequence[Group]) -> list[str]:
  """Returns the names of the completed methods whose operations of training are unknown."""
  return [
    group.name
    for group in completed(groups)
    if all(math.isnan(record.flops(record.last)) for record in group.records.values())
  ]


def equal_flops(groups: Sequence[Group]) -> float:
  """Returns the most operations that every completed method has spent in some run; NaN: unknown."""
  if without_flops(groups):
    return math.nan
  return min(
    float(np.nanmax([record.flops(record.last) for record in group.records.values()]))
    for group in completed(groups)
  )


def at_step(step: int) -> View:
  """Looks at every run at one number of generator updates."""
  return lambda record: step


def within_flops(flops: float) -> View:
  """Looks at every run at its last evaluation within a number of operations of training."""

  def view(record: Record) -> int | Missing:
    if math.isnan(record.flops(1)):
      return Missing(NOT_COUNTED)
    evaluated = record.commands or record.scores  # a step that was only probed has no scores of samples
    paid = [step for step in evaluated if record.flops(step) <= flops * (1 + 1e-9)]
    return max(paid) if paid else Missing(f"no evaluation within {flops:.3g} operations")

  return view


def final(record: Record) -> int:
  """Looks at every run at its last step."""
  return record.last


def best(record: Record) -> int | Missing:
  """Looks at every run at the checkpoint that was best on held-out images."""
  found = record.best
  return Missing(f"{record.config['best']} was never measured") if found is None else found
