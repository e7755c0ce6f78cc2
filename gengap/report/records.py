"""What the folder of a run says, as plain data: config, budget, log, evaluations and probes."""

import contextlib
import json
import math
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from gengap.errors import InputError

Json = dict[str, Any]

SETTINGS = (
  "samples",
  "steps",
  "batch",
  "device",
  "dataset",
)  # of a measure: how it was taken, not what it found
SIGHT = ("split", "features", "classifier", "version")  # of a probe's protocol: what decides its numbers
ENCODED = (
  "latents/",
  "inversion/",
)  # numbers that depend on the encoder, be it the run's own or a fitted one
ENDED = "interpolation/"  # paths whose ends are codes where a run has an encoder of its own,
FREE = "interpolation/random "  # but for these
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

  value: float  # NaN where there is none
  protocol: str  # JSON; numbers of two protocols are not to be compared
  floor: float = math.nan
  reason: str = ""  # why there is no value
  spread: float = math.nan  # standard deviation over draws of samples and references


class Record(NamedTuple):
  """One run."""

  workdir: pathlib.Path
  config: Json
  made: Json  # run.json: see `gengap.training.cost.training`
  log: list[Json]  # metrics.jsonl
  scores: dict[int, dict[str, Score]]  # step -> name -> score, of evaluations and probes
  commands: dict[int, list[str]]  # step -> those of its evaluation
  probed: list[str]  # commands of its probes
  drawn: str = ""  # how its samples are drawn: see DRAWN
  faults: tuple[str, ...] = ()  # files that could not be read, and why
  samples: pathlib.Path | None = None  # folder of its grids of samples; None: not kept
  spent: float = math.nan  # seconds of training up to `last`, where the log does not hold all rates

  @property
  def last(self) -> int:
    """The last step that was logged or evaluated."""
    return max([0, *(line["step"] for line in self.log), *self.scores])

  @property
  def best(self) -> int | None:
    """The saved step with the smallest `config.best`, a number of held-out images; None: not measured."""
    name, every = self.config["best"], self.config["checkpoint_every"]
    saved = [x for x in self.log if x["step"] % every == 0 or x["step"] == self.last]
    judged = [(x[name], x["step"]) for x in saved if math.isfinite(x.get(name, math.nan))]
    return min(judged)[1] if judged else None

  def curve(self, name: str, protocol: str | None = None) -> list[tuple[int, float]]:
    """Returns (step, value) of what is finite of a name in the log, else in evaluations by one protocol."""
    logged = [(line["step"], line[name]) for line in self.log if math.isfinite(line.get(name, math.nan))]
    seen = ((step, scores[name]) for step, scores in sorted(self.scores.items()) if name in scores)
    taken = ((step, score.value) for step, score in seen if protocol in (None, score.protocol))
    return logged or [(step, value) for step, value in taken if math.isfinite(value)]

  def seconds(self, step: int) -> float:
    """Returns how long training took up to a step, evaluating and saving left out; NaN: unknown."""
    if math.isfinite(self.spent):
      return self.spent * step / self.last
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
    floors = seen.get("floors") or {}
    floor = number(floors.get("test", floors.get("train")))
    taken = text(seen.get("protocol", samples.get("protocol")))
    yield (
      name,
      Score(
        number(seen.get("value")), taken, floor, str(seen.get("reason") or ""), number(seen.get("spread"))
      ),
    )
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


def encoder(name: str, protocol: Json, own: bool) -> Json:
  """Returns what a probe's number depends on of the encoder; nothing where it does not.

  Args:
    name: of the number, such as latents/linear_probe.
    protocol: of the probe.
    own: whether the run has an encoder of its own, for files that do not say.
  """
  fitted = f"fitted, {protocol.get('encoder_steps')} steps"
  used = str(protocol.get("encoder") or ("own" if own else "fitted"))
  if name.startswith(ENCODED):
    return {"encoder": fitted if used == "fitted" else used}
  if name.startswith(ENDED) and not name.startswith(FREE):
    return {"ends": "codes of real images" if used == "own" else "draws that a classifier names"}
  return {}


def probe(name: str, found: Json, own: bool) -> Iterator[tuple[str, Score]]:
  """Yields the scores of a probes/STEP/NAME.json; those of real images are floors, not scores."""
  protocol = found.get("protocol", {})
  options = protocol.get("options", {})
  taken = {key: protocol.get(key) for key in SIGHT} | {key: options.get(key) for key in OPTIONS}
  rows = {row: number(seen.get("value")) for row, seen in found.get("numbers", {}).items()}
  for row, value in rows.items():
    if not row.startswith("real/"):
      floor = rows.get(f"real/{row.rpartition('/')[2]}", math.nan)
      full = f"{name}/{row}"
      yield full, Score(value, text(taken | encoder(full, protocol, own)), floor)


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


def configured(config: Json, path: pathlib.Path) -> Json:
  """Returns a config that a file holds.

  Raises:
    InputError: it lacks what every run has.
  """
  for name, kind, least in FIELDS:
    value = config.get(name)
    if not isinstance(value, kind) or (isinstance(value, int) and value < least):
      raise InputError(f"{path} is no config of a run: its {name} is {value!r}"[:300])
  return config


def logged(path: pathlib.Path) -> list[Json]:
  """Returns the lines of a metrics.jsonl, each with its step and its numbers; NaN for what is not finite."""
  lines, texts = [], path.read_text(errors="replace").splitlines()
  for i, line in enumerate(texts):
    try:
      entry = json.loads(line)
    except ValueError:
      if i == len(texts) - 1:  # a killed run leaves half a line
        break
      raise
    found = {name: number(value) for name, value in entry.items() if isinstance(value, int | float | None)}
    lines.append(found | {"step": int(entry["step"])})
  return lines


def read(workdir: pathlib.Path) -> Record:
  """Reads a run's folder.

  Raises:
    InputError: it holds no run, one from before run.json was written, or a damaged file.
  """
  config = configured(parse(workdir / "config.json"), workdir / "config.json")
  if not (workdir / "run.json").exists():
    raise InputError(
      f"{workdir} has no run.json, which says what a run costs: train it again, by the command that it was "
      "trained by (a run that is done only writes the file)"
    )
  with shape_of(workdir / "metrics.jsonl"):
    log = logged(workdir / "metrics.jsonl")
  with shape_of(workdir / "run.json"):
    made = checked(parse(workdir / "run.json"))
  record = Record(workdir, config, made, log, {}, {}, [], samples=workdir / "samples")
  faults: list[str] = []
  for path in sorted([*workdir.glob("eval/*.json"), *workdir.glob("probes/*/*.json")]):
    try:
      record = taken_in(record, path)
    except InputError as error:
      faults.append(str(error))
  return record._replace(faults=tuple(faults))


def checked(made: Json) -> Json:
  """Returns a run.json; raises ValueError, TypeError or KeyError where it does not hold what it should."""
  for counts in (made["updates_per_step"], made["parameters"]):
    sum(int(value) for value in counts.values())
  for name in ("flops_per_step", "images_per_step", "sampling_parameters"):
    if made.get(name) is not None and math.isnan(number(made[name])):
      raise ValueError(f"its {name} is {made[name]!r}")
  return made


def taken_in(record: Record, path: pathlib.Path) -> Record:
  """Returns a run with what one file of an evaluation or a probe holds.

  Raises:
    InputError: the file is damaged.
  """
  found = parse(path)
  with shape_of(path):
    if path.parent.name == "eval":
      step, likelihood = int(found["step"]), record.config["method_args"].get("likelihood")
      scores = dict(evaluation(found, "bits" if "bernoulli" in str(likelihood) else "images"))
      commands = record.commands | {step: [str(command) for command in found.get("commands", [])]}
      subject = (found.get("samples") or {}).get("subject") or {}
      record = record._replace(commands=commands, drawn=str(subject.get("drawn") or record.drawn))
    elif path.parent.name.isdecimal():
      step, scores = int(path.parent.name), dict(probe(path.stem, found, bool(record.made.get("encodes"))))
      told = [*record.probed, *([str(found["command"])] if "command" in found else [])]
      record = record._replace(probed=list(dict.fromkeys(told)))
    else:
      return record
  return record._replace(scores=record.scores | {step: record.scores.get(step, {}) | scores})
