"""The claims as JSON and as a page."""

import json
from collections.abc import Mapping, Sequence

from results.claims import a, b, c, configs, d, e
from results.claims.numbers import ALPHA, NEGLIGIBLE, RESULTS

INTRODUCTION = f"""# Claims

Every experiment and claim of the five source reports, what was measured of it here, on how many training
seeds, and at which budget. A verdict holds at that budget.

- Every number of the column "measured" is looked up in the committed scores or computed from them
  (`results/claims/`); none is typed. Numbers of the reports stand in "claim", or are said to be theirs.
- Brackets are intervals of 95 %: over training seeds where there are several, else over images or paths
  of one trained model, which say nothing of another training.
- **supported**: every test that the claim rests on is decided as claimed, or the claim is an identity
  that a test of the code holds. **not supported**: every one is decided against it. **depends**: they
  differ, or some are not decided, or there is one training seed. **not tested**: no measurement answers
  it.
- A test is a difference over training seeds by Welch's t-test, a mean beside real images or a constant, or
  the change of each run, by Student's, or an order by Kendall's tau. It is decided where its adjusted p is
  below {ALPHA}. p is adjusted for the tests of the same claim (Holm 1979).
- Two methods in `gap` are compared as [the report](gap/index.html) does it: by their distances from the best
  value, which is that of real images or the end of the range, so that the smaller one is better. p is
  adjusted for all ranked axes that both have on that data set, and a difference below {NEGLIGIBLE:.0%} of the
  larger distance is not told as decided, whatever its p.
- "Tests" lists the adjusted p values in the order in which they are named.
- Samples of VAEs are decoder means.

This page is written by `python -m results.claims`, with [`claims.json`](claims.json), which the report takes
(`python -m gengap.report --claims=results/claims.json`).

| id | claim | measured | seeds | budget | verdict | where |
| --- | --- | --- | --- | --- | --- | --- |
"""

CONFIGS = """
## Configs

The configs that were written for a claim:

"""


def rows() -> list[dict[str, str]]:
  """Returns all claims as `gengap.report --claims` reads them."""
  return [claim.row() for module in (a, b, c, d, e) for claim in module.CLAIMS]


def line(row: Mapping[str, str]) -> str:
  """Returns a claim as a row of the table."""
  folder = row["where"].removeprefix("results/")
  where = f"[{folder}]({folder}/README.md)" if folder else ""
  verdict, _, qualified = row["verdict"].partition(":")
  cells = [row["id"], row["claim"], row["measured"], row["n"], row["budget"]]
  return f"| {' | '.join([*cells, f'**{verdict}**:{qualified}', where])} |\n"


def markdown(claims: Sequence[Mapping[str, str]]) -> str:
  """Returns the page."""
  return INTRODUCTION + "".join(map(line, claims)) + CONFIGS + configs.table()


def text(claims: Sequence[Mapping[str, str]]) -> str:
  """Returns the JSON, a claim a line."""
  return "[\n" + ",\n".join(f" {json.dumps(row, ensure_ascii=False)}" for row in claims) + "\n]\n"


def write() -> None:
  """Writes both files."""
  found = rows()
  (RESULTS / "claims.json").write_text(text(found))
  (RESULTS / "claims.md").write_text(markdown(found))
