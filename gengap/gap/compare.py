"""Runs side by side: by data set, by method, under equal budgets, over training seeds."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gengap.config import flatten
from gengap.errors import InputError
from gengap.gap.axes import AXES, NEEDS, Axis
from gengap.gap.records import Record, Score
from gengap.gap.seeds import Cell
from gengap.probes.dynamics import COLLAPSED
from gengap.validate import ENERGY

DATA = ("dataset", "image_size", "channels", "dataset_args", "validation_share")  # what must be alike
BOOKKEEPING = (
  "seed",
  "data_dir",
  "data_device_bytes",
  "log_every",
  "sample_every",
  "eval_every",
  "eval_images",
  "checkpoint_every",
)
BOOKKEEPING += ("keep_checkpoints", "steps_per_dispatch", "steps", "best")
LONGEST = 60  # characters of a name
KINDS = {
  (False, True): "VAE",
  (True, False): "GAN",
  (True, True): "VAE and GAN",
  (False, False): "autoencoder",
}


class Missing(NamedTuple):
  """Why there is no number."""

  reason: str


class Group(NamedTuple):
  """Runs that differ in their seed alone."""

  name: str
  records: Mapping[int, Record]  # seed -> run
  differs: str = ""  # what tells it from its like, where that is too long for its name

  @property
  def first(self) -> Record:
    """The run of the smallest seed."""
    return self.records[min(self.records)]

  @property
  def kind(self) -> str:
    """VAE, GAN, both or autoencoder."""
    made = self.first.made
    return KINDS[bool(made.get("adversarial")), bool(made.get("variational"))]


class Comparison(NamedTuple):
  """Everything that was trained on one data set."""

  title: str
  groups: tuple[Group, ...]


View = Callable[[Record], "int | Missing"]


def settings(record: Record, leave_out: Iterable[str]) -> dict[str, Any]:
  """Returns a config's fields on one level, without some."""
  plain = {name: value for name, value in record.config.items() if name not in leave_out}
  return {name.removeprefix("config."): value for name, value in flatten(plain).items()}


def title(record: Record) -> str:
  """Returns the name of a run's data set."""
  size, channels = record.config.get("image_size"), record.config.get("channels")
  args = [f"{k} {v}" for k, v in (record.config.get("dataset_args") or {}).items() if v is not None]
  colour = {1: ["grey"], 3: ["colour"]}.get(channels if isinstance(channels, int) else 0, [])
  return ", ".join([f"{record.config['dataset']} {size}x{size}", *colour, *args])


def shown(value: Any) -> str:
  """Returns a config's value, short."""
  return f"{value:g}" if isinstance(value, float) else str(value)


def names(keys: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
  """Names each of several settings: the method, and what tells it from its like.

  Returns:
    Names and, where they would be too long and letters stand instead, what each letter stands for, else "".
  """
  differs = []
  for key in keys:
    like = [other for other in keys if other["method"] == key["method"]]
    differing = [k for k in key if any(other.get(k) != key[k] for other in like)]
    differs.append(", ".join(f"{k.removeprefix('method_args.')} {shown(key[k])}" for k in differing))
  found, seen = [], Counter()
  for key, text in zip(keys, differs, strict=True):
    method = key["method"]
    if any(len(t) > LONGEST for k, t in zip(keys, differs, strict=True) if k["method"] == method):
      letter = chr(ord("A") + seen[method] % 26) + str(seen[method] // 26 or "")
      found.append((f"{method} {letter}", text))
    else:
      found.append((method + f" ({text})" * bool(text), ""))
    seen[method] += 1
  return found


def comparisons(records: Iterable[Record]) -> list[Comparison]:
  """Sorts runs by data set and method.

  Raises:
    InputError: two are of one method and seed, none makes or encodes images, or their protocols differ.
  """
  useful = [r for r in records if r.made.get("generates") or r.made.get("encodes")]
  if not useful:
    raise InputError(
      "--workdirs: none of these runs makes images or encodes them; there is nothing to compare"
    )
  by_data: dict[str, list[Record]] = {}
  for record in useful:
    key = json.dumps({name: record.config.get(name) for name in DATA}, sort_keys=True)
    by_data.setdefault(key, []).append(record)
  titles = [title(runs[0]) for runs in by_data.values()]
  found = []
  for runs, name in zip(by_data.values(), titles, strict=True):
    name += f", validation share {runs[0].config.get('validation_share')}" * (titles.count(name) > 1)
    by_method: dict[str, dict[int, Record]] = {}
    for record in runs:
      key = json.dumps(settings(record, (*BOOKKEEPING, *DATA)), sort_keys=True)
      seeds = by_method.setdefault(key, {})
      seed = record.config["seed"]
      if seed in seeds:
        raise InputError(
          f"--workdirs: {seeds[seed].workdir} and {record.workdir} are runs of one method and seed; name one"
        )
      seeds[seed] = record
    called = names([json.loads(key) for key in by_method])
    groups = [Group(n, seeds, text) for (n, text), seeds in zip(called, by_method.values(), strict=True)]
    order = {"VAE": 0, "autoencoder": 1, "VAE and GAN": 2, "GAN": 3}
    groups.sort(key=lambda group: (order[group.kind], group.name))
    check_protocols(groups)
    found.append(Comparison(name, tuple(groups)))
  return found


def check_protocols(groups: Sequence[Group]) -> None:
  """Raises InputError where numbers of one axis were taken by different protocols."""
  for axis in AXES:
    seen: dict[str, Record] = {}
    for record in (r for group in groups for r in group.records.values()):
      for scores in record.scores.values():
        if axis.name in scores and axis.refuses:
          seen.setdefault(scores[axis.name].protocol, record)
    if len(seen) > 1:
      (one, a), (two, b) = list(seen.items())[:2]
      raise InputError(
        f"{axis.name} of {a.workdir} and of {b.workdir} was taken by different protocols "
        f"({differing(one, two)}); evaluate and probe all runs of a data set alike"
      )


def differing(one: str, two: str) -> str:
  """Names the first field in which two protocols differ."""
  a, b = (flatten(json.loads(protocol) or {}, "protocol") for protocol in (one, two))
  for name in sorted(a.keys() | b.keys()):
    if a.get(name) != b.get(name):
      return f"{name.removeprefix('protocol.')} is {a.get(name)!r} and {b.get(name)!r}"
  return "one has none"


def ended(groups: Sequence[Group]) -> Sequence[Group]:
  """Returns the methods of which a run got to its end; all where none did."""
  whole = [g for g in groups if any(r.last >= r.config["steps"] for r in g.records.values())]
  return whole or groups


def equal_updates(groups: Sequence[Group]) -> int:
  """Returns the number of generator updates that some run of every method that got to its end has made."""
  return min(max(record.last for record in group.records.values()) for group in ended(groups))


def equal_flops(groups: Sequence[Group]) -> float:
  """Returns the operations that some run of every such method has spent; NaN: not known of all."""
  spent = [max(record.flops(record.last) for record in group.records.values()) for group in ended(groups)]
  return math.nan if any(math.isnan(x) for x in spent) else min(spent)


def at_step(step: int) -> View:
  """Looks at runs at one number of generator updates."""
  return lambda record: step


def within_flops(flops: float) -> View:
  """Looks at runs at their last evaluation that a number of operations pays for."""

  def view(record: Record) -> int | Missing:
    evaluated = record.commands or record.scores  # a step that was only probed has no samples to compare
    paid = [step for step in evaluated if record.flops(step) <= flops * (1 + 1e-9)]
    return max(paid) if paid else Missing(f"no evaluation within {flops:.3g} operations")

  return view


def final(record: Record) -> int:
  """Looks at a run at its end."""
  return record.last


def best(record: Record) -> int | Missing:
  """Looks at a run at the checkpoint that was best on held-out images."""
  found = record.best
  return Missing(f"{record.config['best']} was never measured") if found is None else found


def look(record: Record, view: View, axis: Axis) -> Score | Missing:
  """Returns a run's number on an axis."""
  if not record.made.get(axis.needs):
    return Missing(NEEDS[axis.needs])
  step = view(record)
  if isinstance(step, Missing):
    return step
  if step not in record.scores:
    return Missing(f"not evaluated at step {step}")
  scores = record.scores[step]
  if axis.name not in scores:
    return Missing(f"not measured at step {step}")
  score = scores[axis.name]
  return score if math.isfinite(score.value) else Missing(f"not finite at step {step}")


def cell(group: Group, view: View, axis: Axis) -> Cell:
  """Returns a method's numbers on an axis."""
  values, reasons = {}, []
  for seed, record in sorted(group.records.items()):
    score = look(record, view, axis)
    if isinstance(score, Missing):
      reasons.append(score.reason)
    else:
      values[seed] = score.value
  return Cell(values, "; ".join(dict.fromkeys(reasons)))


def row(comparison: Comparison, view: View, axis: Axis) -> dict[str, Cell]:
  """Returns all methods' numbers on an axis; none where they were taken by protocols that differ."""
  protocols = {
    score.protocol
    for group in comparison.groups
    for record in group.records.values()
    if isinstance(score := look(record, view, axis), Score)
  }
  if len(protocols) > 1:
    return {group.name: Cell({}, f"{differing(*sorted(protocols)[:2])}") for group in comparison.groups}
  return {group.name: cell(group, view, axis) for group in comparison.groups}


def floor(comparison: Comparison, view: View, axis: Axis) -> float:
  """Returns what real images have on an axis; NaN: not known."""
  for group in comparison.groups:
    for record in group.records.values():
      score = look(record, view, axis)
      if isinstance(score, Score) and math.isfinite(score.floor):
        return score.floor
  return math.nan


def collapsed(group: Group) -> Cell:
  """Returns for every seed whether its last evaluation shows a collapse: 1 or 0."""
  values = {}
  for seed, record in sorted(group.records.items()):
    seen = [scores["diversity"] for _, scores in sorted(record.scores.items()) if "diversity" in scores]
    if seen and math.isfinite(seen[-1].floor):
      values[seed] = float(not seen[-1].value >= COLLAPSED * seen[-1].floor)
  return Cell(values, "" if len(values) == len(group.records) else "diversity was not measured of every run")


def judges(comparison: Comparison) -> str:
  """Returns what a checkpoint or a method is chosen by."""
  held_out = comparison.groups[0].first.config.get("validation_share", 1)
  return "held-out images" if held_out else "test images (none are held out)"


def energy(group: Group, step: int) -> float:
  """Returns the mean over seeds of the energy distance to held-out images by a step; infinite: none."""
  curves = [[y for at, y in record.curve(ENERGY) if at <= step] for record in group.records.values()]
  last = [curve[-1] for curve in curves if curve]
  return float(np.mean(last)) if last else math.inf


def rivals(comparison: Comparison) -> tuple[Group, Group] | None:
  """Returns the two methods whose gap is told: the best VAE and the best GAN, else the best two.

  None where there is but one. The best is chosen by validation images.
  """
  step = equal_updates(comparison.groups)
  ranked = sorted(comparison.groups, key=lambda group: energy(group, step))
  vaes, gans = ([g for g in ranked if g.kind == kind] for kind in ("VAE", "GAN"))
  if vaes and gans:
    return vaes[0], gans[0]
  return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def badness(axis: Axis, cell: Cell, real: float) -> Cell:
  """Returns how bad every run is on an axis: the more the worse; nothing where neither side is better."""
  worse: dict[str, Callable[[float], float]] = {
    "real": lambda x: abs(x - real),
    "low": lambda x: x,
    "high": lambda x: -x,
  }
  if axis.better not in worse:
    return Cell({}, "no side is better")
  bad = {seed: worse[axis.better](value) for seed, value in cell.values.items()}
  return Cell({seed: value for seed, value in bad.items() if math.isfinite(value)})
