"""One self-contained HTML page of comparisons."""

import importlib.resources
import itertools
import json
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jinja2

import gengap
from gengap.families import RIVALS
from gengap.report import (
  answers,
  curves,
  explorer,
  figures,
  gallery,
  gaps,
  selection,
  summary,
  tables,
  training_tables,
  views,
)
from gengap.report.answers import Answer
from gengap.report.axes import AXES, THEMES
from gengap.report.charts import Chart
from gengap.report.gallery import Gallery
from gengap.report.groups import Comparison
from gengap.report.record import Json, Record
from gengap.report.tables import Table
from gengap.report.views import View
from gengap.report.wording import joined

TEMPLATES = importlib.resources.files("gengap.report") / "templates"


class Section(NamedTuple):
  """The page's section on one data set."""

  anchor: str
  title: str
  first: Answer  # on the first screen
  answer: list[list[str]]  # paragraphs of sentences
  planes: list[Chart]
  tradeoffs: list[Chart]  # curves over temperature
  panels: list[Chart]
  tables: list[Table]
  scores: list[tuple[str, list[Table]]]  # title of a view and its tables
  without_flops: str  # methods whose operations are unknown
  equal_flops: bool  # whether others are compared at equal operations
  gallery: Gallery
  curves: list[Chart]
  losses: list[Chart]
  budgets: Table
  drawn: list[str]
  protocols: list[tuple[str, str]]
  commands: list[tuple[str, list[str]]]


def how_drawn(comparison: Comparison) -> list[str]:
  """Returns how the samples of each method were drawn, in words."""
  by: dict[str, list[str]] = {}
  for group in comparison.groups:
    by.setdefault(summary.samples_are(group), []).append(group.name)
  return [f"{joined(names)}: {how}." for how, names in by.items()]


def protocols(comparison: Comparison) -> list[tuple[str, str]]:
  """Returns how the numbers were measured: titles of axes, and their protocol as JSON."""
  by: dict[str, list[str]] = {}
  for axis in AXES:
    for group in comparison.groups:
      for record in group.records.values():
        for seen in record.scores.values():
          if axis.name in seen and axis.quantity.title not in by.setdefault(seen[axis.name].protocol, []):
            by[seen[axis.name].protocol].append(axis.quantity.title)
  return [(joined(titles), json.dumps(json.loads(p), indent=1)) for p, titles in by.items()]


def commands(comparison: Comparison) -> list[tuple[str, list[str]]]:
  """Returns the commands that made every run, its evaluations and its probes."""
  found = []
  for group in comparison.groups:
    for seed, record in sorted(group.records.items()):
      evaluated = [text for _, texts in sorted(record.commands.items()) for text in texts]
      lines = [str(record.run_json.get("command", "")), *dict.fromkeys(evaluated), *record.probe_commands]
      found.append((f"{group.name}, seed {seed}", [line for line in lines if line]))
  return found


def titled_views(comparison: Comparison) -> list[tuple[str, View]]:
  """Returns the titles and views of a comparison; views that look at the same steps share one entry."""
  trained = [group for group in comparison.groups if group.trained]
  if not trained:
    return [("given images, whose budget is unknown", views.final)]
  step, flops = views.equal_updates(trained), views.equal_flops(trained)
  criteria = dict.fromkeys(group.first.config["best"] for group in trained)
  named: list[tuple[str, View]] = [
    (f"after {step:,} generator updates each", views.at_step(step)),
    ("at the end of each run", views.final),
    (
      f"at the checkpoint that was best on {selection.selection_images(comparison)} ({', '.join(criteria)})",
      views.best,
    ),
  ]
  if math.isfinite(flops):
    spent = f"at the evaluation nearest to {flops:.3g} operations of training each"
    named.insert(1, (spent, views.nearest_flops(flops)))
  merged: dict[Any, tuple[list[str], View]] = {}
  for name, view in named:
    key = tuple(view(record) for group in comparison.groups for record in group.records.values())
    merged.setdefault(key, ([], view))[0].append(name)
  images = [group.first for group in comparison.groups if not group.trained]
  return [("; ".join([*titles, *given_images(images, view)]), view) for titles, view in merged.values()]


def given_images(images: Sequence[Record], view: View) -> list[str]:
  """Returns what the title of a view must say of images of other programs, if it shows any."""
  shown = any(not isinstance(view(record), views.Missing) for record in images)
  return ["images of other programs at an unknown budget"] if shown else []


def third_families(comparisons: Sequence[Comparison]) -> list[str]:
  """Returns the names of the compared families that the page's question does not name."""
  compared = {group.family for comparison in comparisons for group in selection.rivals(comparison)}
  return [family.name for family in RIVALS[2:] if family in compared]


def anchor(title: str) -> str:
  """Returns the id of what has a title on the page."""
  return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def definitions() -> dict[str, tuple[str, str]]:
  """Returns the definition of every number: title -> its id on the page, and the definition."""
  return {axis.quantity.title: (f"definition-{anchor(axis.name)}", axis.definition) for axis in AXES}


def anchors(comparisons: Sequence[Comparison]) -> list[str]:
  """Returns the id of each data set's section; names of which only other signs are left get a number."""
  found: list[str] = []
  for comparison in comparisons:
    plain = anchor(comparison.title) or "data"
    taken = (plain if n == 1 else f"{plain}-{n}" for n in itertools.count(1))
    found.append(next(name for name in taken if name not in found))
  return found


def filters(
  comparisons: Sequence[Comparison], ids: Sequence[str]
) -> list[tuple[str, str, list[tuple[str, str]]]]:
  """Returns what the page can be filtered by: a name, its label, and values with their labels."""
  groups = [group for comparison in comparisons for group in comparison.groups]
  found = {
    "section": ("data set", dict(zip(ids, (one.title for one in comparisons), strict=True))),
    "family": ("family", {group.family.name: group.family.name for group in groups}),
    "method": ("method", {name: name for name in sorted(group.name for group in groups)}),
    "seed": ("seed", {str(s): str(s) for s in sorted({s for group in groups for s in group.records})}),
  }
  return [(name, label, list(values.items())) for name, (label, values) in found.items() if len(values) > 1]


def section(name: str, comparison: Comparison, pictured: Gallery) -> Section:
  """Returns the page's section on one data set and its pictures, with its id."""
  view = views.at_step(views.equal_updates(comparison.groups))
  trainings = comparison.by_default
  scores = []
  for title, seen in titled_views(comparison):
    found = (tables.scores(comparison, seen, axes, theme) for theme, axes in THEMES.items())
    scores.append((f"{title[0].upper()}{title[1:]}", [table for table in found if table]))
  return Section(
    anchor=name,
    title=comparison.title,
    first=answers.answer(comparison),
    answer=summary.paragraphs(comparison),
    planes=list(figures.planes(comparison, view)),
    tradeoffs=list(figures.tradeoffs(comparison, view)),
    panels=list(figures.panels(comparison, view)),
    tables=[
      *tables.differences(comparison),
      *training_tables.equal_flops_table(trainings),
      training_tables.stability_table(trainings),
    ],
    scores=scores,
    without_flops=joined(views.without_flops(trainings.groups)),
    equal_flops=math.isfinite(views.equal_flops(trainings.groups)),
    gallery=pictured,
    curves=list(curves.curves(trainings)),
    losses=list(curves.losses(trainings)),
    budgets=training_tables.budget_table(trainings),
    drawn=how_drawn(comparison),
    protocols=protocols(comparison),
    commands=commands(comparison),
  )


def all_files(ending: str) -> str:
  """Returns the style sheets or the scripts of the page, in the order of their names."""
  files = sorted((file for file in TEMPLATES.iterdir() if file.name.endswith(ending)), key=lambda f: f.name)
  return "\n".join(file.read_text() for file in files)


def render(
  comparisons: Sequence[Comparison],
  claims: Sequence[Json],
  made_by: str,
  faults: Sequence[str] = (),
  galleries: Sequence[Gallery] = (),
) -> str:
  """Returns the page.

  Args:
    comparisons: one for each data set.
    claims: rows of the table of claims, see `gengap.report.claims`.
    made_by: the command that makes the page.
    faults: why runs or files are left out.
    galleries: the pictures of each comparison; () encodes them.
  """
  environment = jinja2.Environment(
    loader=jinja2.FunctionLoader(lambda name: (TEMPLATES / name).read_text()),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  pictured = zip(comparisons, galleries or map(gallery.of, comparisons), strict=True)
  in_order = sorted(pictured, key=lambda each: selection.place(each[0]))
  ordered = [comparison for comparison, _ in in_order]
  ids = anchors(ordered)
  html = environment.get_template("page.html.jinja").render(
    sections=[section(name, *each) for name, each in zip(ids, in_order, strict=True)],
    families={group.name: group.family.name for one in comparisons for group in one.groups},
    filters=filters(ordered, ids),
    definitions=definitions(),
    claims=claims,
    thirds=joined(third_families(comparisons)),
    made_by=made_by,
    faults=faults,
    negligible=f"{gaps.NEGLIGIBLE:.0%}",
    alpha=gaps.ALPHA,
    version=gengap.__version__,
    edge=explorer.EDGE,
    reach=explorer.REACH,
    style=all_files(".css"),
    script=all_files(".js"),
  )
  return re.sub(r"\n\s+<", "\n<", html)  # indentation is a fifth of the page
