"""One self-contained HTML page of comparisons."""

import importlib.resources
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jinja2

import gengap
from gengap.arguments import one_line
from gengap.report import answers, compare, figures, gaps, grids, tables
from gengap.report.axes import AXES, THEMES
from gengap.report.compare import View
from gengap.report.figures import Drawn
from gengap.report.groups import Comparison
from gengap.report.records import Json
from gengap.report.tables import Table

HERE = importlib.resources.files("gengap.report")


class Picture(NamedTuple):
  """An image in the page."""

  source: str  # data URI
  alt: str
  caption: str = ""


class Part(NamedTuple):
  """What the page says of one data set."""

  anchor: str
  title: str
  answer: list[str]
  planes: list[Picture]
  panels: list[Picture]
  tables: list[Table]
  scores: list[tuple[str, list[Table]]]  # of each way of comparing
  uncounted: str  # methods without which operations cannot be equal
  samples: list[Picture]
  missing: list[str]  # why there are no more of them
  curves: list[Picture]
  losses: list[Picture]
  budgets: Table
  drawn: list[str]
  protocols: list[tuple[str, str]]
  commands: list[tuple[str, list[str]]]


def pictures(drawn: Iterable[Drawn]) -> list[Picture]:
  """Returns figures for the page."""
  return [Picture(grids.uri(figures.svg(figure), "svg+xml"), alt) for figure, alt in drawn]


def sample_grids(comparison: Comparison) -> tuple[list[Picture], list[str]]:
  """Returns the grids of samples, and why others are not there."""
  found, missing = [], []
  for grid in grids.grids(comparison):
    try:
      source = grids.uri(grids.small(grid), "webp")
      found.append(Picture(source, f"Grid of {grid.title}: {grid.caption}", grid.caption))
    except (OSError, ValueError) as error:
      missing.append(f"{grid.path} cannot be shown ({one_line(error)[:120]}).")
  if names := grids.without(comparison):
    missing.append(f"No grids of samples were kept of {answers.listed(names)}.")
  return found, missing


def drawn(comparison: Comparison) -> list[str]:
  """Returns how the samples of each method were drawn, a string a way."""
  by: dict[str, list[str]] = {}
  for group in comparison.groups:
    by.setdefault(answers.manner(group), []).append(group.name)
  return [f"{answers.listed(names)}: {how}." for how, names in by.items()]


def protocols(comparison: Comparison) -> list[tuple[str, str]]:
  """Returns how the numbers were taken: names of axes and their protocol, as JSON."""
  by: dict[str, list[str]] = {}
  for axis in AXES:
    for group in comparison.groups:
      for record in group.records.values():
        for seen in record.scores.values():
          if axis.name in seen and axis.quantity.title not in by.setdefault(seen[axis.name].protocol, []):
            by[seen[axis.name].protocol].append(axis.quantity.title)
  return [(answers.listed(titles), json.dumps(json.loads(p), indent=1)) for p, titles in by.items()]


def commands(comparison: Comparison) -> list[tuple[str, list[str]]]:
  """Returns the commands that made every run, its evaluations and its probes."""
  found = []
  for group in comparison.groups:
    for seed, record in sorted(group.records.items()):
      evaluated = [text for _, texts in sorted(record.commands.items()) for text in texts]
      lines = [str(record.made.get("command", "")), *dict.fromkeys(evaluated), *record.probed]
      found.append((f"{group.name}, seed {seed}", [line for line in lines if line]))
  return found


def views(comparison: Comparison) -> list[tuple[str, View]]:
  """Returns the ways in which runs are compared: title and view; those that show the same are named once."""
  step, flops = compare.equal_updates(comparison.groups), compare.equal_flops(comparison.groups)
  criteria = dict.fromkeys(group.first.config["best"] for group in comparison.groups)
  named: list[tuple[str, View]] = [
    (f"after {step:,} generator updates each", compare.at_step(step)),
    ("at the end of each run", compare.final),
    (
      f"at the checkpoint that was best on {compare.judges(comparison)} ({', '.join(criteria)})",
      compare.best,
    ),
  ]
  if math.isfinite(flops):
    spent = f"after {flops:.3g} operations of training each, or the last evaluation before"
    named.insert(1, (spent, compare.within_flops(flops)))
  merged: dict[Any, tuple[list[str], View]] = {}
  for name, view in named:
    key = tuple(view(record) for group in comparison.groups for record in group.records.values())
    merged.setdefault(key, ([], view))[0].append(name)
  return [("; ".join(titles), view) for titles, view in merged.values()]


def part(comparison: Comparison, index: int) -> Part:
  """Returns what the page says of one data set."""
  view = compare.at_step(compare.equal_updates(comparison.groups))
  told = compare.at_step(compare.equal_updates(compare.rivals(comparison) or comparison.groups))
  scores = []
  for name, seen in views(comparison):
    found = (tables.scores(comparison, seen, axes, theme) for theme, axes in THEMES.items())
    scores.append((f"{name[0].upper()}{name[1:]}", [table for table in found if table]))
  samples, missing = sample_grids(comparison)
  return Part(
    anchor=f"data-{index}",
    title=comparison.title,
    answer=answers.sentences(comparison),
    planes=pictures(figures.planes(comparison, view)),
    panels=pictures(figures.panels(comparison, view)),
    tables=[table for table in (tables.differences(comparison, told), tables.stability(comparison)) if table],
    scores=scores,
    uncounted=answers.listed(compare.uncounted(comparison.groups)),
    samples=samples,
    missing=missing,
    curves=pictures(figures.curves(comparison)),
    losses=pictures(figures.losses(comparison)),
    budgets=tables.budgets(comparison),
    drawn=drawn(comparison),
    protocols=protocols(comparison),
    commands=commands(comparison),
  )


def render(
  comparisons: Sequence[Comparison], claims: Sequence[Json], made_by: str, faults: Sequence[str] = ()
) -> str:
  """Returns the page.

  Args:
    comparisons: a data set each.
    claims: rows of the table of claims: id, claim, measured, n, budget, verdict, where.
    made_by: the command that makes it.
    faults: why runs, or files of theirs, are left out.
  """
  environment = jinja2.Environment(
    loader=jinja2.FunctionLoader(lambda name: (HERE / name).read_text()),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  html = environment.get_template("page.html.jinja").render(
    parts=[part(comparison, i) for i, comparison in enumerate(comparisons)],
    claims=claims,
    made_by=made_by,
    faults=faults,
    trifle=f"{gaps.TRIFLE:.0%}",
    sure=gaps.SURE,
    version=gengap.__version__,
    style=(HERE / "page.css").read_text(),
    script=(HERE / "page.js").read_text(),
  )
  return re.sub(r"\n\s+<", "\n<", html)  # a fifth of it is indentation
