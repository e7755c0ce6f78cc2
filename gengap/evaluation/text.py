"""An evaluation as text: the table that `gengap.evaluate` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the types print themselves by this module
  from gengap.evaluation.types import Evaluation, Score


def of_evaluation(evaluation: Evaluation) -> str:
  """Returns the table of the scores, then the other blocks."""
  lines = [of_scores(evaluation)] if evaluation.protocol else []
  return "\n".join([*lines, *(of_block(name, block) for name, block in evaluation.diagnostics.items())])


def of_scores(evaluation: Evaluation) -> str:
  """Returns how samples were drawn, a row for each number, and what was skipped."""
  lines = [
    header(evaluation),
    f"floor: {floors(evaluation)} in the place of samples; it may be passed on either side",
    f"{'':18} {'value':>10} {'spread':>9} {'floor':>10}  of",
  ]
  lines += [f"{name:18} {row(x)}" for name, x in evaluation.scores.items() if x.value is not None]
  skipped: dict[str, list[str]] = {}
  for name, score in evaluation.scores.items():
    if score.value is None:
      skipped.setdefault(score.reason, []).append(name)
    elif score.floor_reason:
      skipped.setdefault(score.floor_reason, []).append(f"floor of {name}")
  return "\n".join([*lines, *(f"skipped: {', '.join(names)}: {reason}" for reason, names in skipped.items())])


def header(evaluation: Evaluation) -> str:
  """Returns the line that says what is evaluated, and by which protocol."""
  subject = evaluation.subject
  drawn = subject.get("drawn", "") + (f", labels by {subject['labels']}" if subject.get("labels") else "")
  start = "" if evaluation.step is None else f"step {evaluation.step}: "
  times = f", {len(subject['seeds'])} times" if subject.get("seeds") else ""
  number = evaluation.protocol.get("samples")
  return f"{start}{number} samples ({drawn}){times}; protocol {evaluation.fingerprint}"


def floors(evaluation: Evaluation) -> str:
  """Returns which real images took the place of samples."""
  sets = ", ".join(f"{x['images']} {split} images" for split, x in evaluation.floors.items())
  return f"real images ({sets or 'none are given'})"


def row(score: Score) -> str:
  """Returns a number, its spread and its floor as the cells of a row."""
  spread = "" if score.spread is None else f"{score.spread:.2g}"
  floor = "none" if score.floor is None else f"{score.floor:.4g}"
  return f"{score.value:10.5g} {spread:>9} {floor:>10}  {score.floor_of or ''}".rstrip()


def of_block(name: str, block: Mapping[str, Any]) -> str:
  """Returns a block's numbers as lines, each with its standard error if it has one."""
  numbers = {key: value for key, value in block.items() if key != "protocol"}
  if set(numbers) == {"reason"}:
    return f"skipped: {name}: {numbers['reason']}"
  lines = [name]
  for key, value in numbers.items():
    if key.endswith("_error") and key.removesuffix("_error") in numbers:
      continue
    error = numbers.get(f"{key}_error")
    lines.append(f"  {key:20} {of_value(value)}" + (f" +- {error:.2g}" if error is not None else ""))
  return "\n".join(lines)


def of_value(value: Any) -> str:
  """Returns a number, a list of numbers or numbers by name as text."""
  if isinstance(value, list | tuple):
    return f"{', '.join(f'{v:.3g}' for v in value[:8])}{', ...' * (len(value) > 8)} (largest first)"
  if isinstance(value, Mapping):
    return "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
  return f"{value:.6g}" if isinstance(value, float) else str(value)
