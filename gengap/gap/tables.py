"""The report's tables, as text, order and notes: whatever cannot be shown is a dash with its reason."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from gengap.gap import answers, compare
from gengap.gap.answers import short
from gengap.gap.axes import HINTS, Axis
from gengap.gap.compare import View
from gengap.gap.groups import Comparison
from gengap.gap.seeds import Cell
from gengap.probes.dynamics import COLLAPSED


class Shown(NamedTuple):
  """A cell of a table: its text, what it is sorted by, and why there is nothing in it."""

  text: str
  order: float | str | None = None  # None: sorted last
  note: int = 0  # of the notes below the table; 0: none


class Table(NamedTuple):
  """A table: column titles with a hint each, rows of cells whose first names the row, and notes."""

  caption: str
  columns: tuple[tuple[str, str], ...]
  rows: list[list[Shown]]
  notes: list[str]


def number(cell: Cell, notes: list[str]) -> Shown:
  """Shows a mean, its interval and the number of seeds; a dash with a note where there is none."""
  note = 0
  if cell.reason:
    if cell.reason not in notes:
      notes.append(cell.reason)
    note = notes.index(cell.reason) + 1
  if not cell.values:
    return Shown("\u2013", None, note)
  mean = cell.estimate
  interval = f" [{short(mean.low)}, {short(mean.high)}]" if math.isfinite(mean.low) else ""
  return Shown(f"{short(mean.value)}{interval}", mean.value, note)


def plain(value: float | None) -> Shown:
  """Shows a number that has no interval."""
  known = value is not None and math.isfinite(value)
  return Shown(short(value), value) if known and value is not None else Shown("\u2013")


def scores(comparison: Comparison, view: View, axes: Sequence[Axis], caption: str) -> Table | None:
  """Returns a table of axes, a row a method; None where no method has any of them."""
  rows = {axis: compare.row(comparison, view, axis) for axis in axes}
  measured = [axis for axis in axes if any(cell.values for cell in rows[axis].values())]
  if not measured:
    return None
  notes: list[str] = []
  body = [
    [Shown(group.name, group.name), Shown(str(len(group.records)), len(group.records))]
    + [number(rows[axis][group.name], notes) for axis in measured]
    for group in comparison.groups
  ]
  real = [compare.floor(comparison, view, axis) for axis in measured]
  if any(map(math.isfinite, real)):
    body.append([Shown("real images"), Shown("")] + [plain(x) for x in real])
  columns = [("method", ""), ("seeds", "")] + [(axis.title, HINTS[axis.better]) for axis in measured]
  return Table(caption, tuple(columns), body, notes)


def differences(comparison: Comparison, view: View) -> Table | None:
  """Returns the gap between the two rivals, a row an axis; None where there is none."""
  if not (pair := compare.rivals(comparison)):
    return None
  a, b = pair
  body = []
  for gap in answers.gaps(comparison, a, b, view):
    less = gap.less
    interval = f" [{short(less.mean.low)}, {short(less.mean.high)}]" if less.n > 1 else ""
    better = {1: a.name, -1: b.name, 0: "\u2013"}[gap.wins]
    verdict = (better if gap.clear else "undecided") + " (one seed)" * (less.n < 2)
    verdict = verdict if gap.wins else "\u2013"
    body.append(
      [
        Shown(gap.axis.title, gap.axis.title),
        plain(gap.a.estimate.value),
        plain(gap.b.estimate.value),
        plain(gap.real),
        Shown(f"{short(less.mean.value)}{interval}", less.mean.value),
        plain(gap.worse.p),
        Shown(verdict, verdict),
      ]
    )
  columns = ("number", a.name, b.name, "real images", f"{a.name} less {b.name}", "p, paired", "better")
  caption = f"The gap between {a.name} and {b.name}, seed by seed"
  return Table(caption, tuple((c, "") for c in columns), body, []) if body else None


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
    cells = [Shown(group.name, group.name), Shown(f"{done} of {len(runs)}", done / len(runs)), fell]
    swings = {
      seed: max(x for name, x in last.items() if name.endswith("/oscillation") and x is not None)
      for seed, record in group.records.items()
      if (last := next((e for e in reversed(record.log) if any("/oscillation" in k for k in e)), None))
    }
    body.append([*cells, number(Cell(swings), notes)])
  columns = (
    ("method", ""),
    ("runs that reached their last step", ""),
    ("collapsed at the end", f"diversity below {COLLAPSED} of real images'"),
    ("swing of the losses at the end", "about their trend, in the units of each loss"),
  )
  return Table("Stability of training", columns, body, notes)


def budgets(comparison: Comparison) -> Table:
  """Returns what every method was given and needs, and what the letters in names stand for."""
  body = []
  lettered = any(group.differs for group in comparison.groups)
  for group in comparison.groups:
    made = group.first.made
    runs = list(group.records.values())
    steps, seconds = (sum(x) / len(x) for x in ([r.last for r in runs], [r.seconds(r.last) for r in runs]))
    others = {k: v * steps for k, v in made.get("updates_per_step", {}).items()}
    devices = ", ".join(dict.fromkeys(str(r.made.get("device", "")) for r in runs))
    body.append(
      [
        Shown(group.name, group.name),
        plain(steps),
        Shown(", ".join(f"{player} {short(n)}" for player, n in others.items()), sum(others.values())),
        plain(made.get("images_per_step", math.nan) * steps),
        plain(group.first.flops(1) * steps),
        plain(seconds / 60),
        Shown(devices, devices),
        *([Shown(group.differs, group.differs)] if lettered else []),
        plain(sum(made.get("parameters", {}).values())),
        plain(made.get("sampling_parameters")),
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
  return Table(
    "What each run was given, in the mean over seeds, and what it needs",
    tuple((c, "") for c in columns),
    body,
    [],
  )
