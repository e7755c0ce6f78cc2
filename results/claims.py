"""Writes claims.md from claims.json: every claim of the source reports, and what was measured of it.

python -m results.claims
"""

import json
import pathlib
from collections.abc import Mapping, Sequence

HERE = pathlib.Path(__file__).parent
INTRODUCTION = """# Claims

Every experiment and claim of the five source reports, what was measured of it here, on how many training
seeds, and at which budget. A verdict holds at that budget. Brackets are intervals of 95 %: over training
seeds where there are several, else over images or paths; parentheses are standard deviations over seeds.
This page is written by `python -m results.claims` from [`claims.json`](claims.json), which the report takes
too (`python -m gengap.report --claims=results/claims.json`).

| id | claim | measured | seeds | budget | verdict | where |
| --- | --- | --- | --- | --- | --- | --- |
"""


def line(row: Mapping[str, str]) -> str:
  """Returns a claim as a row of the table."""
  folder = row["where"].removeprefix("results/")
  where = f"[{folder}]({folder}/README.md)" if folder else ""
  verdict, _, qualified = row["verdict"].partition(":")
  cells = [row["id"], row["claim"], row["measured"], row["n"], row["budget"]]
  cells += [f"**{verdict}**" + (f":{qualified}" if qualified else ""), where]
  return f"| {' | '.join(cells)} |\n"


def page(rows: Sequence[Mapping[str, str]]) -> str:
  """Returns the page."""
  return INTRODUCTION + "".join(map(line, rows))


if __name__ == "__main__":
  (HERE / "claims.md").write_text(page(json.loads((HERE / "claims.json").read_text())))
