"""The result of an evaluation: scores of samples, and blocks of other numbers."""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from typing import Any, TypeAlias

from gengap.evaluation import text

Numbers: TypeAlias = Mapping[str, Any]  # JSON by name


def frozen(value: Any) -> Any:
  """Returns JSON that cannot be changed: mappings are read-only, lists are tuples."""
  if isinstance(value, Mapping):
    return types.MappingProxyType({key: frozen(inner) for key, inner in value.items()})
  return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def plain(value: Any) -> Any:
  """Returns JSON as dictionaries and lists. Numbers that are not finite become None: JSON has none."""
  if isinstance(value, Mapping):
    return {key: plain(inner) for key, inner in value.items()}
  if isinstance(value, list | tuple):
    return [plain(inner) for inner in value]
  return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclasses.dataclass(frozen=True)
class Score:
  """One number of samples, with its floor and everything that it depends on."""

  value: float | None  # mean over draws of samples; None: there is none, see `reason`
  values: tuple[float | None, ...] = ()  # of each draw
  spread: float | None = None  # standard deviation over draws of samples and, where known, of references
  floor: float | None = None  # the same metric of real images in the place of samples
  floor_of: str | None = None  # the split of those real images
  floor_reason: str = ""  # why there is no floor
  protocol: Numbers = dataclasses.field(default_factory=dict)  # what this number depends on
  reason: str = ""  # why there is no value
  seeds: tuple[int, ...] = ()  # of the draws
  reference: str = "test"  # split of the images that samples are compared with

  def __post_init__(self) -> None:
    object.__setattr__(self, "protocol", frozen(self.protocol))

  def to_dict(self) -> dict[str, Any]:
    """Returns the score as eval/STEP.json holds it."""
    found: dict[str, Any] = {"value": self.value}
    if not self.values:
      found |= {"reason": self.reason, "seeds": list(self.seeds)}
      return found | ({"protocol": plain(self.protocol)} if self.protocol else {})
    found["values"] = plain(self.values)
    found |= {"reason": self.reason} if self.reason else {}
    found |= {} if self.spread is None else {"spread": self.spread}
    found |= {"floors": {self.reference: self.floor}, "floor_of": self.floor_of}
    found |= {"floor_reason": self.floor_reason} if self.floor_reason else {}
    return found | {"protocol": plain(self.protocol), "seeds": list(self.seeds)}

  @classmethod
  def from_dict(cls, found: Numbers, protocol: Numbers) -> "Score":
    """Reads what `to_dict` returns.

    Args:
      found: the score; in files before version 0.2 some fields are missing.
      protocol: that of a score without its own.
    """
    floors = dict(found.get("floors") or {"test": None})
    reference = "test" if "test" in floors else next(iter(floors))
    value = found.get("value")
    return cls(
      value=value,
      values=tuple(found.get("values", () if value is None else (value,))),
      spread=found.get("spread"),
      floor=floors[reference],
      floor_of=found.get("floor_of"),
      floor_reason=found.get("floor_reason", ""),
      protocol=found.get("protocol", {} if value is None else protocol),
      reason=found.get("reason", ""),
      seeds=tuple(found.get("seeds", ())),
      reference=reference,
    )


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What was found of a checkpoint or of images. Printed, it is the table of `gengap.evaluate`."""

  step: int | None = None  # of the checkpoint; None: images
  weights: str | None = None  # "ema" or "last"; None: images
  protocol: Numbers = dataclasses.field(default_factory=dict)  # of the scores
  fingerprint: str = ""  # short name of `protocol`
  subject: Numbers = dataclasses.field(default_factory=dict)  # the checkpoint, and how samples are drawn
  floors: Numbers = dataclasses.field(default_factory=dict)  # split -> images that took the place of samples
  scores: Mapping[str, Score] = dataclasses.field(default_factory=dict)  # number -> score
  # block -> its numbers, with their protocol: posterior, likelihood, ... of an autoencoder; sampling
  diagnostics: Mapping[str, Numbers] = dataclasses.field(default_factory=dict)
  diagnostics_protocol: Numbers = dataclasses.field(default_factory=dict)
  commands: tuple[str, ...] = ()  # that found all this

  def __post_init__(self) -> None:
    for field in ("protocol", "subject", "floors", "scores", "diagnostics", "diagnostics_protocol"):
      object.__setattr__(self, field, frozen(getattr(self, field)))

  def __reduce__(self) -> tuple[Any, ...]:
    return Evaluation.from_json, (self.to_json(),)  # read-only mappings cannot be pickled

  def __str__(self) -> str:
    return text.of_evaluation(self)

  def to_dict(self) -> dict[str, Any]:
    """Returns the evaluation as eval/STEP.json holds it."""
    found: dict[str, Any] = {} if self.step is None else {"step": self.step, "weights": self.weights}
    found["commands"] = list(self.commands)
    if self.protocol:
      parts = {name: plain(getattr(self, name)) for name in ("protocol", "fingerprint", "subject", "floors")}
      found["samples"] = parts | {"scores": {name: score.to_dict() for name, score in self.scores.items()}}
    if self.diagnostics_protocol:
      found["protocol"] = plain(self.diagnostics_protocol)
    return found | plain(self.diagnostics)

  @classmethod
  def from_dict(cls, found: Numbers) -> "Evaluation":
    """Reads what `to_dict` returns, and the files of earlier versions."""
    samples = found.get("samples", {})
    protocol = samples.get("protocol", {})
    aside = ("step", "weights", "commands", "samples", "protocol")
    return cls(
      step=found.get("step"),
      weights=found.get("weights"),
      protocol=protocol,
      fingerprint=samples.get("fingerprint", ""),
      subject=samples.get("subject", {}),
      floors=samples.get("floors", {}),
      scores={name: Score.from_dict(score, protocol) for name, score in samples.get("scores", {}).items()},
      diagnostics={name: block for name, block in found.items() if name not in aside},
      diagnostics_protocol=found.get("protocol", {}),
      commands=tuple(found.get("commands", ())),
    )

  def to_json(self) -> str:
    """Returns the text of eval/STEP.json."""
    return json.dumps(self.to_dict(), indent=2) + "\n"

  @classmethod
  def from_json(cls, json_text: str) -> "Evaluation":
    """Reads the text of an eval/STEP.json, also of earlier versions."""
    return cls.from_dict(json.loads(json_text))
