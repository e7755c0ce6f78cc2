"""Scores as an HTML table, as a notebook shows an evaluation."""

from collections.abc import Iterable, Mapping
from html import escape

from gengap.evaluation import text
from gengap.evaluation.types import Score

HEADER = ("", "value", "spread", "floor", "better", "floor of", "meaning")
NUMBERS = ("value", "spread", "floor")  # columns whose cells are aligned to the right


def of_scores(scores: Mapping[str, Score]) -> str:
  """Returns a table of the numbers that have a value, and below it what the printed table adds to them."""
  rows = [of_row("td", (*text.cells(row), row.meaning)) for row in text.rows(scores)]
  table = "\n".join(["<table>", of_row("th", HEADER), *rows, "</table>"])
  notes = preformatted("\n".join(text.notes(scores)))
  return f"{table}\n<details><summary>Notes</summary>{notes}</details>" if text.notes(scores) else table


def of_row(tag: str, cells: Iterable[str]) -> str:
  """Returns a row of a table whose cells are `tag`."""
  sides = ["right" if name in NUMBERS else "left" for name in HEADER]
  row = [
    f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
    for side, cell in zip(sides, cells, strict=True)
  ]
  return f"<tr>{''.join(row)}</tr>"


def paragraph(said: str) -> str:
  """Returns lines as a paragraph."""
  return f"<p>{escape(said).replace(chr(10), '<br>')}</p>"


def preformatted(said: str) -> str:
  """Returns lines that keep their spaces."""
  return f"<pre>{escape(said)}</pre>"
