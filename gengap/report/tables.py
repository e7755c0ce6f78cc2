"""The report's tables, as text, order and notes: whatever cannot be shown is a dash with its reason."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from gengap.evaluation.quantities import Better
from gengap.probes.dynamics import COLLAPSED
from gengap.report import compare, gaps
from gengap.report.answers import bracket, short
from gengap.report.axes import Axis
from gengap.report.compare import View
from gengap.report.gaps import SURE, TRIFLE, Gap
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell

DASH = "\u2013"


class Shown(NamedTuple):
  """A cell of a table: its text, what it is sorted by, and why there is nothing in it."""

  text: str
  order: float | str | None = None  # None: sorted last
  note: int = 0  # of the notes below the table; 0: none

  @property
  def key(self) -> str | None:
    """What it is sorted by, as text."""
    return f"{self.order:.6g}" if isinstance(self.order, int | float) else self.order


class Table(NamedTuple):
  """A table: column titles with a hint each, rows of cells whose first names the row, and notes."""

  caption: str
  columns: tuple[tuple[str, str], ...]
  rows: list[list[Shown]]
  notes: list[str]


def noted(reason: str, notes: list[str]) -> int:
  """Returns the number of a note, which is added where it is new; 0 for none."""
  if reason and reason not in notes:
    notes.append(reason)
  return notes.index(reason) + 1 if reason else 0


def name(text: str) -> Shown:
  """Shows text, sorted by itself."""
  return Shown(text, text)


def number(cell: Cell, notes: list[str]) -> Shown:
  """Shows a mean and its interval over seeds; what seeds without a number lack is a note."""
  note = noted(cell.reason, notes)
  if not cell.values:
    return Shown(DASH, None, note)
  mean, n = cell.estimate, len(cell.values)
  same = f" (equal in all {n})" if n > 1 and not math.isfinite(mean.low) else ""
  return Shown(f"{bracket(mean)}{same}", mean.value, note)


def plain(value: float | None, missing: str, notes: list[str]) -> Shown:
  """Shows a number that has no interval; a dash with a note where it is missing."""
  if value is not None and math.isfinite(value):
    return Shown(short(value), value)
  return Shown(DASH, None, noted(missing, notes))


def scores(comparison: Comparison, view: View, axes: Sequence[Axis], caption: str) -> Table | None:
  """Returns a table of axes, a row a method; None where no method has any of them."""
  rows = {axis: compare.row(comparison, view, axis) for axis in axes}
  measured = [axis for axis in axes if any(cell.values for cell in rows[axis].values())]
  if not measured:
    return None
  notes: list[str] = []
  body = [
    [name(group.name), Shown(str(len(group.records)), len(group.records))]
    + [number(rows[axis][group.name], notes) for axis in measured]
    for group in comparison.groups
  ]
  real = [compare.floor(comparison, view, axis) for axis in measured]
  if any(map(math.isfinite, real)):
    missing = "real images have no such number, or it was not measured"
    body.append([name("real images"), Shown("")] + [plain(x, missing, notes) for x in real])
  columns = [("method", ""), ("seeds", "")] + [(axis.quantity.title, axis.hint) for axis in measured]
  return Table(caption, tuple(columns), body, notes)


def tested(axis: Axis) -> str:
  """Returns in words what `compare.badness` is of an axis."""
  if axis.quantity.better is Better.REAL:
    return "distance from real"
  if axis.quantity.better is Better.LOW:
    return "the value"
  high = axis.quantity.high
  return f"distance from {high:g}" if math.isfinite(high) else "minus the value"


def compared(gap: Gap, a: Group, b: Group, notes: list[str]) -> list[Shown]:
  """Returns the cells of the gap between two methods on one axis."""
  test, better = gap.test, {1: a.name, -1: b.name, 0: DASH}[gap.wins]
  if math.isfinite(gap.p):
    verdict = better if gap.clear or not gap.wins else "undecided"
  else:
    verdict = f"{better} (not tested)" if gap.wins else DASH
  trifle = f"differ by less than {TRIFLE:.0%} of the distance from the best value"
  known = math.isfinite(test.difference.value)
  return [
    name(gap.axis.quantity.title),
    name(verdict)._replace(note=0 if gap.wins or not known else noted(trifle, notes)),
    *(Shown(short(cell.estimate.value), cell.estimate.value) for cell in (gap.a, gap.b)),
    plain(gap.real, "real images have no such number, or it was not measured", notes),
    name(tested(gap.axis)),
    Shown(bracket(test.difference), test.difference.value) if known else plain(None, test.reason, notes),
    Shown(f"{gap.share:.0%}", gap.share) if known else plain(None, test.reason, notes),
    plain(test.g, test.reason, notes),
    plain(test.p, test.reason, notes),
    plain(gap.p, test.reason, notes),
  ]


def differences(comparison: Comparison, view: View) -> Table | None:
  """Returns the gap between the two rivals, a row an axis; None where there is none."""
  if not (pair := compare.rivals(comparison)):
    return None
  a, b = pair
  notes: list[str] = []
  body = [compared(gap, a, b, notes) for gap in gaps.gaps(comparison, a, b, view)]
  columns = (
    ("number", ""),
    ("better", f"where p by Holm is below {SURE:g}"),
    (a.name, "mean over seeds"),
    (b.name, "mean over seeds"),
    ("real images", ""),
    ("what is tested", "the smaller is better"),
    (f"{a.name} less {b.name}", "of what is tested, with its 95 % interval"),
    ("share", "of the larger distance from the best value"),
    ("Hedges' g", ""),
    ("p", "Welch"),
    ("p", "Holm, over all rows"),
  )
  caption = f"The gap between {a.name} and {b.name}"
  return Table(caption, columns, body, notes) if body else None


def stability(comparison: Comparison) -> Table:
  """Returns how training went: runs that ended, collapsed ones, and the swing of the losses."""
  notes: list[str] = []
  body = []
  for group in comparison.groups:
    runs = list(group.records.values())
    done = sum(record.last >= record.config["steps"] for record in runs)
    shares = compare.collapsed(group)
    fell = number(shares, notes)
    if shares.values:
      fell = fell._replace(text=f"{sum(shares.values.values()):.0f} of {len(shares.values)}")
    cells = [name(group.name), Shown(f"{done} of {len(runs)}", done / len(runs)), fell]
    body.append([*cells, number(compare.swings(group), notes)])
  columns = (
    ("method", ""),
    ("runs that reached their last step", ""),
    ("collapsed at the end", f"diversity below {COLLAPSED} of real images'"),
    ("swing of the losses at the end", "about their trend, in the units of each loss"),
  )
  return Table("Stability of training", columns, body, notes)


def total(counts: dict[str, float], factor: float, what: str, notes: list[str]) -> Shown:
  """Shows numbers by player, times a factor; a dash with a note where there are none."""
  if not counts:
    return plain(None, f"run.json has no {what}", notes)
  return Shown(", ".join(f"{key} {short(n * factor)}" for key, n in counts.items()), sum(counts.values()))


def mean(values: Sequence[float]) -> float:
  """Returns the mean of numbers; NaN where one is not known."""
  return math.nan if any(math.isnan(x) for x in values) else sum(values) / len(values)


def budgets(comparison: Comparison) -> Table:
  """Returns what every method was given and needs, and what the letters in names stand for."""
  body, notes = [], []
  lettered = any(group.differs for group in comparison.groups)
  for group in comparison.groups:
    made = group.first.made
    runs = list(group.records.values())
    steps = mean([run.last for run in runs])
    drawn = made.get("images_per_step")
    devices = ", ".join(dict.fromkeys(str(r.made["device"]) for r in runs if r.made.get("device")))
    body.append(
      [
        name(group.name),
        Shown(short(steps), steps),
        total(made.get("updates_per_step") or {}, steps, "updates_per_step", notes),
        plain(drawn and drawn * steps, "run.json has no images_per_step", notes),
        plain(mean([run.flops(run.last) for run in runs]), compare.UNCOUNTED, notes),
        plain(mean([r.seconds(r.last) for r in runs]) / 60, "no step of it was timed in the log", notes),
        name(devices) if devices else plain(None, "run.json has no device", notes),
        *([name(group.differs)] if lettered else []),
        plain(sum(made.get("parameters", {}).values()) or None, "run.json has no parameters", notes),
        plain(made.get("sampling_parameters"), "run.json has no sampling_parameters", notes),
      ]
    )
  columns = (
    "method",
    "generator updates",
    "updates of each player",
    "real images drawn",
    "operations",
    "minutes of training",
    "device",
    *(["differs from its like in"] if lettered else []),
    "parameters",
    "parameters from latent to image",
  )
  caption = "What each run was given, in the mean over seeds, and what it needs"
  return Table(caption, tuple((c, "") for c in columns), body, notes)
