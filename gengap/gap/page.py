"""One self-contained HTML page of comparisons."""

import base64
import importlib.resources
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jinja2
import matplotlib

import gengap
from gengap.gap import answers, compare, draw, tables
from gengap.gap.axes import AXES, THEMES
from gengap.gap.compare import View
from gengap.gap.draw import Drawn
from gengap.gap.groups import Comparison
from gengap.gap.records import Json
from gengap.gap.tables import Table

HERE = importlib.resources.files("gengap.gap")


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
  samples: list[Picture]
  curves: list[Picture]
  losses: list[Picture]
  budgets: Table
  protocols: list[tuple[str, str]]
  commands: list[tuple[str, list[str]]]


def embed(data: bytes, kind: str) -> str:
  """Returns a picture as a data URI."""
  return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def pictures(drawn: Iterable[Drawn]) -> list[Picture]:
  """Returns figures for the page."""
  with matplotlib.rc_context({"text.parse_math": False}):  # names are text, dollars and all
    return [Picture(embed(draw.svg(figure), "svg+xml"), alt) for figure, alt in drawn]


def grids(comparison: Comparison) -> list[Picture]:
  """Returns the last sample grid of every method's first run, beside real images."""
  found = []
  for group in comparison.groups:
    record = group.first
    pictures = {int(p.stem): p for p in record.workdir.glob("samples/*.png") if p.stem.isdigit()}
    if pictures:
      step = max(pictures)
      seed, latent = record.config["seed"], record.config.get("method_args", {}).get("latent_dim")
      detail = f"step {step:,}, seed {seed}" + (f", {latent} latents" if latent else "")
      source = embed(pictures[step].read_bytes(), "png")
      found.append(Picture(source, f"Grid of samples of {group.name} at {detail}", f"{group.name}: {detail}"))
  real = comparison.groups[0].first.workdir / "samples" / "real.png"
  if real.exists():
    found.append(Picture(embed(real.read_bytes(), "png"), "Grid of real images", "real images"))
  return found


def protocols(comparison: Comparison) -> list[tuple[str, str]]:
  """Returns how the numbers were taken: names of axes and their protocol, as JSON."""
  by: dict[str, list[str]] = {}
  for axis in AXES:
    for group in comparison.groups:
      for record in group.records.values():
        for seen in record.scores.values():
          if axis.name in seen and axis.title not in by.setdefault(seen[axis.name].protocol, []):
            by[seen[axis.name].protocol].append(axis.title)
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
  themed = [(theme, [axis for axis in AXES if axis.theme == theme]) for theme in THEMES]
  scores = []
  for name, seen in views(comparison):
    found = (tables.scores(comparison, seen, axes, theme) for theme, axes in themed)
    scores.append((f"{name[0].upper()}{name[1:]}", [table for table in found if table]))
  return Part(
    f"data-{index}",
    comparison.title,
    answers.sentences(comparison),
    pictures(draw.planes(comparison, view)),
    pictures(draw.panels(comparison, view)),
    [table for table in (tables.differences(comparison, told), tables.stability(comparison)) if table],
    scores,
    grids(comparison),
    pictures(draw.curves(comparison)),
    pictures(draw.losses(comparison)),
    tables.budgets(comparison),
    protocols(comparison),
    commands(comparison),
  )


def render(comparisons: Sequence[Comparison], claims: Sequence[Json], made_by: str) -> str:
  """Returns the page.

  Args:
    comparisons: a data set each.
    claims: rows of the table of claims: id, claim, measured, n, budget, verdict, where.
    made_by: the command that makes it.
  """
  environment = jinja2.Environment(
    loader=jinja2.FunctionLoader(lambda name: (HERE / name).read_text()),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  return environment.get_template("page.html.jinja").render(
    parts=[part(comparison, i) for i, comparison in enumerate(comparisons)],
    claims=claims,
    made_by=made_by,
    version=gengap.__version__,
    style=(HERE / "page.css").read_text(),
    script=(HERE / "page.js").read_text(),
  )
