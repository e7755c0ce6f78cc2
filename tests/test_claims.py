"""No claim is left out, its numbers are those of the scores, and its verdict follows from its tests."""

import ast
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from gengap import report
from gengap.probes.estimate import Estimate
from results import claims, pictures
from results.claims import gap, numbers, pages
from results.gap import readme

RESULTS = pathlib.Path(__file__).parents[1] / "results"
ROWS = json.loads((RESULTS / "claims.json").read_text())
KNOWN = {"A": 12, "B": 10, "C": 10, "D": 10, "E": 10}
WRITTEN = ("measured", "budget", "because")
NAMES = re.compile(r"\b[A-E]\d+\b|CIFAR-10")  # words with a digit that are no numbers
TREES = {name: ast.parse((RESULTS / "claims" / f"{name}.py").read_text()) for name in "abcde"}
PICTURES = sorted(RESULTS.glob("*/*.png"))


def test_every_claim_has_one_row():
  assert [row["id"] for row in ROWS] == [f"{k}{i}" for k, n in KNOWN.items() for i in range(1, n + 1)]


def test_the_report_takes_the_claims():
  assert report.claims(RESULTS / "claims.json") == ROWS


def test_pages_are_what_the_scores_give():
  assert pages.rows() == ROWS
  assert (RESULTS / "claims.json").read_text() == pages.text(ROWS)
  assert (RESULTS / "claims.md").read_text() == pages.markdown(ROWS)
  assert (RESULTS / "gap" / "README.md").read_text() == readme.page()


def texts(node: ast.AST) -> list[str]:
  """Returns what is typed of a text, without what is looked up in it."""
  if isinstance(node, ast.Constant):
    return [node.value] if isinstance(node.value, str) else []
  if isinstance(node, ast.JoinedStr):
    return [text for value in node.values for text in texts(value)]
  if isinstance(node, ast.BinOp):
    return texts(node.left) + texts(node.right)
  if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # "...".format(), "...".join()
    return texts(node.func.value)
  return []


@pytest.mark.parametrize("name", TREES)
def test_no_number_of_a_measurement_is_typed(name):
  tree = TREES[name]
  fields = [
    k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg in WRITTEN
  ]
  formats = {id(node.format_spec) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)}
  formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) and id(node) not in formats]
  typed = [text for node in fields + formatted for text in texts(node)]
  assert fields and not [text for text in typed if re.search(r"\d", NAMES.sub("", text))]


@pytest.mark.parametrize("name", TREES)
def test_numbers_in_the_code_are_signs_or_the_reports_own(name):
  said = set()
  for node in ast.walk(TREES[name]):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reported":
      said |= set(ast.walk(node))
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Constant):
      raise AssertionError(ast.unparse(node))
  constants = [n.value for n in ast.walk(TREES[name]) if isinstance(n, ast.Constant) and n not in said]
  assert {x for x in constants if isinstance(x, int | float)} <= {0, 1}


def test_every_link_leads_to_results():
  assert all((RESULTS.parent / row["where"] / "README.md").exists() for row in ROWS if row["where"])


def test_one_seed_decides_nothing():
  for row in ROWS:
    if row["n"].startswith(("0", "1 seed")):
      assert row["verdict"].split(":")[0] in ("depends", "not tested"), row["id"]
  for part in ("collapse", "report"):  # of which the claims say that there is one
    assert all(len(seeds) == 1 for seeds in numbers.find("autoencoders/scores.json", part).values())


def verdict(*tests: numbers.Test) -> str:
  return claims.Claim("A1", "", "", "", "", "", tests=tests).word


def test_a_verdict_follows_from_its_tests():
  up, down = Estimate(1.0, 0.5, 1.5), Estimate(-1.0, -1.5, -0.5)
  sure, unsure = numbers.Test(up, 0.001, +1), numbers.Test(up, 0.2, +1)
  assert verdict(sure) == "supported" and verdict(sure._replace(expected=-1)) == "not supported"
  assert verdict(numbers.Test(down, 0.001, -1)) == "supported"
  assert verdict(unsure) == verdict(sure, unsure) == verdict(sure, numbers.Test(down, 0.001, +1)) == "depends"
  assert verdict(sure._replace(p=float("nan"))) == "depends"  # equal in all seeds: not tested


def test_several_tests_are_corrected_together():
  one = numbers.Test(Estimate(1.0), 0.03, +1)
  assert verdict(one) == "supported" and verdict(one, one) == "depends"
  assert verdict(one._replace(adjusted=True), one._replace(adjusted=True)) == "supported"


def test_welch_and_holm_of_the_gap_are_those_of_scipy():
  from scipy import stats

  part = gap.DataSet("mnist 28x28")
  vae, gan = part("vae", "kl").values, part("gan", "kl").values
  raw = stats.ttest_ind(vae, gan, equal_var=False)
  test = part.less("vae", "gan", "kl", -1)
  assert test.difference[:3] == pytest.approx((np.mean(vae) - np.mean(gan), *raw.confidence_interval()))
  family = gap.nearer("mnist 28x28", "vae", "gan")
  smaller = sum(x.p < test.p for x in family.values())
  assert test.p == pytest.approx(raw.pvalue * (len(family) - smaller))


def test_more_than_real_images_have_is_no_gain():
  nearer = gap.nearer("fashion_mnist 28x28", "gan", "cgan")["sharpness"]
  part = gap.DataSet("fashion_mnist 28x28")
  assert part("cgan", "sharpness").mean > part.real("sharpness") and nearer.difference.value < 0
  assert gap.nearer("fashion_mnist 28x28", "vae", "gan")["sharpness"].difference.value > 0
  with pytest.raises(ValueError, match="both sides"):
    part.less("gan", "cgan", "sharpness", +1)


def test_scores_are_read_as_rows_and_as_runs():
  run = {"data": "d", "method": "vae", "seed": 1}
  row = {"step": 5, "axis": "kl", "value": 0.5, "floor": None}
  kept = {"scores": {"5": {"kl": [0.5, None, 0], "recall": [None, None, 0, "why"]}}}
  rows = list(gap.stored([run | row, run | row | {"value": None}]))
  runs = list(gap.stored({"runs": [run | kept]}))
  assert [x[:-1] for x in rows] == [x[:-1] for x in runs] == [("d", "vae", "kl", 1, 5, 0.5)]


def test_grey_pictures_lose_nothing_and_coloured_ones_little(tmp_path):
  grey = np.random.default_rng(0).integers(0, 256, (8, 8, 1), np.uint8).repeat(3, -1)
  pictures.save(tmp_path / "grey.png", Image.fromarray(grey))
  assert (np.asarray(Image.open(tmp_path / "grey.png").convert("RGB")) == grey).all()
  coloured = np.full((8, 8, 3), (250, 20, 90), np.uint8)
  pictures.save(tmp_path / "coloured.png", Image.fromarray(coloured))
  kept = np.asarray(Image.open(tmp_path / "coloured.png").convert("RGB")).astype(int)
  assert abs(kept - coloured.astype(int)).max() < 8


def test_results_are_small():
  assert PICTURES and {Image.open(path).mode for path in PICTURES} <= {"L", "P"}
  kept = [path for path in RESULTS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
  assert sum(path.stat().st_size for path in kept if path.parent.name != "gap") < 4.5e6
