"""eval/STEP.json, and records of images: an evaluation, merged with the numbers that earlier commands wrote.

Samples that are drawn in another way than by default (`gengap.evaluation.sampling`) have a file of their own,
such as eval/STEP_mixture-10_temperature-0.8.json.

  step, weights, commands
  samples     scores of samples, each with its own protocol; subject and floors of the last command
  BLOCK       numbers of an autoencoder (`gengap.evaluation.autoencoders`) or of sampling, with their protocol
  protocol    that of the last command's blocks; in files before version 0.2 that of all of them

A new number replaces the old one; all others stay. A number that could not be computed is stored as
{"reason": why}, a score with a value of null. It never replaces a number.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from gengap.errors import InputError
from gengap.evaluation.quantities import Drawn
from gengap.evaluation.result import Evaluation
from gengap.logs import log, loggers
from gengap.storage import paths

Numbers: TypeAlias = dict[str, Any]

SAMPLES, PROTOCOL, SAMPLING = "samples", "protocol", "sampling"


def read(path: pathlib.Path) -> Numbers:
  """Returns what earlier evaluations wrote; {} if the file is missing or damaged."""
  with contextlib.suppress(OSError, ValueError):
    found = json.loads(path.read_text())
    return found if isinstance(found, dict) else {}
  return {}


def empty(entry: Mapping[str, Any]) -> bool:
  """Whether an entry holds no number, only a reason."""
  return (
    "reason" in entry and entry.get("value") is None and set(entry) <= {"value", "reason", "seeds", PROTOCOL}
  )


def merged(old: Mapping[str, Numbers], new: Mapping[str, Numbers]) -> dict[str, Numbers]:
  """Returns the entries of both. A new entry replaces the old one, unless only the old one holds a number."""
  kept = {name for name, entry in new.items() if empty(entry) and name in old and not empty(old[name])}
  return {**old, **{name: entry for name, entry in new.items() if name not in kept}}


def combined(old: Numbers, new: Numbers) -> Numbers:
  """Returns the old and the new numbers, each with the protocol that it was computed by."""
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


def pictures(path: pathlib.Path) -> pathlib.Path:
  """Returns the folder of pictures beside a record of images."""
  return path.with_name(f"{path.stem}_samples")


def check_record(
  path: pathlib.Path,
  name: str,
  source: str,
  reference: str,
  training: str | None = None,
  statistics: paths.Path | None = None,
) -> None:
  """Checks that a record of images can be written, or merged with what is there, and overwrites nothing else.

  Args:
    path: of the record.
    name: of the method.
    source: path of its images.
    reference: name of the data set, or path, that they are compared with.
    training: the same of the training images; None: not given.
    statistics: file for statistics of the real images; None: they are not saved.

  Raises:
    InputError: it cannot be written, or the file or its folder of pictures is something else.
  """
  paths.check_writable(path.parent, "--out")
  if path.is_dir():
    raise InputError(f"--out={path} is a folder; name a file, such as {path / 'images.json'}")
  check_apart(path, {"--generated": source, "--reference": reference, "--training": training})
  if statistics and resolved(statistics) in (resolved(path), resolved(pictures(path))):
    raise InputError(f"--save_statistics={statistics} is the place of the results too; name another file")
  if path.exists():
    check_earlier(path, (name, source, reference))
  elif pictures(path).exists():
    raise InputError(
      f"--out={path} puts pictures in {pictures(path)}, which exists without this record; name another file"
    )


def check_apart(path: pathlib.Path, given: Mapping[str, str | None]) -> None:
  """Refuses a record in a folder of given images, or given images in the folder of its pictures.

  Args:
    path: of the record.
    given: flag -> what it names: a path, anything else or None.

  Raises:
    InputError: they are not apart.
  """
  out, folder = resolved(path), resolved(pictures(path))
  for flag, text in given.items():
    if not text or not os.path.exists(os.path.expanduser(text)):
      continue
    images = resolved(text)
    if images in out.parents:
      raise InputError(
        f"--out={path} lies in {flag}={text}, and pictures there would be images of it; name a file elsewhere"
      )
    if folder in (images, *images.parents):
      raise InputError(
        f"--out={path} puts pictures in {pictures(path)}, the place of {flag}; name another file"
      )


def resolved(path: paths.Path) -> pathlib.Path:
  """Returns the absolute path behind links and ~."""
  return pathlib.Path(os.path.realpath(os.path.expanduser(path)))


def check_earlier(path: pathlib.Path, expected: tuple[str, str, str]) -> None:
  """Checks that a file is a record of images that new numbers can be merged with.

  Args:
    path: of the file.
    expected: name of the method, path of its images, and their reference.

  Raises:
    InputError: it is of another kind, of other images, or damaged.
  """
  found = read(path)
  samples, reference = found.get(SAMPLES), found.get("reference")
  subject = samples.get("subject") if isinstance(samples, dict) else None
  if not isinstance(subject, dict) or subject.get("drawn") != Drawn.GIVEN_IMAGES.value:
    raise InputError(f"--out={path} is a file of another kind, and is not overwritten; name another file")
  dataset = reference.get("dataset") if isinstance(reference, dict) else None
  other = subject.get("name"), subject.get("source"), dataset
  if dataset is not None and other != expected:
    raise InputError(
      f"--out={path} holds the record of {other[0]} ({other[1]}) beside {other[2]}; name another file"
    )
  try:
    whole = Evaluation.from_dict(found)
    combined(found, {"samples": samples, "commands": []})
    malformed = dataset is None or not all(isinstance(command, str) for command in whole.commands)
  except (AttributeError, KeyError, TypeError, ValueError):
    malformed = True
  if malformed or not isinstance(found.get("commands", []), list):
    raise InputError(f"--out={path} is a damaged record, and is not overwritten; name another file")


def write_record(evaluation: Evaluation, path: pathlib.Path) -> None:
  """Writes the evaluation of images without a run, beside earlier numbers of the same images."""
  found, old = evaluation.to_dict(), read(path)
  before, now = (x.get(SAMPLES, {}).get("subject", {}).get("source_crc32") for x in (old, found))
  if old and (before is None or before != now):
    why = (
      "does not say of which images its numbers are" if before is None else "is of images that have changed"
    )
    log.say(f"{path} {why}: it is written anew")
    old = {}
  paths.write(path, json.dumps(combined(old, found), indent=2) + "\n")
  log.say(f"written: {path}")


def write(evaluation: Evaluation, path: pathlib.Path) -> None:
  """Writes an evaluation to its file, beside what is there, and its scores to TensorBoard."""
  found = evaluation.to_dict()
  try:
    whole = combined(read(path), found)
  except (AttributeError, KeyError, TypeError):  # another program wrote the file
    log.say(f"{path} is not as gengap writes it, and is written anew")
    whole = found
  paths.write(path, json.dumps(whole, indent=2) + "\n")
  with contextlib.closing(loggers.EventFile(path.parents[1], "eval")) as events:
    tag = "/".join(["eval", *path.stem.split("_", 1)[1:]])  # eval, or eval/mixture-10
    values = {f"{tag}/{name}": x.value for name, x in evaluation.scores.items() if x.value is not None}
    events.numbers(evaluation.step or 0, values)
  log.say(f"written: {path}")
