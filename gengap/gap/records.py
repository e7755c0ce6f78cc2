"""What the folder of a run says, as plain data: config, budget, log, evaluations and probes."""

import contextlib
import json
import math
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gengap import paths
from gengap.errors import InputError

Json = dict[str, Any]

SETTINGS = (
  "samples",
  "steps",
  "batch",
  "device",
  "dataset",
)  # of a measure: how it was taken, not what it found
SIGHT = (
  "split",
  "features",
  "classifier",
  "encoder_steps",
  "version",
)  # of a probe's protocol: what decides its numbers
OPTIONS = ("number", "seed", "classes")  # of a probe, likewise
FIELDS = (  # of every config: type, and least value of numbers
  *((name, str, 0) for name in ("method", "dataset", "best")),
  *((name, int, 1) for name in ("steps", "log_every", "checkpoint_every", "image_size")),
  *((name, dict, 0) for name in ("method_args", "dataset_args")),
  ("seed", int, 0),
)
ASIDE = ("samples", "protocol", "subject")  # blocks of an evaluation that are no measures


class Score(NamedTuple):
  """A number, how it was taken, and what real images have in its place."""

  value: float  # NaN where it is not finite
  protocol: str  # JSON; numbers of two protocols are not to be compared
  floor: float = math.nan


class Record(NamedTuple):
  """One run."""

  workdir: pathlib.Path
  config: Json
  made: Json  # run.json: see `gengap.budget.training`
  log: list[Json]  # metrics.jsonl
  scores: dict[int, dict[str, Score]]  # step -> name -> score, of evaluations and probes
  commands: dict[int, list[str]]  # step -> those of its evaluation
  probed: list[str]  # commands of its probes

  @property
  def last(self) -> int:
    """The last step that was logged or evaluated."""
    return max([0, *(line["step"] for line in self.log), *self.scores])

  @property
  def best(self) -> int | None:
    """The saved step with the smallest `config.best`, a number of held-out images; None: not measured."""
    name, every = self.config["best"], self.config["checkpoint_every"]
    saved = [x for x in self.log if x["step"] % every == 0 or x["step"] == self.last]
    judged = [(x[name], x["step"]) for x in saved if x.get(name) is not None]
    return min(judged)[1] if judged else None

  def curve(self, name: str) -> list[tuple[int, float]]:
    """Returns (step, value) of a number in the log, or of evaluations where the log does not have it."""
    logged = [(line["step"], line[name]) for line in self.log if line.get(name) is not None]
    seen = ((step, scores[name].value) for step, scores in sorted(self.scores.items()) if name in scores)
    return logged or [(step, value) for step, value in seen if math.isfinite(value)]

  def seconds(self, step: int) -> float:
    """Returns how long training took up to a step, evaluating and saving left out; NaN: unknown."""
    rates = [rate for at, rate in self.curve("steps_per_second") if at <= step and rate > 0]
    return sum(self.config["log_every"] / rate for rate in rates) if rates else math.nan

  def flops(self, step: int) -> float:
    """Returns the floating-point operations of training up to a step; NaN: unknown."""
    each = self.made.get("flops_per_step")
    return math.nan if each is None else each * step


def parse(path: pathlib.Path) -> Json:
  """Returns the object in a JSON file.

  Raises:
    InputError: missing, damaged, or no object.
  """
  try:
    found = json.loads(path.read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:120]})") from error
  if not isinstance(found, dict):
    raise InputError(f"{path} holds no object")
  return found


def number(value: Any) -> float:
  """Returns a number of a JSON file; NaN for null and what is none."""
  plain = isinstance(value, int | float) and not isinstance(value, bool)
  return float(value) if plain and math.isfinite(value) else math.nan


def text(protocol: Any) -> str:
  """Returns a protocol as JSON, the same for equal ones."""
  return json.dumps(protocol, sort_keys=True)


def evaluation(found: Json, observes: str) -> Iterator[tuple[str, Score]]:
  """Yields the scores of an eval/STEP.json.

  Args:
    found: what the file holds.
    observes: what the run has a likelihood of; part of the name of its numbers, for they aren't comparable.
  """
  samples = found.get("samples") or {}
  for name, seen in samples.get("scores", {}).items():
    floors = seen.get("floors", {})
    floor = number(floors.get("test", floors.get("train")))
    yield name, Score(number(seen.get("value")), text(samples.get("protocol")), floor)
  for block, seen in found.items():
    if block in ASIDE or not isinstance(seen, dict):
      continue
    taken = seen.get("protocol", found.get("protocol", {}))
    taken = taken | {key: seen[key] for key in SETTINGS if key in seen}
    if block == "sampling":
      taken = {key: seen[key] for key in SETTINGS if key in seen}
    for key, value in seen.items():
      if key not in SETTINGS and isinstance(value, int | float | None):
        name = f"{block}/{key}" + (f" of {observes}" if key in ("bits_per_dimension", "nll", "elbo") else "")
        yield name, Score(number(value), text(taken))


def probe(name: str, found: Json) -> Iterator[tuple[str, Score]]:
  """Yields the scores of a probes/STEP/NAME.json; those of real images are floors, not scores."""
  protocol = found.get("protocol", {})
  options = protocol.get("options", {})
  taken = {key: protocol.get(key) for key in SIGHT} | {key: options.get(key) for key in OPTIONS}
  rows = {row: number(seen.get("value")) for row, seen in found.get("numbers", {}).items()}
  for row, value in rows.items():
    if not row.startswith("real/"):
      floor = rows.get(f"real/{row.rpartition('/')[2]}", math.nan)
      yield f"{name}/{row}", Score(value, text(taken), floor)


@contextlib.contextmanager
def shape_of(path: pathlib.Path) -> Iterator[None]:
  """Tells of whatever in a file is not as it is written here, by one InputError that names the file."""
  try:
    yield
  except InputError:
    raise
  except OSError as error:
    raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
  except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
    raise InputError(f"{path} is not as gengap writes it: {type(error).__name__} {error}"[:300]) from error


def configured(path: pathlib.Path) -> Json:
  """Returns the config in a file.

  Raises:
    InputError: it lacks what every run has.
  """
  config = parse(path)
  for name, kind, least in FIELDS:
    value = config.get(name)
    if not isinstance(value, kind) or (isinstance(value, int) and value < least):
      raise InputError(f"{path} is no config of a run: its {name} is {value!r}"[:300])
  return config


def logged(path: pathlib.Path) -> list[Json]:
  """Returns the lines of a metrics.jsonl, each with its step and what is finite of its numbers."""
  lines, texts = [], path.read_text(errors="replace").splitlines()
  for i, line in enumerate(texts):
    try:
      entry = json.loads(line)
    except ValueError:
      if i == len(texts) - 1:  # a killed run leaves half a line
        break
      raise
    found = {name: number(value) for name, value in entry.items() if math.isfinite(number(value))}
    lines.append(found | {"step": int(entry["step"])})
  return lines


def read(workdir: pathlib.Path) -> Record:
  """Reads a run's folder.

  Raises:
    InputError: it holds no run, one from before run.json was written, or a damaged file.
  """
  config = configured(workdir / "config.json")
  if not (workdir / "run.json").exists():
    raise InputError(
      f"{workdir} has no run.json, which says what a run costs: train it again, by the command that it was "
      "trained by (a run that is done only writes the file)"
    )
  with shape_of(workdir / "metrics.jsonl"):
    log = logged(workdir / "metrics.jsonl")
  observes = "bits" if "bernoulli" in str(config["method_args"].get("likelihood")) else "images"
  scores: dict[int, dict[str, Score]] = {}
  commands: dict[int, list[str]] = {}
  probed: dict[str, None] = {}
  for path in sorted(workdir.glob("eval/*.json")):
    found = parse(path)
    with shape_of(path):
      step = int(found["step"])
      scores.setdefault(step, {}).update(evaluation(found, observes))
      commands[step] = [str(command) for command in found.get("commands", [])]
  for path in sorted(workdir.glob("probes/*/*.json")):
    if path.parent.name.isdecimal():
      with shape_of(path):
        scores.setdefault(int(path.parent.name), {}).update(probe(path.stem, found := parse(path)))
        probed |= dict.fromkeys([found["command"]] if "command" in found else [])
  made = parse(workdir / "run.json")
  with shape_of(workdir / "run.json"):
    for counts in (made["updates_per_step"], made["parameters"]):
      sum(int(value) for value in counts.values())
    for name in ("flops_per_step", "images_per_step", "sampling_parameters"):
      if made.get(name) is not None and math.isnan(number(made[name])):
        raise ValueError(f"its {name} is {made[name]!r}")
  return Record(workdir, config, made, log, scores, commands, list(probed))


def folders(names: Iterable[str]) -> list[pathlib.Path]:
  """Returns the folders of runs that names stand for: themselves, or all below them.

  Raises:
    InputError: one is no folder, or has no run in it.
  """
  found: Mapping[pathlib.Path, None] = {}
  for name in filter(None, names):  # of a list that ends in a comma
    folder = paths.local(name)
    if not folder.is_dir():
      raise InputError(f"--workdirs: {folder} is no folder")
    inside = sorted(
      path.parent for path in folder.rglob("config.json") if (path.parent / "metrics.jsonl").exists()
    )
    if not inside:
      raise InputError(
        f"--workdirs: {folder} holds no run: there is no config.json with a metrics.jsonl in it"
      )
    found |= dict.fromkeys(path.resolve() for path in inside)
  return list(found)
