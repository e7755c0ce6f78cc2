"""One run as the report sees it: config, budget, log and scores."""

import math
import pathlib
from typing import Any, NamedTuple

from gengap.evaluation.quantities import Capability, Drawn

Json = dict[str, Any]
ONLY_STEP = 0  # the step of scores of images that no run of gengap made


class Score(NamedTuple):
  """A number, how it was measured, and the same number of real images."""

  value: float  # NaN: there is none
  protocol: str  # JSON; numbers of different protocols are not compared
  floor: float = math.nan  # of real images in the place of samples
  reason: str = ""  # why there is no value
  spread: float = math.nan  # standard deviation over draws of samples and references


class Record(NamedTuple):
  """One run."""

  workdir: pathlib.Path
  config: Json
  run_json: Json  # see `gengap.training.cost.training`
  log: list[Json]  # metrics.jsonl
  scores: dict[int, dict[str, Score]]  # step -> name -> score, of evaluations and probes
  commands: dict[int, list[str]]  # step -> commands of its evaluation
  probe_commands: list[str]
  drawn: Drawn | None = None  # how its samples are drawn; None: it was not evaluated
  faults: tuple[str, ...] = ()  # files that cannot be read, and why
  samples: pathlib.Path | None = None  # folder of its sample grids; None: there are none
  sampling: str = ""  # how its samples are drawn, as `Sampling` has it as text; "" for the default
  tradeoffs: dict[int, Json] = {}  # step -> its fidelity-coverage curve: area, points and real images
  training_seconds: float = math.nan  # up to `last`, where the log does not hold all rates

  def can(self, capability: Capability) -> bool:
    """Whether the run's method has a capability."""
    return bool(self.run_json.get(capability.value))

  @property
  def trained(self) -> bool:
    """Whether gengap trained it; if not, there are images alone, and the budget is unknown."""
    return bool(self.run_json.get("trained", True))

  @property
  def has_folder(self) -> bool:
    """Whether it was read from its own folder, and not from a scores.json."""
    return self.trained and self.samples == self.workdir / "samples"

  @property
  def players(self) -> list[str]:
    """The networks that training updates."""
    return list(self.run_json["updates_per_step"])

  @property
  def last(self) -> int:
    """The last step that was logged or evaluated."""
    return max([0, *(line["step"] for line in self.log), *self.scores])

  @property
  def complete(self) -> bool:
    """Whether training reached its last step."""
    return self.last >= self.config["steps"]

  @property
  def best(self) -> int | None:
    """The saved step with the smallest `config.best`, a number of held-out images; None: not measured."""
    name, every = self.config["best"], self.config["checkpoint_every"]
    saved = [x for x in self.log if x["step"] % every == 0 or x["step"] == self.last]
    measured = [(x[name], x["step"]) for x in saved if math.isfinite(x.get(name, math.nan))]
    return min(measured)[1] if measured else None

  def curve(self, name: str, protocol: str | None = None) -> list[tuple[int, float]]:
    """Returns the finite (step, value) of a number in the log, or else in evaluations by one protocol."""
    logged = [(line["step"], line[name]) for line in self.log if math.isfinite(line.get(name, math.nan))]
    if logged:
      return logged
    scores = [(step, found[name]) for step, found in sorted(self.scores.items()) if name in found]
    comparable = [(step, score.value) for step, score in scores if protocol in (None, score.protocol)]
    return [(step, value) for step, value in comparable if math.isfinite(value)]

  def seconds(self, step: int) -> float:
    """Returns the seconds of training up to a step, without evaluating and saving; NaN: unknown."""
    if math.isfinite(self.training_seconds):
      return self.training_seconds * step / self.last
    rates = [rate for at, rate in self.curve("steps_per_second") if at <= step and rate > 0]
    return sum(self.config["log_every"] / rate for rate in rates) if rates else math.nan

  def flops(self, step: int) -> float:
    """Returns the floating-point operations of training up to a step; NaN: unknown."""
    per_step = self.run_json.get("flops_per_step")
    return math.nan if per_step is None else per_step * step
