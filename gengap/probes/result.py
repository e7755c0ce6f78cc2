"""The results of probes, as Python objects and as JSON."""

import dataclasses
import io
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gengap.distributed import processes
from gengap.errors import InputError
from gengap.logs.log import say
from gengap.metrics.estimate import Estimate
from gengap.storage import paths

FIGURES = ("png", "pdf", "svg")  # formats of figures


@dataclasses.dataclass(frozen=True)
class ProbeResult:
  """The result of one probe of one checkpoint."""

  name: str
  numbers: Mapping[str, Estimate]
  detail: Mapping[str, Any]  # further results, as JSON stores them
  notes: tuple[str, ...]  # what could not be measured, and why
  protocol: Mapping[str, Any]  # all that is needed to repeat the probe
  command: str = ""  # that took the probe; "" outside of a command line
  draw: Callable[[], Figure] | None = dataclasses.field(default=None, repr=False, compare=False)

  def figure(self) -> Figure:
    """Draws the result.

    Raises:
      InputError: the result was read from a file, which does not hold the images.
    """
    if not self.draw:
      raise InputError(f"{self.name} was read from a file, which holds no images; probe again to draw it")
    return self.draw()

  def to_json(self) -> str:
    """Returns the result as the text of probes/STEP/NAME.json; numbers that are not finite become null."""
    found = {
      "command": self.command,
      "protocol": dict(self.protocol),
      "numbers": {name: estimate_to_json(number) for name, number in self.numbers.items()},
      "detail": dict(self.detail),
      "notes": self.notes,
    }
    finite = json.loads(json.dumps(found), parse_constant=lambda _: None)
    return json.dumps(finite, indent=2) + "\n"

  @classmethod
  def from_json(cls, name: str, text: str) -> "ProbeResult":
    """Returns the result of the probe `name` from the text of its file; null becomes NaN.

    Raises:
      InputError: the text is no such file.
    """
    try:
      found = json.loads(text)
      numbers = {key: estimate_from_json(number) for key, number in found["numbers"].items()}
      return cls(
        name,
        MappingProxyType(numbers),
        found["detail"],
        tuple(found["notes"]),
        found["protocol"],
        found.get("command", ""),
      )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
      raise InputError(f"the result of {name} is no file of a probe ({error!r}); probe again") from error

  def __str__(self) -> str:
    """Returns the numbers and notes as lines."""
    width = max((len(key) for key in self.numbers), default=0)
    lines = [f"  {key:{width}}  {value}" for key, value in self.numbers.items()]
    by = ", ".join(
      f"{key} {value}" for key, value in self.detail.items() if isinstance(value, int | float | str)
    )
    return "\n".join([f"{self.name} ({by})", *lines, *(f"  {note}" for note in self.notes)])


@dataclasses.dataclass(frozen=True)
class ProbeResults(Mapping[str, ProbeResult]):
  """The results of all probes of one checkpoint, by name."""

  step: int
  results: Mapping[str, ProbeResult]
  skipped: Mapping[str, str]  # probes that do not suit the run or its data -> the reason
  failed: Mapping[str, str]  # probes that failed -> the reason

  def __getitem__(self, name: str) -> ProbeResult:
    return self.results[name]

  def __iter__(self):
    return iter(self.results)

  def __len__(self) -> int:
    return len(self.results)


def estimate_to_json(number: Estimate) -> dict[str, Any]:
  """Returns a number with its interval and, if there are any, the number of rows left out."""
  plain = {key: getattr(number, key) for key in ("value", "low", "high")}
  left_out = {"left_out": number.left_out} if number.left_out else {}
  return {key: x if math.isfinite(x) else None for key, x in plain.items()} | left_out


def estimate_from_json(found: Mapping[str, Any]) -> Estimate:
  """Returns a number from `estimate_to_json`."""
  value, low, high = (math.nan if found[key] is None else found[key] for key in ("value", "low", "high"))
  return Estimate(value, low, high, found.get("left_out", 0))


def save(result: ProbeResult, folder: pathlib.Path, figures: Sequence[str] = FIGURES[:1]) -> None:
  """Writes a result to NAME.json, then its figure to NAME.png or others; the first of several processes does.

  A figure that cannot be drawn is reported and left out.

  Args:
    result: of a probe.
    folder: where to write.
    figures: formats of the figure, of FIGURES.
  """
  if not processes.is_first():
    return
  paths.write(folder / f"{result.name}.json", result.to_json())
  for kind in FIGURES:
    (folder / f"{result.name}.{kind}").unlink(missing_ok=True)  # it belongs to an earlier result
  picture = folder / f"{result.name}.{figures[0]}"
  drawn = {}
  try:
    figure = result.figure()
    FigureCanvasAgg(figure)
    for picture in (folder / f"{result.name}.{kind}" for kind in figures):
      figure.savefig(file := io.BytesIO(), format=picture.suffix[1:])
      drawn[picture] = file.getvalue()
  except Exception as error:  # the numbers are written already
    say(f"{picture} is not drawn: {type(error).__name__}: {error}")
  try:
    for picture, content in drawn.items():
      paths.write(picture, content)
  except OSError as error:
    say(f"{picture} is not written: {error}")
