"""Tables of how training went and of what it cost."""

import math
from collections.abc import Sequence

from gengap.probes.dynamics import COLLAPSED
from gengap.report import stability, views
from gengap.report.groups import Comparison
from gengap.report.tables import Entry, Table, mean_entry, plain_entry, text_entry
from gengap.report.wording import rounded


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


def total(counts: dict[str, float], factor: float, what: str, notes: list[str]) -> Entry:
  """Returns a cell with one number for each player, times a factor; a dash with a note if there is none."""
  if not counts:
    return plain_entry(None, f"run.json has no {what}", notes)
  return Entry(", ".join(f"{key} {rounded(n * factor)}" for key, n in counts.items()), sum(counts.values()))


def mean(values: Sequence[float]) -> float:
  """Returns the mean of numbers; NaN where one of them is unknown."""
  return math.nan if any(math.isnan(x) for x in values) else sum(values) / len(values)


def budget_table(comparison: Comparison) -> Table:
  """Returns a table of every method's budget and size, and of what the letters in names stand for."""
  body, notes = [], []
  lettered = any(group.differs for group in comparison.groups)
  for group in comparison.groups:
    if not group.trained:
      dashes = [plain_entry(None, views.UNKNOWN_BUDGET, notes) for _ in range(8 + lettered)]
      body.append([text_entry(group.name), *dashes])
      continue
    run_json = group.first.run_json
    runs = list(group.records.values())
    steps = mean([run.last for run in runs])
    drawn = run_json.get("images_per_step")
    devices = ", ".join(dict.fromkeys(str(r.run_json["device"]) for r in runs if r.run_json.get("device")))
    body.append(
      [
        text_entry(group.name),
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
      ]
    )
  headings = (
    "method",
    "generator updates",
    "updates of each player",
    "real images drawn",
    "operations",
    "minutes of training",
    "device",
    *(["settings"] if lettered else []),
    "parameters",
    "parameters from latent to image",
  )
  caption = "Budget and size of each run, mean over seeds"
  return Table(caption, tuple((c, "") for c in headings), body, notes)
