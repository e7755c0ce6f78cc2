"""Reading JSON files of runs and reports, with one-line errors that name the file."""

import contextlib
import json
import math
import pathlib
from collections.abc import Iterator
from typing import Any

from gengap.errors import InputError
from gengap.report.record import Json

CONFIG_FIELDS = (  # of every config: type, and least value of numbers
  *((name, str, 0) for name in ("method", "dataset", "best")),
  *((name, int, 1) for name in ("steps", "log_every", "checkpoint_every", "image_size")),
  *((name, dict, 0) for name in ("method_args", "dataset_args")),
  ("seed", int, 0),
)


def read_object(path: pathlib.Path) -> Json:
  """Returns the object in a JSON file.

  Raises:
    InputError: the file is missing or damaged, or holds no object.
  """
  try:
    found = json.loads(path.read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:120]})") from error
  if not isinstance(found, dict):
    raise InputError(f"{path} holds no object")
  return found


def number(value: Any) -> float:
  """Returns a value of a JSON file as a number; NaN for null and for what is no finite number."""
  is_number = isinstance(value, int | float) and not isinstance(value, bool)
  return float(value) if is_number and math.isfinite(value) else math.nan


def canonical(protocol: Any) -> str:
  """Returns a protocol as JSON text that is the same for equal protocols."""
  return json.dumps(protocol, sort_keys=True)


@contextlib.contextmanager
def refuse_malformed(path: pathlib.Path) -> Iterator[None]:
  """Turns every error about the shape of a file's content into one InputError that names the file."""
  try:
    yield
  except InputError:
    raise
  except OSError as error:
    raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
  except (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
    raise InputError(f"{path} is not as gengap writes it: {type(error).__name__} {error}"[:300]) from error


def check_config(config: Json, path: pathlib.Path) -> Json:
  """Returns the config in a file.

  Raises:
    InputError: a field that every run has is missing or wrong.
  """
  for name, kind, least in CONFIG_FIELDS:
    value = config.get(name)
    if not isinstance(value, kind) or (isinstance(value, int) and value < least):
      raise InputError(f"{path} is no config of a run: its {name} is {value!r}"[:300])
  return config


def check_run_json(found: Json) -> Json:
  """Returns the content of a run.json.

  Raises:
    ValueError, TypeError or KeyError: a field is missing or wrong.
  """
  for counts in (found["updates_per_step"], found["parameters"]):
    sum(int(value) for value in counts.values())
  for name in ("flops_per_step", "images_per_step", "sampling_parameters", "sampling_flops"):
    if found.get(name) is not None and math.isnan(number(found[name])):
      raise ValueError(f"its {name} is {found[name]!r}")
  return found
