"""At which step every run is looked at, so that methods are compared under equal budgets."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gengap.report.groups import Group
from gengap.report.record import ONLY_STEP, Record


class Missing(NamedTuple):
  """Why there is no number."""

  reason: str


View = Callable[[Record], "int | Missing"]  # run -> step
UNKNOWN_BUDGET = "gengap did not train it: its budget is unknown"
NOT_COUNTED = "operations of training were not counted (run.json has no flops_per_step)"


def completed(groups: Sequence[Group]) -> Sequence[Group]:
  """Returns the methods with a run that reached its last step.

  If there is none, returns all that gengap trained; if there is none either, all methods.
  """
  trained = [group for group in groups if group.trained]
  found = [group for group in trained if any(record.complete for record in group.records.values())]
  return found or trained or groups


def equal_updates(groups: Sequence[Group]) -> int:
  """Returns the largest number of generator updates that every completed method has reached in some run."""
  return min(max(record.last for record in group.records.values()) for group in completed(groups))


def without_flops(groups: Sequence[Group]) -> list[str]:
  """Returns the names of the completed methods whose operations of training are unknown."""
  return [
    group.name
    for group in completed(groups)
    if group.trained and all(math.isnan(record.flops(record.last)) for record in group.records.values())
  ]


def equal_flops(groups: Sequence[Group]) -> float:
  """Returns the most operations that every completed method has spent in some run; NaN: unknown."""
  if without_flops(groups) or not any(group.trained for group in groups):
    return math.nan
  return min(
    float(np.nanmax([record.flops(record.last) for record in group.records.values()]))
    for group in completed(groups)
  )


def at_step(step: int) -> View:
  """Looks at every run at one number of generator updates, and at given images."""
  return lambda record: step if record.trained else ONLY_STEP


def within_flops(flops: float) -> View:
  """Looks at every run at its last evaluation within a number of operations of training."""

  def view(record: Record) -> int | Missing:
    if not record.trained:
      return Missing(UNKNOWN_BUDGET)
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
  if not record.trained:
    return ONLY_STEP
  found = record.best
  return Missing(f"{record.config['best']} was never measured") if found is None else found
