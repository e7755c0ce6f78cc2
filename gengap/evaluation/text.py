"""Scores and blocks of numbers as text, as `gengap.evaluate` prints them."""

from collections.abc import Mapping
from typing import Any

from gengap.evaluation.types import Score


def of_scores(scores: Mapping[str, Score]) -> str:
  """Returns a row for each number, and what was skipped."""
  lines = [
    f"{'':18} {'value':>10} {'spread':>9} {'floor':>10}  of",
  ]
  lines += [f"{name:18} {row(x)}" for name, x in scores.items() if x.value is not None]
  lines += [f"{name}: {of_points(x.points)}" for name, x in scores.items() if x.points]
  skipped: dict[str, list[str]] = {}
  for name, score in scores.items():
    if score.value is None:
      skipped.setdefault(score.reason, []).append(name)
    elif score.floor_reason:
      skipped.setdefault(score.floor_reason, []).append(f"floor of {name}")
  return "\n".join([*lines, *(f"skipped: {', '.join(names)}: {reason}" for reason, names in skipped.items())])


def row(score: Score) -> str:
  """Returns a number, its spread and its floor as the cells of a row."""
  spread = "" if score.spread is None else f"{score.spread:.2g}"
  floor = "none" if score.floor is None else f"{score.floor:.4g}"
  return f"{score.value:10.5g} {spread:>9} {floor:>10}  {score.floor_of or ''}".rstrip()


def of_points(points: Mapping[str, Any]) -> str:
  """Returns the points that a number was fitted to as one line."""
  pairs = zip(points["images"], points["values"], strict=True)
  return "fitted to " + ", ".join(f"{value:.4g} ({number})" for number, value in pairs) + " (images)"


def of_block(name: str, block: Mapping[str, Any]) -> str:
  """Returns a block's numbers as lines, each with its standard error if it has one."""
  numbers = {key: value for key, value in block.items() if key not in ("protocol", "seeds")}
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
  if isinstance(value, Mapping) and all(isinstance(row, list | tuple) for row in value.values()):
    rows = [f"{name:12} " + " ".join(f"{x:7.3g}" for x in row) for name, row in value.items()]
    return "\n    ".join(["", *rows])
  if isinstance(value, Mapping):
    return "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
  return f"{value:.6g}" if isinstance(value, float) else str(value)
