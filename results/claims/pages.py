"""The claims as JSON and as a page."""

import json
from collections.abc import Mapping, Sequence

from results import tables
from results.claims import a, b, c, configs, d, e
from results.claims.numbers import ALPHA, NEGLIGIBLE, RESULTS

INTRODUCTION = f"""# Claims

gengap repeats the experiments of five source reports, A to E, on VAEs and GANs. This page lists each of their
claims, what was measured of it, on how many training seeds, and at which budget. A verdict holds at that
budget.

- Every number in the column "measured" is looked up in the committed scores or computed from them
  (`results/claims/`); none is typed. Numbers of the reports are in "claim", or are marked as theirs.
- Brackets are 95 % intervals: over training seeds if there are several, otherwise over images or paths
  of one trained model, which say nothing about another training.
- **supported**: every test of the claim is decided as claimed, or the claim is an identity that a test of the
  code checks. **contradicted**: every test is decided against it. **undecided** at this size: no test is
  decided. **depends**: the tests differ, or the answer depends on what the verdict names. **provisional**:
  one training seed, which decides nothing. **not tested**: no measurement answers it.
- A test is Welch's t-test of a difference over training seeds; Student's t-test of a mean against real images
  or a constant, or of the change of each run; or Kendall's tau of an order. It is decided if its adjusted p
  is below {ALPHA}. p is adjusted for all tests of the same claim (Holm 1979).
- Two methods in `gap` are compared as in [the report](gap/index.html): by their distances from the best
  value, which is that of real images or the end of the range; the smaller distance is better. p is
  adjusted for all ranked axes that both have on that data set. A difference below {NEGLIGIBLE:.0%} of the
  larger distance is never decided, whatever its p.
- "Tests" lists the adjusted p values, in the order in which the tests are named.
- Samples of VAEs are decoder means.
- Many budgets are smaller than the reports'. [One command](full/README.md) runs these experiments at the
  reports' own size.

`python -m results.claims` writes this page and [`claims.json`](claims.json), which the report can show
(`python -m gengap.report --claims=results/claims.json`).

"""
COLUMNS = ("id", "claim", "measured", "seeds", "budget", "verdict", "where")

CONFIGS = """
## Configs

These configs were written for a claim:

"""


def rows() -> list[dict[str, str]]:
  """Returns all claims as `gengap.report --claims` reads them."""
  return [claim.row() for module in (a, b, c, d, e) for claim in module.CLAIMS]


def cells(row: Mapping[str, str]) -> list[str]:
  """Returns the cells of a claim in the table."""
  folder = row["where"].removeprefix("results/")
  where = f"[{folder}]({folder}/README.md)" if folder else ""
  verdict, _, qualified = row["verdict"].partition(":")
  first = [row["id"], row["claim"], row["measured"], row["n"], row["budget"]]
  return [*first, f"**{verdict}**:{qualified}", where]


def markdown(claims: Sequence[Mapping[str, str]]) -> str:
  """Returns the page."""
  return INTRODUCTION + tables.markdown(COLUMNS, map(cells, claims)) + "\n" + CONFIGS + configs.table()


def text(claims: Sequence[Mapping[str, str]]) -> str:
  """Returns the JSON, one claim per line."""
  return "[\n" + ",\n".join(f" {json.dumps(row, ensure_ascii=False)}" for row in claims) + "\n]\n"


def write() -> None:
  """Writes both files."""
  found = rows()
  (RESULTS / "claims.json").write_text(text(found))
  (RESULTS / "claims.md").write_text(markdown(found))
