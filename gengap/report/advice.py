"""Why two methods are not compared at a step, and the command that would change it, if there is one."""

from gengap.report import columns, views
from gengap.report.axes import AXES
from gengap.report.gaps import Contest
from gengap.report.groups import Comparison, Group
from gengap.report.record import Record
from gengap.report.wording import joined


def why_not_compared(comparison: Comparison, contest: Contest) -> str:
  """Returns why no number compares two methods, and what the reader can do about it."""
  pair, step = (contest.a, contest.b), contest.step
  lacking = [group for group in pair if group.trained and not has_scores(group, step)]
  if not lacking:
    return f"No number compares {contest.a.name} with {contest.b.name}: {difference(comparison, contest)}."
  names = joined([group.name for group in lacking])
  return f"{names} {'was' if len(lacking) == 1 else 'were'} not evaluated at step {step:,}. " + " ".join(
    to_do(group, step) for group in lacking
  )


def has_scores(group: Group, step: int) -> bool:
  """Whether any run of a method was evaluated at a step."""
  return any(step in record.scores for record in group.records.values())


def has_checkpoint(record: Record, step: int) -> bool:
  """Whether a run's workdir is here and has a checkpoint of a step."""
  return (record.workdir / "checkpoints" / str(step)).is_dir()


def to_do(group: Group, step: int) -> str:
  """Returns the commands that evaluate a method at a step, or that no checkpoint is left for that."""
  kept = [record for _, record in sorted(group.records.items()) if has_checkpoint(record, step)]
  if kept:
    commands = [f"python -m gengap.evaluate --workdir={record.workdir} --step={step}" for record in kept]
    return f"To evaluate {group.name} there: {'; '.join(commands)}."
  return f"No checkpoint of {group.name} at this step is left to evaluate."


def difference(comparison: Comparison, contest: Contest) -> str:
  """Returns why numbers of two methods at one step are not compared, by the first that has a reason."""
  view = views.at_step(contest.step)
  for axis in AXES:
    column = columns.column(comparison, view, axis)
    cells = [column[group.name] for group in (contest.a, contest.b)]
    if any(cell.values for cell in cells):
      reasons = [
        f"{group.name} has no {axis.quantity.title}, {cell.reason}"
        for group, cell in zip((contest.a, contest.b), cells, strict=True)
        if not cell.values and cell.reason
      ]
      if reasons:
        return "; ".join(reasons)
  return "they have no number in common"
