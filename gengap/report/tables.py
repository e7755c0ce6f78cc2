"""Tables of scores and of gaps: text with a sort key. A missing number is a dash with a note."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from gengap.evaluation.quantities import Better
from gengap.report import columns, gaps, verdicts
from gengap.report.axes import Axis
from gengap.report.gaps import ALPHA, NEGLIGIBLE, Contest, Gap
from gengap.report.groups import Comparison, Group
from gengap.report.statistics import Cell
from gengap.report.verdicts import Verdict
from gengap.report.views import View
from gengap.report.wording import probability, rounded, with_interval

DASH = "\u2013"


class Entry(NamedTuple):
  """A cell of a table: its text, its sort key, and the number of its note."""

  text: str
  order: float | str | None = None  # sort key; None: sorted last
  note: int = 0  # number of the note below the table; 0: none

  @property
  def key(self) -> str | None:
    """The sort key as text."""
    return f"{self.order:.6g}" if isinstance(self.order, int | float) else self.order


class Table(NamedTuple):
  """A table: column titles with a hint each, rows of cells whose first names the row, and notes."""

  caption: str
  columns: tuple[tuple[str, str], ...]
  rows: list[list[Entry]]
  notes: list[str]


def note_number(reason: str, notes: list[str]) -> int:
  """Returns the number of a note, and adds it if it is new; 0 for no reason."""
  if reason and reason not in notes:
    notes.append(reason)
  return notes.index(reason) + 1 if reason else 0


def text_entry(text: str) -> Entry:
  """Returns a cell of text, sorted by the text."""
  return Entry(text, text)


def mean_entry(cell: Cell, notes: list[str]) -> Entry:
  """Returns a cell with a mean over seeds and its interval; a note says why seeds have no number."""
  note = note_number(cell.reason, notes)
  if not cell.values:
    return Entry(DASH, None, note)
  mean, n = cell.estimate, len(cell.values)
  same = f" (equal in all {n})" if n > 1 and not math.isfinite(mean.low) else ""
  return Entry(f"{with_interval(mean)}{same}", mean.value, note)


def plain_entry(value: float | None, missing: str, notes: list[str]) -> Entry:
  """Returns a cell with a number without interval, or a dash with a note where it is missing."""
  if value is not None and math.isfinite(value):
    return Entry(rounded(value), value)
  return Entry(DASH, None, note_number(missing, notes))


def probability_entry(p: float, missing: str, notes: list[str]) -> Entry:
  """Returns a cell with a p value, or a dash with a note where nothing was tested."""
  return Entry(probability(p), p) if math.isfinite(p) else plain_entry(None, missing, notes)


def scores(comparison: Comparison, view: View, axes: Sequence[Axis], caption: str) -> Table | None:
  """Returns a table with one row for each method and one column for each axis; None: nothing was measured."""
  rows = {axis: columns.column(comparison, view, axis) for axis in axes}
  measured = [axis for axis in axes if any(cell.values for cell in rows[axis].values())]
  if not measured:
    return None
  notes: list[str] = []
  body = [
    [text_entry(group.name), Entry(str(len(group.records)), len(group.records))]
    + [mean_entry(rows[axis][group.name], notes) for axis in measured]
    for group in comparison.groups
  ]
  real = [columns.real_value(comparison, view, axis) for axis in measured]
  if any(map(math.isfinite, real)):
    missing = "not defined for real images, or not measured"
    body.append([text_entry("real images"), Entry("")] + [plain_entry(x, missing, notes) for x in real])
  headings = [("method", ""), ("seeds", "")] + [(axis.quantity.title, axis.hint) for axis in measured]
  return Table(caption, tuple(headings), body, notes)


def tested_quantity(axis: Axis) -> str:
  """Returns in words what `columns.distances_from_best` returns for an axis."""
  if axis.quantity.better is Better.REAL:
    return "distance from real"
  if axis.quantity.better is Better.LOW:
    return "the value"
  high = axis.quantity.high
  return f"distance from {high:g}" if math.isfinite(high) else "minus the value"


def gap_row(gap: Gap, a: Group, b: Group, notes: list[str]) -> list[Entry]:
  """Returns the cells of the gap between two methods on one axis."""
  test, nearer = gap.test, {1: a.name, -1: b.name, 0: ""}[gap.winner]
  found = verdicts.verdict(gap)
  said = {
    Verdict.DECIDED: f"decided: {nearer} is better",
    Verdict.SMALL: f"{found.value} {rounded(verdicts.bound(gap))}",
    Verdict.UNTESTED: f"{found.value}: {nearer} is nearer" if nearer else found.value,
  }.get(found, found.value)
  negligible = f"the methods differ by less than {NEGLIGIBLE:.0%} of the distance from the best value"
  known = math.isfinite(test.difference.value)
  return [
    text_entry(gap.axis.quantity.title),
    text_entry(said)._replace(note=0 if gap.winner or not known else note_number(negligible, notes)),
    *(Entry(rounded(cell.estimate.value), cell.estimate.value) for cell in (gap.a, gap.b)),
    plain_entry(gap.real, "not defined for real images, or not measured", notes),
    text_entry(tested_quantity(gap.axis)),
    Entry(with_interval(test.difference), test.difference.value)
    if known
    else plain_entry(None, test.reason, notes),
    Entry(f"{gap.share:.0%}", gap.share) if known else plain_entry(None, test.reason, notes),
    plain_entry(test.g, test.reason, notes),
    probability_entry(test.p, test.reason, notes),
    probability_entry(gap.p, test.reason, notes),
  ]


def differences(comparison: Comparison, view: View | None = None) -> list[Table]:
  """Returns a table for every two of the compared methods, one row for each axis; see `gaps.contests`."""
  found = [contest for contest in gaps.contests(comparison, view) if contest.gaps]
  corrected = "Holm, over all rows" + " of all pairs" * (len(found) > 1)
  return [difference(contest, corrected) for contest in found]


def difference(contest: Contest, corrected: str) -> Table:
  """Returns a table of the gaps of two methods, the largest first; `corrected` says how p is corrected."""
  a, b = contest.a, contest.b
  notes: list[str] = []
  body = [gap_row(gap, a, b, notes) for gap in gaps.by_size(contest.gaps)]
  headings = (
    ("number", ""),
    ("verdict", f"decided where p (Holm) is below {ALPHA:g}"),
    (a.name, "mean over seeds"),
    (b.name, "mean over seeds"),
    ("real images", ""),
    ("what is tested", "smaller is better"),
    ("difference", f"what is tested, of {a.name} minus of {b.name}, with its 95 % interval"),
    ("share", "of the larger distance from the best value"),
    ("Hedges' g", ""),
    ("p", "Welch"),
    ("p", corrected),
  )
  return Table(f"The gap between {a.name} and {b.name}", headings, body, notes)
