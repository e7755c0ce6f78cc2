"""A third family on the page: what it gives up against the best of each other family, by joint tests."""

import json
import shutil

import pytest
import written

from gengap import families
from gengap.errors import suggest
from gengap.method import Kind
from gengap.report import (
  build,
  figures,
  gaps,
  groups,
  inputs,
  run_files,
  scores_file,
  selection,
  statistics,
  summary,
  tables,
  training_tables,
  views,
)
from gengap.report import page as page_module
from gengap.report.figures import styles

THIRD = {"family": "diffusion", "sampling_flops": 3e9}
SHARP = {"precision": 0.7, "recall": 0.75, "density": 0.7, "coverage": 0.8, "frechet": 5.0}


def one(folder):
  """Returns the comparison of the runs below a folder."""
  (found,) = groups.comparisons([run_files.read(path) for path in inputs.find_runs([folder])])
  return found


def three(folder, seeds=3, third=SHARP, **more):
  """Writes a VAE, a GAN, and a diffusion model with its scores for each seed."""
  written.grid(folder, seeds=seeds)
  for seed in range(seeds):
    scores = {step: {k: v * (1 + 0.01 * seed) for k, v in third.items()} for step in (20, 40)}
    options = {"made": THIRD | more, "measures": {"sampling": {"images_per_second": 7.0 + seed}}}
    written.run(folder / "edm" / str(seed), "edm", seed, scores, **options)
  return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
  folder = three(tmp_path_factory.mktemp("three"))
  report = build.make([folder], folder / "out")
  return report, report.page.read_text()


def test_a_family_is_that_of_its_kind_and_a_kind_without_one_is_other():
  for family in families.FAMILIES:
    assert families.of_kind(family.kind) is families.of_name(family.name) is family
  assert families.of_kind(Kind.DIFFUSION | Kind.ADVERSARIAL) is families.OTHER
  assert families.of_name("flow") is families.OTHER
  assert len({family.colour for family in families.FAMILIES}) == len(families.FAMILIES)


def test_a_family_that_is_mistyped_is_suggested():
  assert [suggest(name, families.OF_IMAGES)[-6:] for name in ("gan", "Vae", "difusion", "DIFFUSION")] == [
    *("'GAN'?", "'VAE'?", "sion'?", "sion'?"),
  ]


def test_the_first_question_stays_and_a_third_family_has_a_paragraph(page, tmp_path):
  (comparison,) = page[0].comparisons
  (before,) = summary.paragraphs(one(written.grid(tmp_path)))
  first, third = summary.paragraphs(comparison)
  assert first[0] == before[0].replace(" were", ", each the best of its kind by held-out images, were")
  assert first[1:] == before[1:-1]  # what is decided is the same, now of more tests
  assert third[0] == (
    "edm (diffusion; samples are decoder means, without noise of p(x|z)), of three training seeds, is "
    "compared with vae after 40 generator updates each and wgan_gp after 40 generator updates each."
  )
  assert third[1].startswith("Against edm, vae gives up precision (0.401 against 0.707, real images 0.9), ")
  assert third[2] == "Against vae, edm gives up recall (0.757 against 0.805, real images 0.9)."
  assert third[3].startswith("At equal updates, vae is 1.99 [1.97, 2.01] times as far from the data as edm")
  assert third[5].startswith("Against wgan_gp, edm gives up precision")
  assert third[7].startswith("Of 16 numbers of three pairs of methods that can be tested, 16 differ")
  assert all(sentence in page[1] for sentence in (first[1], *third[:6]))
  assert "a third family: diffusion" in page[1]


def test_every_pair_is_tested_and_all_tests_are_corrected_together(page):
  (comparison,) = page[0].comparisons
  found = gaps.contests(comparison)
  assert [(x.a.name, x.b.name) for x in found] == [("vae", "wgan_gp"), ("vae", "edm"), ("wgan_gp", "edm")]
  every = [gap for contest in found for gap in contest.gaps]
  assert [gap.p for gap in every] == pytest.approx(statistics.holm([gap.test.p for gap in every]))
  alone = gaps.gaps(comparison, found[0].a, found[0].b, views.at_step(40))
  assert all(gap.p > one.p for gap, one in zip(found[0].gaps, alone, strict=True) if gap.p < 1)
  assert [table.caption for table in tables.differences(comparison)] == [
    f"The gap between {a} and {b}" for a, b in (("vae", "wgan_gp"), ("vae", "edm"), ("wgan_gp", "edm"))
  ]
  assert tables.differences(comparison)[0].columns[-1] == ("p", "Holm, over all rows of all pairs")


def test_without_a_gan_the_question_is_between_the_families_that_there_are(tmp_path):
  three(tmp_path)
  for seed in range(3):
    shutil.rmtree(tmp_path / f"wgan_gp/{seed}")
  comparison = one(tmp_path)
  assert [group.name for group in selection.rivals(comparison)] == ["vae", "edm"]
  assert len(summary.paragraphs(comparison)) == 1


def test_colours_are_of_families_and_markers_of_methods(page, tmp_path):
  found = styles(page[0].comparisons[0])
  for name, family in (("vae", "VAE"), ("wgan_gp", "GAN"), ("edm", "diffusion")):
    assert found[name][:3] == (name, family, 0)
  for beta in range(32):
    args = {"method_args": {"beta": beta}}
    written.run(tmp_path / str(beta), "vae", 0, {40: {"frechet": 1.0}}, config=args)
  many = styles(one(tmp_path)).values()
  assert len({(style.shade, style.marker) for style in many}) == 32
  assert {style.shade for style in many} == set(range(figures.SHADES))


def test_sampling_costs_stand_in_the_budget(page):
  table = training_tables.budget_table(page[0].comparisons[0])
  titles = [title for title, _ in table.columns]
  rows = {row[0].text: dict(zip(titles, row, strict=True)) for row in table.rows}
  assert rows["edm"]["family"].text == "diffusion"
  assert rows["edm"]["operations of sampling an image"].text == "3e+09"
  assert rows["edm"]["images sampled a second"].text.startswith("8 [")
  missing = rows["vae"]["operations of sampling an image"]
  assert missing.text == tables.DASH and "an earlier version" in table.notes[missing.note - 1]


def test_what_is_not_counted_of_sampling_says_why(tmp_path):
  made = {"sampling_flops": None, "sampling_flops_reason": "it loops as long as it likes"}
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}}, made=made)
  table = training_tables.budget_table(one(tmp_path))
  assert "it loops as long as it likes" in table.notes


def test_at_equal_operations_the_nearest_checkpoint_is_shown_with_its_distance(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {20: {"frechet": 9.0}, 40: {"frechet": 8.0}})
  dear = {"flops_per_step": 3e6}
  written.run(tmp_path / "b", "gan", 0, {s: {"frechet": float(s)} for s in (10, 20, 40)}, made=dear)
  written.run(tmp_path / "d", "hinge_gan", 0, {40: {"frechet": 2.0}}, made={"flops_per_step": 9e6})
  unknown = {"flops_per_step": None}
  written.run(tmp_path / "c", "lsgan", 0, {40: {"frechet": 1.0}}, made=unknown)
  comparison = one(tmp_path)
  (table,) = training_tables.equal_flops_table(comparison)
  assert "nearest to 4e+07 operations" in table.caption
  rows = {row[0].text: row[1:] for row in table.rows}
  assert [cell.text for cell in rows["vae"]] == ["VAE", "40", "4e+07", "+0%", "8"]
  assert [cell.text for cell in rows["gan"]] == ["GAN", "10", "3e+07", "-25%", "10"]  # 20 is farther, by 50 %
  assert [cell.text for cell in rows["lsgan"][1:]] == [tables.DASH] * 4
  assert table.notes[rows["lsgan"][1].note - 1] == views.NOT_COUNTED
  assert {cell.text for cell in rows["hinge_gan"][1:]} == {tables.DASH}
  assert "its nearest evaluation, step 40, is +800% off the budget" in table.notes
  vae, gan = (next(group for group in comparison.groups if group.name == name) for name in ("vae", "gan"))
  assert views.farthest_off((vae, gan), 4e7) == pytest.approx(0.25)
  said = summary.distance_sentence(comparison, vae, gan, views.at_step(40))
  assert "; at equal operations of training (evaluations up to 25% off), gan is" in said
  shown = page_module.section("data", comparison, None).tables  # pyright: ignore  # no pictures
  assert table.caption in [each.caption for each in shown]


def test_runs_of_earlier_versions_have_their_families(page):
  stored = json.loads(page[0].scores.read_text())
  assert [run["kind"] for run in stored["runs"]] == ["VAE"] * 3 + ["GAN"] * 3 + ["diffusion"] * 3
  assert "family" not in stored["trainings"][0]["run"]  # as earlier versions wrote it
  (again,) = groups.comparisons(scores_file.load(page[0].scores))
  assert [group.family.name for group in again.groups] == ["VAE", "GAN", "diffusion"]


def test_images_of_a_diffusion_model_stand_beside_runs(tmp_path):
  written.run(tmp_path / "runs/a", "vae", 0, {40: {"precision": 0.4, "frechet": 1.0}})
  path = written.images(tmp_path / "ddpm.json", "ddpm", "diffusion")
  (comparison,) = groups.comparisons(inputs.read_all(inputs.find_runs([tmp_path / "runs", path]))[0])
  assert [group.family.name for group in comparison.groups] == ["VAE", "diffusion"]
  assert "ddpm (diffusion; samples are given images)" in summary.sentences(comparison)[0]
