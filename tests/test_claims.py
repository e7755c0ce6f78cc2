"""No claim is left out, its numbers are those of the scores, and its verdict follows from its tests."""

import ast
import html
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from gengap.metrics.estimate import Estimate
from gengap.report import claims as claims_file
from gengap.report import gaps, groups, tables, views, webp, wording
from gengap.report.claims import read_claims
from results import claims, pictures
from results.claims import configs, gap, numbers, pages
from results.gap import readme

RESULTS = pathlib.Path(__file__).parents[1] / "results"
ROWS = json.loads((RESULTS / "claims.json").read_text())
KNOWN = {"A": 12, "B": 10, "C": 10, "D": 10, "E": 10}
WRITTEN = ("measured", "budget", "because")
NAMES = re.compile(r"\b[A-E]\d+\b|CIFAR-10")  # words with a digit that are no numbers
TREES = {name: ast.parse((RESULTS / "claims" / f"{name}.py").read_text()) for name in "abcde"}
PICTURES = sorted(RESULTS.glob("*/*.webp"))


def test_every_claim_has_one_row():
  assert [row["id"] for row in ROWS] == [f"{k}{i}" for k, n in KNOWN.items() for i in range(1, n + 1)]


def test_every_config_of_a_claim_exists():
  assert set(configs.CONFIGS) <= {path.stem for path in (RESULTS.parent / "configs").glob("*.py")}
  assert {id for ids in configs.CONFIGS.values() for id in ids} <= {row["id"] for row in ROWS}


def test_the_report_takes_the_claims():
  assert read_claims(RESULTS / "claims.json") == ROWS


def test_pages_are_what_the_scores_give():
  assert pages.rows() == ROWS
  assert (RESULTS / "claims.json").read_text() == pages.text(ROWS)
  assert (RESULTS / "claims.md").read_text() == pages.markdown(ROWS)
  assert all((RESULTS / "gap" / name).read_text() == readme.page(name) for name in readme.PAGES)
  assert readme.FRONT_PAGE.read_text() == readme.front_page()


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
      assert row["verdict"].split(":")[0] in ("provisional", "not tested"), row["id"]
  parts = numbers.find("autoencoders/scores.json", "report")  # of which the claims say that there is one
  assert all(len(seeds) == 1 for seeds in parts.values())


def verdict(*tests: numbers.Test) -> str:
  return claims.Claim("A1", "", "", "", "", "", tests=tests).word


def test_a_verdict_follows_from_its_tests():
  up, down = Estimate(1.0, 0.5, 1.5), Estimate(-1.0, -1.5, -0.5)
  sure, unsure = numbers.Test(up, 0.001, +1), numbers.Test(up, 0.2, +1)
  assert verdict(sure) == "supported" and verdict(sure._replace(expected=-1)) == "contradicted"
  assert verdict(numbers.Test(down, 0.001, -1)) == "supported"
  assert verdict(sure, unsure) == verdict(sure, numbers.Test(down, 0.001, +1)) == "depends"
  assert verdict(unsure) == verdict(unsure, unsure) == "undecided"
  assert verdict(sure._replace(p=float("nan"))) == "undecided"  # equal in all seeds: not tested


def test_several_tests_are_corrected_together():
  one = numbers.Test(Estimate(1.0), 0.03, +1)
  assert verdict(one) == "supported" and verdict(one, one) == "undecided"
  assert verdict(one._replace(adjusted=True), one._replace(adjusted=True)) == "supported"
  assert verdict(one._replace(negligible=True)) == "undecided"


def fresh(part: gap.DataSet, a: str, b: str) -> list[gaps.Gap]:
  """Returns the gap between two methods, by the report alone."""
  comparisons = groups.comparisons(gap.records())
  comparison = next(found for found in comparisons if found.title == part.data)
  methods = {group.name: group for group in comparison.groups}
  view = views.at_step(views.equal_updates(comparison.groups))
  return gaps.gaps(comparison, methods[a], methods[b], view)


@pytest.mark.parametrize(
  "part, a, b",
  [
    (readme.DIGITS, "vae", "gan"),
    (readme.CLOTHES, "gan", "cgan"),
    (gap.DataSet("blobs_multi 32x32"), "vae", "wgan_gp"),
  ],
)
def test_claims_quote_the_reports_difference_p_and_winner(part, a, b):
  found = fresh(part, a, b)
  assert list(gap.tested(part, a, b)) == [x.axis.name for x in found] and len(found) > 10
  for x in found:
    test = part.less(a, b, x.axis.name, -1)
    assert test.difference is x.test.difference or str(test) == wording.with_interval(x.test.difference)
    assert test.p == pytest.approx(x.p, rel=1e-12, nan_ok=True)
    assert test.outcome(test.p) == (x.winner if x.decided else 0), x.axis.name
    assert str(part(a, x.axis.name)).startswith(wording.with_interval(x.a.estimate))
    assert part.real(x.axis.name) == pytest.approx(x.real, nan_ok=True)


def test_a_tests_p_in_claims_md_is_the_reports():
  ps = {x.axis.name: x.p for x in fresh(readme.CIFAR, "gan", "vae")}
  measured = next(row["measured"] for row in ROWS if row["id"] == "A7")
  assert measured.endswith(f" {', '.join(numbers.probability(ps[axis]) for axis in ('kl', 'classes'))}.")


def test_the_page_shows_the_claims_and_what_they_quote():
  source = (RESULTS / "gap" / "index.html").read_text()
  page = html.unescape(source)
  text = html.unescape(re.sub(r"<[^>]*>", "\n", source))
  for row in ROWS:
    said = claims_file.outcome(row["verdict"])
    assert row["measured"] in page and said["why"] in page
    assert f'id="claim-{row["id"]}" data-verdict="{said["outcome"]}"' in page
  for comparison in gap.comparisons().values():
    view = views.at_step(views.equal_updates(comparison.groups))
    for table in tables.differences(comparison, view):
      section = text[text.index(table.caption) :]
      for row in table.rows:
        said = [cell.text for cell in row if cell.text]
        place = re.search(r"\s+(?:\d+\s+)?".join(map(re.escape, said)), section)
        assert place, (comparison.title, said)


def test_what_is_below_a_trifle_is_not_decided_whatever_its_p():
  test = numbers.Test(Estimate(1.0, 0.9, 1.1), 0.001, +1, adjusted=True, negligible=True)
  assert test.outcome(test.p) == 0 and test.said(test.p).endswith("for a difference below 5%")
  assert test._replace(negligible=False).outcome(test.p) == 1
  parts = [(part, gap.tested(part, "vae", "gan")) for part in (readme.DIGITS, readme.CLOTHES)]
  for part, found in parts:
    trifles = {axis for axis, x in found.items() if not x.winner}
    assert trifles == {axis for axis in found if part.less("vae", "gan", axis, -1).negligible}


def test_nearer_to_real_images_is_better_from_either_side():
  part = readme.DIGITS
  either_side = part("cgan", "sharpness").values
  assert min(either_side) < part.real("sharpness") < max(either_side)
  for axis in ("sharpness", "diversity", "unsure", "coverage"):
    far = [abs(np.array(part(method, axis).values) - part.real(axis)).mean() for method in ("gan", "cgan")]
    assert part.less("gan", "cgan", axis, -1).difference.value == pytest.approx(far[0] - far[1]), axis


def test_the_change_of_a_run_is_tested_run_by_run():
  part, step = readme.CIFAR, readme.CIFAR.evaluated("vae", "frechet")[0]
  first, last = part("vae", "frechet", step).values, part("vae", "frechet").values
  test, paired = part.change("vae", "frechet", step, -1), stats.ttest_rel(last, first)
  assert test.difference.value == pytest.approx(np.mean(np.subtract(last, first)))
  assert test.p == pytest.approx(paired.pvalue)


def test_pictures_lose_nothing_that_is_seen_and_drawings_nothing_at_all(tmp_path):
  drawing = np.kron(np.eye(16, dtype=np.uint8) * 200, np.ones((4, 4), np.uint8))[..., None].repeat(3, -1)
  pictures.save(tmp_path / "drawing.webp", Image.fromarray(drawing))
  assert (np.asarray(Image.open(tmp_path / "drawing.webp").convert("RGB")) == drawing).all()
  smooth = np.add.outer(np.arange(120), np.arange(120)).astype(np.uint8)[..., None].repeat(3, -1)
  smooth = (smooth + np.random.default_rng(0).integers(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
  pictures.save(tmp_path / "smooth.webp", Image.fromarray(smooth))
  kept = np.asarray(Image.open(tmp_path / "smooth.webp").convert("RGB")).astype(int)
  assert abs(kept - smooth).mean() < 4
  assert (tmp_path / "smooth.webp").stat().st_size <= len(webp.lossless(Image.fromarray(smooth)))


def test_results_are_small():
  assert PICTURES and not list(RESULTS.glob("*/*.png"))
  kept = [path for path in RESULTS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
  assert sum(path.stat().st_size for path in kept) < 8e6
  assert max(path.stat().st_size for path in kept) < 2e6
