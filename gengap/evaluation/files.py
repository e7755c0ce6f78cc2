"""An evaluation as text, and as eval/STEP.json: the file keeps what earlier commands found.

  step, weights, commands
  samples     what `gengap.evaluation.scoring.Judge.score` returns; each score with its own protocol
  BLOCK       numbers of an autoencoder (`gengap.evaluation.autoencoders`) or of sampling, with their protocol
  protocol    that of the last command's blocks; in files before version 0.2 that of all of them

A number that was taken again is replaced, all others stay. What could not be taken stands as {"reason": why},
a score with a value of null, and never replaces a number.
"""

import contextlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from gengap import log, paths

Numbers = dict[str, Any]

SAMPLES, PROTOCOL, SAMPLING = "samples", "protocol", "sampling"


def before(path: pathlib.Path) -> Numbers:
  """Returns what an earlier evaluation found; nothing where there is none, or a damaged one."""
  with contextlib.suppress(OSError, ValueError):
    found = json.loads(path.read_text())
    return found if isinstance(found, dict) else {}
  return {}


def empty(entry: Mapping[str, Any]) -> bool:
  """Whether an entry holds no number, only the reason why."""
  return (
    "reason" in entry and entry.get("value") is None and set(entry) <= {"value", "reason", "seeds", PROTOCOL}
  )


def merged(old: Mapping[str, Numbers], new: Mapping[str, Numbers]) -> dict[str, Numbers]:
  """Returns the entries of both, the new ones where both have one; but a number before a reason for none."""
  kept = {name for name, entry in new.items() if empty(entry) and name in old and not empty(old[name])}
  return {**old, **{name: entry for name, entry in new.items() if name not in kept}}


def together(old: Numbers, new: Numbers) -> Numbers:
  """Returns what was found now and what else was found before, each with the protocol it was taken by."""
  blocks = {
    name: block if PROTOCOL in block or name == SAMPLING else block | {PROTOCOL: old.get(PROTOCOL, {})}
    for name, block in old.items()
    if isinstance(block, dict) and name not in (SAMPLES, PROTOCOL)
  }
  whole = old | new | merged(blocks, {name: new[name] for name in new if name in blocks})
  if SAMPLES in old:
    one, two = old[SAMPLES], new.get(SAMPLES, old[SAMPLES])
    scores = {name: {PROTOCOL: one[PROTOCOL]} | entry for name, entry in one["scores"].items()}
    whole[SAMPLES] = two | {"scores": merged(scores, two["scores"])}
  return whole | {"commands": list(dict.fromkeys([*old.get("commands", []), *new["commands"]]))}


def write(step: int, found: Numbers, path: pathlib.Path) -> None:
  """Writes what was found of a checkpoint to its file, beside what is there, and to TensorBoard."""
  plain = json.loads(json.dumps(found), parse_constant=lambda _: None)  # JSON knows no infinities
  try:
    whole = together(before(path), plain)
  except (AttributeError, KeyError, TypeError):  # what is there was not written here
    log.say(f"{path} is not as gengap writes it, and is written anew")
    whole = plain
  paths.write(path, json.dumps(whole, indent=2) + "\n")
  scores = plain.get(SAMPLES, {}).get("scores", {})
  with contextlib.closing(log.EventFile(path.parents[1], "eval")) as board:
    board.numbers(step, {f"eval/{name}": x["value"] for name, x in scores.items() if x["value"] is not None})
  log.say(f"written: {path}")


def described(entry: Mapping[str, Any]) -> str:
  """Returns a number, its spread and its floor as the cells of a row."""
  spread, floor = entry.get("spread"), entry["floors"]["test"]
  cells = ["" if spread is None else f"{spread:.2g}", "none" if floor is None else f"{floor:.4g}"]
  return f"{entry['value']:10.5g} {cells[0]:>9} {cells[1]:>10}  {entry['floor_of']}"


def table(samples: Numbers) -> str:
  """Returns scores of samples as lines: how they were taken, a row for each number, and what was skipped."""
  subject, protocol, scores = (samples[name] for name in ("subject", PROTOCOL, "scores"))
  floors = ", ".join(f"{x['images']} {split} images" for split, x in samples["floors"].items())
  drawn = subject["drawn"] + (f", labels by {subject['labels']}" if subject.get("labels") else "")
  lines = [
    f"step {subject['step']}: {protocol['samples']} samples ({drawn}), {len(subject['seeds'])} times; "
    f"protocol {samples['fingerprint']}",
    f"floor: real images ({floors}) in the place of samples; it may be passed on either side",
    f"{'':18} {'value':>10} {'spread':>9} {'floor':>10}  of",
  ]
  lines += [f"{name:18} {described(x)}" for name, x in scores.items() if x["value"] is not None]
  skipped: dict[str, list[str]] = {}
  for name, entry in scores.items():
    if entry["value"] is None:
      skipped.setdefault(entry["reason"], []).append(name)
    elif "floor_reason" in entry:
      skipped.setdefault(entry["floor_reason"], []).append(f"floor of {name}")
  return "\n".join([*lines, *(f"skipped: {', '.join(names)}: {reason}" for reason, names in skipped.items())])


def describe(name: str, numbers: Numbers) -> str:
  """Returns a measure's numbers as lines, each with its standard error where it has one."""
  if set(numbers) == {"reason"}:
    return f"skipped: {name}: {numbers['reason']}"
  lines = [name]
  for key, value in numbers.items():
    if key.endswith("_error") and key.removesuffix("_error") in numbers:
      continue
    error = numbers.get(f"{key}_error")
    if isinstance(value, list):
      text = f"{', '.join(f'{v:.3g}' for v in value[:8])}{', ...' * (len(value) > 8)} (largest first)"
    elif isinstance(value, dict):
      text = "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items())
    else:
      text = f"{value:.6g}" if isinstance(value, float) else str(value)
    lines.append(f"  {key:20} {text}" + (f" +- {error:.2g}" if error is not None else ""))
  return "\n".join(lines)
