"""The README and the tables of this folder, from their templates and the records: no number is typed."""

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2

from gengap.report.axes import axis_of
from gengap.report.gaps import ALPHA, NEGLIGIBLE
from gengap.report.wording import with_interval
from results import tables
from results.claims.gap import DataSet, records, tested
from results.claims.numbers import Sample, text
from results.gap import pilot, plan, runs
from results.gap.figures import TASK, TITLES, at_equal_operations, cell, parts

HERE = pathlib.Path(__file__).parent
DIGITS, CLOTHES = DataSet("mnist 28x28"), DataSet("fashion_mnist 28x28")
CIFAR = DataSet("cifar10 32x32")
PAGES = ("README.md", "tables.md")
AXES = ("frechet", "precision", "recall", "density", "coverage", "kl", "unsure", "sharpness")
IN_PIXELS = ("frechet", "precision", "recall", "density", "coverage")
IMPROVES = 0.05  # share by which a Frechet distance must fall in the last quarter of the updates to go on


def named(axis: str) -> str:
  """Returns the title of an axis on the page."""
  return axis_of(axis).quantity.title


def table(part: DataSet) -> str:
  """Returns a row of scores for each method at equal updates, and one for real images."""
  rows = []
  for group in part.comparison.groups:
    cells = [str(part(group.name, axis)) if part(group.name, axis).values else "-" for axis in AXES]
    rows.append([f"`{group.name}`", str(len(group.records)), *cells])
  real = [text(part.real(axis)) for axis in AXES]
  return tables.markdown(["", "seeds", *map(named, AXES)], [*rows, ["real images", "", *real]])


def pixels(part: DataSet) -> str:
  """Returns a row of scores in pixels for each method, drawn by default, and one for real images."""
  rows, real = [], []
  for group in part.comparison.by_default.groups:
    name, data = group.first.workdir.parent.name, part.data.split()[0]
    files = [plan.folder(name, data, seed) / runs.PIXELS for seed in group.records]
    kept = [json.loads(file.read_text()) for file in files]
    real = [text(kept[0][axis][1]) for axis in IN_PIXELS]
    ranges = [(axis, axis_of(axis).quantity) for axis in IN_PIXELS]
    cells = [str(Sample([one[axis][0] for one in kept], x.low, x.high)) for axis, x in ranges]
    rows.append([f"`{group.name}`", *cells])
  return tables.markdown(["", *map(named, IN_PIXELS)], [*rows, ["real images", *real]])


def at_operations(part: DataSet, method: str) -> str:
  """Returns the Frechet distance of a method at the operations of the cheapest one, and its updates."""
  view, group = at_equal_operations(part), part.group(method)
  return f"{with_interval(cell(part, group, 'frechet', view).estimate)} ({view(group.first):,} updates)"


def decided(part: DataSet, pairs: Sequence[tuple[str, str]]) -> str:
  """Returns a table of the axes on which the report decides between two methods, and for which one."""
  rows = []
  for a, b in pairs:
    tests = {axis: part.less(a, b, axis, -1) for axis in tested(part, a, b)}
    cells = [
      "; ".join(named(axis) for axis, x in tests.items() if x.outcome(x.p) == outcome) or "none"
      for outcome in (1, -1)
    ]
    rows.append([f"`{a}`, `{b}`", str(len(tests)), *cells])
  return tables.markdown(("", "ranked axes", "decided for the first", "for the second"), rows)


def pilots(part: DataSet) -> str:
  """Returns the Frechet distance of each method's first run through training, and how much it fell last."""
  rows = []
  for group in part.comparison.by_default.groups:
    values = [part.cell(group.name, "frechet", step).values.get(0) for step in TASK.evaluated]
    known = [value for value in values if value is not None]
    if len(known) == len(values):
      rows.append([f"`{group.name}`", *map(text, known), f"{1 - known[-1] / known[-2]:.1%}"])
  return tables.markdown(["", *(f"{step:,}" for step in TASK.evaluated), "fall in the last quarter"], rows)


def rates() -> str:
  """Returns a table of the pilot of learning rates."""
  found = json.loads(pilot.FILE.read_text())
  steps = [str(step) for step in TASK.evaluated[:2]]
  rows = [
    [f"`{name}`", rate, *(text(seen[step]["frechet"]) for step in steps)]
    for name, by_rate in found.items()
    for rate, seen in by_rate.items()
  ]
  return tables.markdown(["", "rate", *(f"{int(step):,} updates" for step in steps)], rows)


def hours() -> str:
  """Returns the hours of training of all runs."""
  seconds = [record.seconds(record.last) for record in records() if not record.sampling]
  return f"{sum(x for x in seconds if math.isfinite(x)) / 3600:.1f}"


def words() -> dict[str, Any]:
  """Returns the variables of the template."""
  calls = (table, pixels, decided, pilots, rates, at_operations, hours, parts)
  seeds = [len(group.records) for part in (DIGITS, CLOTHES) for group in part.comparison.groups]
  return {call.__name__: call for call in calls} | {
    "ALPHA": ALPHA,
    "SAMPLES": TASK.samples,
    "CLOTHES": CLOTHES,
    "DIGITS": DIGITS,
    "IMPROVES": f"{IMPROVES:.0%}",
    "MIXED": plan.MIXED_VAE,
    "NEGLIGIBLE": f"{NEGLIGIBLE:.0%}",
    "PAIRS": [("vae", "gan"), (plan.MIXED_VAE, "gan"), ("vae", "wgan_gp"), ("gan", "cgan")],
    "SEEDS": f"{min(seeds)} to {max(seeds)}" if min(seeds) < max(seeds) else str(min(seeds)),
    "TITLES": TITLES,
    "right": lambda part: f"{part.accuracy():.1%}",
    "real": lambda part, axis: text(part.real(axis)),
    "task": TASK,
  }


def page(name: str = "README.md") -> str:
  """Returns a file that has a template."""
  template = (HERE / f"{name}.jinja").read_text()
  environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
  return environment.from_string(template).render(words()) + "\n"


def write() -> None:
  """Writes all files that have templates."""
  for name in PAGES:
    (HERE / name).write_text(page(name))
