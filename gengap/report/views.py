"""At which step every run is looked at, so that methods are compared under equal budgets."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gengap.report.groups import Group
from gengap.report.record import ONLY_STEP, Record


class Missing(NamedTuple):
  """Why there is no number."""

  reason: str


View = Callable[[Record], "int | Missing"]  # run -> step
UNKNOWN_BUDGET = "gengap did not train it: its budget is unknown"
FARTHEST = 0.5  # share of a budget by which an evaluation may miss it to stand for it
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
  return [group.name for group in completed(groups) if group.trained and math.isnan(most_flops(group))]


def most_flops(group: Group) -> float:
  """Returns the most operations of training that a run of a method has spent; NaN: unknown."""
  spent = [record.flops(record.last) for record in group.records.values()]
  return max((x for x in spent if math.isfinite(x)), default=math.nan)


def equal_flops(groups: Sequence[Group]) -> float:
  """Returns the most operations that every completed method has spent in some run.

  Methods whose operations are unknown are left out. NaN where that leaves fewer than two of several.
  """
  known = [spent for group in completed(groups) if math.isfinite(spent := most_flops(group))]
  return min(known) if len(known) > 1 or len(known) == len(groups) == 1 else math.nan


def at_step(step: int) -> View:
  """Looks at every run at one number of generator updates, and at given images."""
  return lambda record: step if record.trained else ONLY_STEP


def nearest_flops(flops: float) -> View:
  """Looks at every run at its evaluation nearest to a number of operations of training, below or above.

  There is none where even the nearest is off by more than half of that number.
  """

  def view(record: Record) -> int | Missing:
    if not record.trained:
      return Missing(UNKNOWN_BUDGET)
    if math.isnan(record.flops(1)):
      return Missing(NOT_COUNTED)
    evaluated = record.commands or record.scores  # a step that was only probed has no scores of samples
    off = {step: abs(record.flops(step) - flops) for step in evaluated}
    if not off:
      return Missing("not evaluated")
    step = min(off, key=lambda step: (off[step], step))
    if off[step] <= FARTHEST * flops:
      return step
    share = record.flops(step) / flops - 1
    return Missing(f"its nearest evaluation, step {step}, is {share:+.0%} off the budget")

  return view


def farthest_off(groups: Sequence[Group], flops: float) -> float:
  """Returns the largest share by which an evaluation misses a number of operations; see `nearest_flops`."""
  view = nearest_flops(flops)
  found = [(record, view(record)) for group in groups for record in group.records.values()]
  shares = [abs(record.flops(at) / flops - 1) for record, at in found if not isinstance(at, Missing)]
  return max(shares, default=math.nan)


def final(record: Record) -> int:
  """Looks at every run at its last step."""
  return record.last


def last_evaluated(record: Record) -> int | Missing:
  """Looks at every run at its last evaluation."""
  if not record.trained:
    return ONLY_STEP
  evaluated = record.commands or record.scores
  return max(evaluated) if evaluated else Missing("not evaluated")


def best(record: Record) -> int | Missing:
  """Looks at every run at the checkpoint that was best on held-out images."""
  if not record.trained:
    return ONLY_STEP
  found = record.best
  return Missing(f"{record.config['best']} was never measured") if found is None else found
