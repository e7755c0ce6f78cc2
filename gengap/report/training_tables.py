"""Tables of how training went and of what it cost."""

import math
from collections.abc import Sequence

from gengap.probes.dynamics import COLLAPSED
from gengap.report import columns, stability, views
from gengap.report.axes import axis_of
from gengap.report.groups import Comparison, Group
from gengap.report.record import Json
from gengap.report.tables import Entry, Table, mean_entry, plain_entry, text_entry
from gengap.report.views import View
from gengap.report.wording import rounded

AT_EQUAL_FLOPS = ("frechet", "kid", "precision", "density", "recall", "coverage")  # axes of the table


def stability_table(comparison: Comparison) -> Table:
  """Returns a table of how training went: completed runs, collapsed runs, and oscillation of the losses."""
  notes: list[str] = []
  body = []
  for group in filter(lambda group: group.trained, comparison.groups):
    runs = list(group.records.values())
    complete = sum(record.complete for record in runs)
    shares = stability.collapsed(group)
    collapsed = mean_entry(shares, notes)
    if shares.values:
      collapsed = collapsed._replace(text=f"{sum(shares.values.values()):.0f} of {len(shares.values)}")
    cells = [text_entry(group.name), Entry(f"{complete} of {len(runs)}", complete / len(runs)), collapsed]
    body.append([*cells, mean_entry(stability.oscillation(group), notes)])
  headings = (
    ("method", ""),
    ("runs that reached their last step", ""),
    ("collapsed at the end", f"diversity below {COLLAPSED} of real images'"),
    ("oscillation of the losses at the end", "about their trend, in the units of each loss"),
  )
  return Table("Stability of training", headings, body, notes)


def equal_flops_table(comparison: Comparison) -> list[Table]:
  """Returns a table of every method at equal operations of training; [] where there are no equal operations.

  Each run is looked at at its evaluation nearest to the common budget: the total of the cheapest method. The
  table says which step that is, and how far from the budget.
  """
  several = sum(group.trained for group in comparison.groups) > 1
  if not several or not math.isfinite(budget := views.equal_flops(comparison.groups)):
    return []
  view, notes, body = views.nearest_flops(budget), [], []
  found = {axis: columns.column(comparison, view, axis) for axis in map(axis_of, AT_EQUAL_FLOPS)}
  measured = [axis for axis, column in found.items() if any(cell.values for cell in column.values())]
  for group in comparison.groups:
    cells = [text_entry(group.name), text_entry(group.family.name), *where(group, view, budget, notes)]
    body.append(cells + [mean_entry(found[axis][group.name], notes) for axis in measured])
  headings = [
    ("method", ""),
    ("family", ""),
    ("generator updates", "of the evaluated checkpoint"),
    ("operations", "of training up to there"),
    ("off the budget", "share of the budget"),
    *((axis.quantity.title, axis.hint) for axis in measured),
  ]
  caption = f"At equal operations of training: the evaluation nearest to {budget:.3g} operations"
  return [Table(caption, tuple(headings), body, notes)] if measured else []


def where(group: Group, view: View, budget: float, notes: list[str]) -> list[Entry]:
  """Returns the cells that say at which steps a method is looked at, and how far off the budget they are."""
  seen = [(record, view(record)) for record in group.records.values()]
  steps = {at: record.flops(at) for record, at in seen if not isinstance(at, views.Missing)}
  if not steps:
    reason = next(at.reason for _, at in seen if isinstance(at, views.Missing))
    return [plain_entry(None, reason, notes) for _ in range(3)]
  listed, first = sorted(steps), steps[min(steps)]
  return [
    Entry(", ".join(f"{step:,}" for step in listed), listed[0]),
    Entry(", ".join(rounded(steps[step]) for step in listed), first),
    Entry(", ".join(f"{steps[step] / budget - 1:+.0%}" for step in listed), first / budget - 1),
  ]


def total(counts: dict[str, float], factor: float, what: str, notes: list[str]) -> Entry:
  """Returns a cell with one number for each player, times a factor; a dash with a note if there is none."""
  if not counts:
    return plain_entry(None, f"run.json has no {what}", notes)
  return Entry(", ".join(f"{key} {rounded(n * factor)}" for key, n in counts.items()), sum(counts.values()))


def mean(values: Sequence[float]) -> float:
  """Returns the mean of numbers; NaN where one of them is unknown."""
  return math.nan if any(math.isnan(x) for x in values) else sum(values) / len(values)


def sampling_reason(run_json: Json) -> str:
  """Returns why a run.json does not say how many operations an image takes."""
  if "sampling_flops" not in run_json:
    return "run.json has no sampling_flops: an earlier version wrote it"
  return str(run_json.get("sampling_flops_reason") or "it makes no images")


def budget_table(comparison: Comparison) -> Table:
  """Returns a table of every method's budget and size, and of what the letters in names stand for."""
  body, notes = [], []
  speeds = columns.column(comparison, views.last_evaluated, axis_of("sampling/images_per_second"))
  lettered = any(group.differs for group in comparison.groups)
  for group in comparison.groups:
    if not group.trained:
      dashes = [plain_entry(None, views.UNKNOWN_BUDGET, notes) for _ in range(10 + lettered)]
      body.append([text_entry(group.name), text_entry(group.family.name), *dashes])
      continue
    run_json = group.first.run_json
    runs = list(group.records.values())
    steps = mean([run.last for run in runs])
    drawn = run_json.get("images_per_step")
    devices = ", ".join(dict.fromkeys(str(r.run_json["device"]) for r in runs if r.run_json.get("device")))
    body.append(
      [
        text_entry(group.name),
        text_entry(group.family.name),
        Entry(rounded(steps), steps),
        total(run_json.get("updates_per_step") or {}, steps, "updates_per_step", notes),
        plain_entry(drawn and drawn * steps, "run.json has no images_per_step", notes),
        plain_entry(mean([run.flops(run.last) for run in runs]), views.NOT_COUNTED, notes),
        plain_entry(mean([r.seconds(r.last) for r in runs]) / 60, "no step was timed in the log", notes),
        text_entry(devices) if devices else plain_entry(None, "run.json has no device", notes),
        *([text_entry(group.differs)] if lettered else []),
        plain_entry(
          sum(run_json.get("parameters", {}).values()) or None, "run.json has no parameters", notes
        ),
        plain_entry(run_json.get("sampling_parameters"), "run.json has no sampling_parameters", notes),
        plain_entry(run_json.get("sampling_flops"), sampling_reason(run_json), notes),
        mean_entry(speeds[group.name], notes),
      ]
    )
  headings = (
    "method",
    "family",
    "generator updates",
    "updates of each player",
    "real images drawn",
    "operations",
    "minutes of training",
    "device",
    *(["settings"] if lettered else []),
    "parameters",
    "parameters from latent to image",
    "operations of sampling an image",
    "images sampled a second",
  )
  caption = "Budget and size of each run, mean over seeds"
  return Table(caption, tuple((c, "") for c in headings), body, notes)
