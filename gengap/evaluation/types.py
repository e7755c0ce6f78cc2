"""The numbers of an evaluation: scores of samples, and read-only JSON."""

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, TypeAlias

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
  points: Numbers = dataclasses.field(default_factory=dict)  # that it is fitted to: "images", "values"

  def __post_init__(self) -> None:
    object.__setattr__(self, "protocol", frozen(self.protocol))
    object.__setattr__(self, "points", frozen(self.points))

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
    found |= {"points": plain(self.points)} if self.points else {}
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
      points=found.get("points", {}),
    )
