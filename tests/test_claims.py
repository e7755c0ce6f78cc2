"""No claim is left out, and what is said of one can be looked up."""

import json
import pathlib

from gengap import report
from results import claims

ROOT = pathlib.Path(__file__).parents[1]
ROWS = json.loads((ROOT / "results" / "claims.json").read_text())
KNOWN = {"A": 12, "B": 10, "C": 10, "D": 10, "E": 10}


def test_every_claim_has_one_row():
  assert [row["id"] for row in ROWS] == [f"{k}{i}" for k, n in KNOWN.items() for i in range(1, n + 1)]


def test_the_report_takes_the_claims():
  assert report.claims(ROOT / "results" / "claims.json") == ROWS


def test_a_verdict_has_a_measurement_and_its_seeds():
  for row in ROWS:
    told = not row["verdict"].startswith("not tested")
    assert bool(row["measured"]) >= told, row["id"]
    assert (row["n"] != "0") >= told, row["id"]


def test_every_link_leads_to_results():
  assert all((ROOT / row["where"] / "README.md").exists() for row in ROWS if row["where"])


def test_the_page_is_that_of_the_claims():
  assert (ROOT / "results" / "claims.md").read_text() == claims.page(ROWS)
