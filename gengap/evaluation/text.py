"""Scores and blocks of numbers as text, as `gengap.evaluate` prints them.

Lines have at most WIDTH characters, unless a single word is longer.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gengap.evaluation import autoencoder_quantities, curve, speed
from gengap.evaluation.quantities import Better, Quantity, find
from gengap.evaluation.sample_metrics import METRICS
from gengap.evaluation.types import Score

WIDTH = 100  # characters of a line
NAME = 18  # characters of a number's name
INDENT = "    "  # of what a number means
BLOCKS = autoencoder_quantities.BLOCKS | speed.BLOCKS | curve.BLOCKS
BETTER = {Better.REAL: "near floor", Better.LOW: "lower", Better.HIGH: "higher", Better.NONE: "-"}
HEADER = f"{'':{NAME}} {'value':>10} {'spread':>9} {'floor':>10}  {'better':10}  floor of"


class Row(NamedTuple):
  """A number of samples for readers."""

  name: str
  score: Score
  better: str  # which side of the value is better
  meaning: str  # what it is, as a clause


def rows(scores: Mapping[str, Score]) -> list[Row]:
  """Returns the numbers that have a value and are not of single classes, with their meaning."""
  found = []
  for name, score in scores.items():
    declared = declaration(name)
    if score.value is not None and not (declared and declared.per_class):
      better = BETTER[declared.better] if declared else ""
      found.append(Row(name, score, better, clause(declared)))
  return found


def declaration(name: str) -> Quantity | None:
  """Returns the declaration of a score by its name; None if there is none."""
  for metric in METRICS.values():
    if quantity := find(metric.quantities, name):
      return quantity
  return None


def clause(quantity: Quantity | None) -> str:
  """Returns the first clause of a number's meaning: what it is, without which side is good."""
  meaning = quantity.meaning if quantity else ""
  ends = [at for mark in (": ", ". ", "; ") if (at := meaning.find(mark)) > 0]
  return meaning[: min(ends)] if ends else meaning.removesuffix(".")


def of_scores(scores: Mapping[str, Score]) -> str:
  """Returns two lines for each number, a line for numbers of classes, and what was skipped."""
  lines = [HEADER]
  for row in rows(scores):
    lines += [of_row(row), *explained(row.meaning)]
  return "\n".join([*lines, *notes(scores)])


def notes(scores: Mapping[str, Score]) -> list[str]:
  """Returns lines of the numbers of classes, of the points of fitted numbers, and of what was skipped."""
  lines = list(of_classes(scores))
  for name, x in scores.items():
    lines += wrapped(f"{name}: {of_points(x.points)}") if x.points else []
  skipped: dict[str, list[str]] = {}
  for name, score in scores.items():
    if score.value is None:
      skipped.setdefault(score.reason, []).append(name)
    elif score.floor_reason:
      skipped.setdefault(score.floor_reason, []).append(f"floor of {name}")
  for reason, names in skipped.items():
    lines += wrapped(f"skipped: {', '.join(names)}: {reason}")
  return lines


def cells(row: Row) -> tuple[str, str, str, str, str, str]:
  """Returns a number's name, value, spread, floor, better side, and the split of its floor."""
  score = row.score
  spread = "" if score.spread is None else f"{score.spread:.2g}"
  floor = "none" if score.floor is None else f"{score.floor:.4g}"
  return row.name, f"{score.value:.5g}", spread, floor, row.better, score.floor_of or ""


def of_row(row: Row) -> str:
  """Returns the cells of a row as a line."""
  name, value, spread, floor, better, split = cells(row)
  return f"{name:{NAME}} {value:>10} {spread:>9} {floor:>10}  {better:10}  {split}".rstrip()


def of_classes(scores: Mapping[str, Score]) -> Iterator[str]:
  """Yields the lowest and the highest value of each number that single classes have, with their classes."""
  groups: dict[str, dict[str, Score]] = {}
  for name, score in scores.items():
    declared = declaration(name)
    if declared and declared.per_class and score.value is not None:
      each, _, number = name.rpartition("_")
      groups.setdefault(each, {})[number] = score
  for each, by_class in groups.items():
    ordered = sorted(by_class, key=lambda number: by_class[number].value or 0)
    ends = [f"{by_class[number].value:.4g} ({each}_{number})" for number in (ordered[0], ordered[-1])]
    yield f"{f'{each} of a class':{NAME}} {' to '.join(ends)}, of {len(by_class)} classes"
    yield from explained(clause(declaration(f"{each}_{ordered[0]}")))


def explained(meaning: str) -> list[str]:
  """Returns what a number means as indented lines."""
  return wrapped(f"{INDENT}{meaning}") if meaning else []


def wrapped(line: str) -> list[str]:
  """Returns a line as several, of which all but the first are indented; words, such as paths, stay whole."""
  return textwrap.wrap(line, WIDTH, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)


def of_points(points: Mapping[str, Any]) -> str:
  """Returns the points that a number was fitted to as one line."""
  pairs = zip(points["images"], points["values"], strict=True)
  return "fitted to " + ", ".join(f"{value:.4g} ({number})" for number, value in pairs) + " (images)"


def of_block(name: str, block: Mapping[str, Any]) -> str:
  """Returns a block's numbers as lines, each with its standard error if it has one, and its meaning."""
  numbers = {key: value for key, value in block.items() if key not in ("protocol", "seeds")}
  if set(numbers) == {"reason"}:
    return f"skipped: {name}: {numbers['reason']}"
  lines, declared = [name], BLOCKS[name].quantities if name in BLOCKS else ()
  for key, value in numbers.items():
    if key.endswith("_error") and key.removesuffix("_error") in numbers:
      continue
    error = numbers.get(f"{key}_error")
    quantity = of_name(declared, key)
    ranked = quantity and quantity.better is not Better.NONE
    better = f"  ({BETTER[quantity.better]} is better)" if quantity and ranked else ""
    line = f"  {key:20} {of_value(value)}" + (f" +- {error:.2g}" if error is not None else "") + better
    lines += [line] if "\n" in line else wrapped(line)
    lines += explained(clause(quantity))
  return "\n".join(lines)


def of_name(declared: Iterable[Quantity], key: str) -> Quantity | None:
  """Returns the declaration of a block's number, whatever the likelihood is of; None if there is none."""
  return next((quantity for quantity in declared if quantity.name == key), None)


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
