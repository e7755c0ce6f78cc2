"""The result of an evaluation: scores of samples, and blocks of other numbers."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from gengap.evaluation import html_table, text
from gengap.evaluation.types import Numbers, Score, frozen, plain


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
  # of images without a run: dataset (name or path; "" if it has none), split, image_size, channels
  reference: Numbers = dataclasses.field(default_factory=dict)

  def __post_init__(self) -> None:
    fields = ("protocol", "subject", "floors", "scores", "diagnostics", "diagnostics_protocol", "reference")
    for field in fields:
      object.__setattr__(self, field, frozen(getattr(self, field)))

  def __reduce__(self) -> tuple[Any, ...]:
    return Evaluation.from_json, (self.to_json(),)  # read-only mappings cannot be pickled

  def __str__(self) -> str:
    lines = []
    if self.protocol:
      lines = [*text.wrapped(header(self)), *text.wrapped(floors(self)), text.of_scores(self.scores)]
    return "\n".join([*lines, *(text.of_block(name, block) for name, block in self.diagnostics.items())])

  def _repr_html_(self) -> str:
    """Returns what is printed as HTML, with the scores as a table, for notebooks."""
    parts = []
    if self.protocol:
      said = html_table.paragraph(f"{header(self)}\n{floors(self)}")
      parts = [said, html_table.of_scores(self.scores)]
    blocks = (text.of_block(name, block) for name, block in self.diagnostics.items())
    return "\n".join([*parts, *map(html_table.preformatted, blocks)])

  def to_dict(self) -> dict[str, Any]:
    """Returns the evaluation as eval/STEP.json holds it."""
    found: dict[str, Any] = {} if self.step is None else {"step": self.step, "weights": self.weights}
    found["commands"] = list(self.commands)
    found |= {"reference": plain(self.reference)} if self.reference else {}
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
    aside = ("step", "weights", "commands", "samples", "protocol", "reference")
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
      reference=found.get("reference", {}),
    )

  def to_json(self) -> str:
    """Returns the text of eval/STEP.json."""
    return json.dumps(self.to_dict(), indent=2) + "\n"

  @classmethod
  def from_json(cls, json_text: str) -> "Evaluation":
    """Reads the text of an eval/STEP.json, also of earlier versions."""
    return cls.from_dict(json.loads(json_text))


def header(evaluation: Evaluation) -> str:
  """Returns the line that says what is evaluated, and by which protocol."""
  subject = evaluation.subject
  drawn = ", ".join(filter(None, (subject.get("drawn"), subject.get("codes"))))
  drawn += f", labels by {subject['labels']}" if subject.get("labels") else ""
  start = "" if evaluation.step is None else f"step {evaluation.step}: "
  times = f", {len(subject['seeds'])} times" if subject.get("seeds") else ""
  number = evaluation.protocol.get("samples")
  return f"{start}{number} samples ({drawn}){times}; protocol {evaluation.fingerprint}"


def floors(evaluation: Evaluation) -> str:
  """Returns the line that says which real images took the place of samples."""
  names = {split: f"images of {split}" if " " in split else f"{split} images" for split in evaluation.floors}
  sets = ", ".join(f"{x['images']} {names[split]}" for split, x in evaluation.floors.items())
  real = f"real images ({sets or 'none are given'})"
  return f"floor: {real} in the place of samples; it may be passed on either side"
