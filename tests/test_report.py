"""The report: what is compared with what, what is refused, and the page in a real browser."""

import json
import math
import pathlib
import re
import shutil
from typing import Any

import browser
import pytest
import written
from scipy import stats

from gengap.command_line import cli
from gengap.errors import InputError
from gengap.evaluation.quantities import Better
from gengap.report import __main__ as report
from gengap.report import claims as claims_file
from gengap.report import (
  columns,
  gaps,
  groups,
  inputs,
  page,
  run_files,
  selection,
  stability,
  statistics,
  summary,
  tables,
  training_tables,
  verdicts,
  views,
)
from gengap.report.axes import AXES, BLOBS, COVERAGE, DISTANCE, FIDELITY, MEMORY, axis_of
from gengap.report.statistics import Cell
from gengap.storage import paths

FRECHET = axis_of("frechet")


def comparisons(folder):
  return groups.comparisons([run_files.read(f) for f in inputs.find_runs([str(folder)])])


def one(folder):
  (found,) = comparisons(folder)
  return found


def frechet(group, view):
  return columns.column(groups.Comparison("", (group,)), view, FRECHET)[group.name]


def call(**flags):
  report.main(cli.parse(report.FLAGS, ["report", *(f"--{name}={value}" for name, value in flags.items())]))


def make(folder, **flags):
  """Runs the command; returns the page."""
  call(workdirs=folder, out=folder / "out", **flags)
  return (folder / "out" / "index.html").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = written.grid(tmp_path_factory.mktemp("grid"))
  return folder, make(folder)


@pytest.mark.parametrize(
  ("axis", "a", "b", "wins"),  # real images have 0.5
  [
    ("precision", 0.8, 0.4, -1),
    ("density", 7.5, 0.9, -1),
    ("unsure", 0.1, 0.45, -1),
    ("inception_score", 5.5, 1.2, -1),
    ("diversity", 0.8, 0.4, -1),
    ("diversity", 0.1, 0.4, -1),
    ("diversity", 0.75, 0.25, 0),
    ("frechet", 0.8, 0.4, -1),
    ("latents/linear_probe", 0.8, 0.4, 1),
    ("sampling/images_per_second", 0.8, 0.4, 1),
    ("posterior/active_units", 0.8, 0.4, 0),
    ("nearer_train", 0.1, 0.5, 0),
    ("precision", 0.8, math.nan, 0),
    ("precision", 0.1, 0.101, 0),
    ("authentic", 0.942, 0.931, 0),
  ],
)
def test_the_better_of_two_is_told_by_the_axis(axis, a, b, wins):
  assert told(axis, [a], [b]).winner == wins
  assert told(axis, [b], [a]).winner == -wins


def told(axis, a, b, runs=0, real=0.5):
  """What is told of two methods by their values for seeds 0, 1, ..."""
  axis = axis_of(axis)
  one, two = (Cell(dict(enumerate(values)), "", axis.quantity.low, axis.quantity.high) for values in (a, b))
  return gaps.gap(axis, one, two, real, max(runs, len(a)) == 1)


def test_what_samples_share_with_real_images_is_best_where_theirs_is():
  of_distributions = {"kl", "frechet", "fd_infinity", "kid"}
  for axis in AXES:
    if axis.theme in (FIDELITY, COVERAGE, DISTANCE, BLOBS):
      better = Better.LOW if axis.name in of_distributions else Better.REAL
      assert axis.quantity.better is better, axis.name
    if axis.theme == MEMORY:
      assert axis.quantity.better is Better.NONE, axis.name


def test_differences_are_scaled_by_the_distance_from_the_best_value():
  gap = told("precision", [0.942, 0.9421, 0.9419], [0.931, 0.9311, 0.9309], real=0.41)
  assert gap.test.p < 1e-3  # for sure, and a trifle
  assert abs(gap.share) == pytest.approx(0.011 / 0.532, rel=1e-3)
  assert not gap.decided
  assert told("frechet", [10.0], [9.4]).winner == -1  # 6 % of the larger, 6.4 % of the smaller
  assert told("frechet", [10.0], [9.52]).winner == 0  # 4.8 % of the larger, 5.04 % of the smaller


def test_what_is_tested_is_what_is_shown():
  a, b = [0.400, 0.404, 0.396], [0.601, 0.605, 0.597]
  gap = told("sharpness", a, b)
  far = [[abs(x - 0.5) for x in values] for values in (a, b)]
  expected: Any = stats.ttest_ind(*far, equal_var=False)
  assert gap.test.p == pytest.approx(expected.pvalue)
  assert gap.test.difference[1:3] == pytest.approx(tuple(expected.confidence_interval(0.95)))
  assert not gap.decided  # though a - b is far from 0


def test_differences_stay_within_the_possible_range():
  gap = told("recall", [0.0, 0.0, 0.3], [0.9, 0.2, 0.0], real=0.95)
  assert gap.test.difference.high == 0.95  # by Student's t more
  assert gap.test.difference.low >= -0.95


def test_scatter_about_real_is_no_virtue():
  assert told("sharpness", [0.2, 0.8, 0.5], [0.45, 0.45, 0.45]).winner == -1


def test_what_one_of_several_seeds_has_is_not_told():
  for runs in (1, 3):
    alone = told("precision", [0.8], [0.4], runs=runs)
    assert alone.winner and not alone.decided
    assert verdicts.words(alone) == "not tested: needs two seeds of each"


def test_what_does_not_vary_is_not_tested(tmp_path):
  for method, classes in (("vae", 9), ("wgan_gp", 10)):
    for seed in range(3):
      scores = {40: {"classes": classes, "precision": 0.5 + 1e-14 * seed}}
      written.run(tmp_path / f"{method}{seed}", method, seed, scores)
  found = one(tmp_path)
  (table,) = tables.differences(found, views.final)
  rows = {row[0].text: row for row in table.rows}
  notes = {name: {table.notes[cell.note - 1] for cell in row if cell.note} for name, row in rows.items()}
  assert any("equal in all 3 seeds" in note for note in notes["precision"])
  assert any("differ by exactly 1 in all 3 seeds" in note for note in notes["classes"])
  assert "not tested" in rows["classes"][1].text
  assert "none differs" in summary.sentences(found)[-1] or "cannot be told" in summary.sentences(found)[-1]
  table = tables.scores(found, views.final, [axis_of("classes")], "")
  assert table
  cells = {row[0].text: row for row in table.rows}
  assert cells["vae"][2].text == "9 (equal in all 3)"


def test_as_many_tests_as_there_are_axes_are_corrected_for(tmp_path):
  written.grid(tmp_path, spread=0.3)
  found = one(tmp_path)
  pair = selection.best_pair(found)
  assert pair
  several = gaps.gaps(found, *pair, views.final)
  alone = [gap.test.p for gap in several]
  assert [gap.p for gap in several] == pytest.approx(statistics.holm(alone))
  assert max(gap.p / p for gap, p in zip(several, alone, strict=True)) == pytest.approx(len(several))


def test_what_is_decided_is_decided_by_the_corrected_p():
  gap = told("precision", [0.40, 0.41, 0.42], [0.1, 0.11, 0.12])
  assert gap.test.p < gaps.ALPHA
  assert gap._replace(p=gaps.ALPHA / 2).decided
  assert not gap._replace(p=2 * gaps.ALPHA).decided


def test_half_a_last_line_is_left_out(tmp_path):
  folder = written.run(tmp_path / "a", "vae", 0)
  with (folder / "metrics.jsonl").open("a") as file:
    file.write('{"step": 50, "val')
  assert run_files.read(folder).last == 40


def test_a_method_that_failed_holds_no_other_back(tmp_path):
  written.grid(tmp_path)
  written.run(tmp_path / "lsgan", "lsgan", 0, steps=10)
  assert "40 generator updates each, with three training seeds each" in summary.sentences(one(tmp_path))[0]
  assert views.equal_updates(one(tmp_path).groups) == 40


def test_runs_with_other_training_images_are_not_mixed(tmp_path):
  for share in (0.0, 0.1):
    written.run(tmp_path / str(share), "vae", 0, {40: {"frechet": 1.0}}, config={"validation_share": share})
  assert [c.title for c in comparisons(tmp_path)] == [
    f"blobs_single 8x8, validation share {s}" for s in (0.0, 0.1)
  ]


def test_training_time_is_that_of_the_steps(tmp_path):
  record = run_files.read(written.run(tmp_path / "a", "vae", 0))  # 5 steps a second, 40 of them
  assert record.seconds(40) == pytest.approx(8)
  assert record.seconds(20) == pytest.approx(4)


def test_a_budget_is_what_its_steps_add_up_to(tmp_path):
  written.run(tmp_path / "a", "wgan_gp", 0)
  (row,) = training_tables.budget_table(one(tmp_path)).rows
  assert [cell.text for cell in row] == [
    *("wgan_gp", "GAN", "40", "critic 80", "640", "4e+07", "0.133", "1 x cpu", "10", "5"),
    *(tables.DASH, tables.DASH),
  ]


def test_a_budget_is_the_mean_over_seeds(tmp_path):
  for seed, last in ((0, 20), (1, 40)):
    written.run(tmp_path / str(seed), "vae", seed, steps=last)
  (row,) = training_tables.budget_table(one(tmp_path)).rows
  assert [cell.text for cell in row[2:7]] == ["30", "vae 30", "240", "3e+07", "0.1"]


def test_a_step_that_was_only_probed_is_not_what_operations_pay_for(tmp_path):
  folder = written.run(tmp_path / "a", "vae", 0, {20: {"frechet": 9.0}, 40: {"frechet": 1.0}})
  written.write(folder / "probes/30/ood.json", {"protocol": {}, "numbers": {"x": {"value": 1.0}}})
  assert frechet(one(tmp_path).groups[0], views.nearest_flops(3e7)).values == {0: 9.0}


def test_stability_counts_runs_that_ended_early_and_those_that_collapsed(tmp_path):
  written.run(tmp_path / "a", "gan", 0, {40: {"diversity": 0.1}})
  written.run(tmp_path / "b", "gan", 1, {20: {"diversity": 1.9}}, steps=20)
  (row,) = training_tables.stability_table(one(tmp_path)).rows
  assert [cell.text for cell in row] == ["gan", "1 of 2", "1 of 2", "0.1 (equal in all 2)"]


def test_equal_updates_are_those_that_every_method_has_made(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {20: {"frechet": 7.0}, 40: {"frechet": 5.0}})
  written.run(tmp_path / "b", "wgan_gp", 0, {20: {"frechet": 3.0}}, steps=20, config={"steps": 20})
  found = one(tmp_path)
  view = views.at_step(views.equal_updates(found.groups))
  assert [frechet(g, view).values for g in found.groups] == [{0: 7.0}, {0: 3.0}]
  assert [frechet(g, views.final).values for g in found.groups] == [{0: 5.0}, {0: 3.0}]


def test_a_run_that_ended_early_is_missing_and_holds_no_other_back(tmp_path):
  for seed, last in ((0, 40), (1, 20)):
    written.run(tmp_path / f"a{seed}", "vae", seed, {last: {"frechet": 5.0}}, steps=last)
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"frechet": 3.0}})
  found = one(tmp_path)
  cell = frechet(found.groups[0], views.at_step(views.equal_updates(found.groups)))
  assert cell[:2] == ({0: 5.0}, "not evaluated at step 40")


def test_equal_operations_give_a_cheaper_method_more_updates(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {s: {"frechet": float(s)} for s in (10, 20, 40)})
  dear = {"flops_per_step": 4e6}
  written.run(tmp_path / "b", "wgan_gp", 0, {s: {"frechet": float(s)} for s in (10, 20, 40)}, made=dear)
  found = one(tmp_path)
  view = views.nearest_flops(views.equal_flops(found.groups))
  assert [frechet(g, view).values for g in found.groups] == [{0: 40.0}, {0: 10.0}]


def test_the_best_checkpoint_is_chosen_by_held_out_images_not_by_test_scores(tmp_path):
  scores = {20: {"frechet": 9.0}, 40: {"frechet": 1.0}}
  written.run(tmp_path / "a", "vae", 0, scores, energy={10: 0.5, 20: 0.1, 30: 0.3, 40: 0.2})
  assert frechet(one(tmp_path).groups[0], views.best).values == {0: 9.0}


def test_rivals_are_the_best_of_each_kind_by_held_out_images(tmp_path):
  scores = {40: {"frechet": 1.0}}
  for name, last in (("vae", 0.3), ("gan", 0.2), ("lsgan", 0.1)):
    written.run(tmp_path / name, name, 0, scores, energy={40: last})
  written.run(tmp_path / "other", "vae", 0, scores, energy={40: 0.4}, config={"method_args": {"beta": 4}})
  found = one(tmp_path)
  pair = selection.best_pair(found)
  assert pair
  a, b = pair
  assert (a.name, b.name) == ("vae (beta 1, latent_dim 4)", "lsgan")


def test_methods_that_know_more_or_have_one_seed_are_rivals_only_where_their_family_has_no_other(tmp_path):
  for name, last, condition, seeds in (
    ("vae", 0.3, "none", 2),
    ("vae_mmd", 0.2, "none", 1),
    ("gan", 0.2, "none", 2),
    ("cgan", 0.1, "one_hot", 2),
  ):
    for seed in range(seeds):
      args = {"method_args": {"condition": condition}}
      folder = tmp_path / f"{name}{seed}"
      written.run(folder, name, seed, {40: {"frechet": 1.0}}, energy={40: last}, config=args)
  given = "cgan is not a candidate for this comparison: the class of every image is given."
  single = "vae_mmd is not a candidate for this comparison: there is one training seed."
  found = one(tmp_path)
  assert [group.name for group in selection.rivals(found)] == ["vae", "gan"]
  assert {given, single} <= {*summary.sentences(found)}
  shutil.rmtree(tmp_path / "vae1")
  shutil.rmtree(tmp_path / "gan0")
  shutil.rmtree(tmp_path / "gan1")
  found = one(tmp_path)
  assert [group.name for group in selection.rivals(found)] == ["vae_mmd", "cgan"]
  assert not any("candidate" in sentence for sentence in summary.sentences(found))


def test_methods_are_told_apart_by_what_differs(tmp_path):
  for beta in (1, 4):
    for seed in (0, 1):
      written.run(tmp_path / f"{beta}{seed}", "vae", seed, config={"method_args": {"beta": beta, "width": 8}})
  found = one(tmp_path)
  assert [(g.name, sorted(g.records)) for g in found.groups] == [
    ("vae (beta 1)", [0, 1]),
    ("vae (beta 4)", [0, 1]),
  ]


def test_data_sets_are_never_mixed(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  other = written.PROTOCOL | {"samples": 5}
  size = {"image_size": 16}
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"frechet": 1.0}}, protocol=other, config=size)
  assert [c.title for c in comparisons(tmp_path)] == ["blobs_single 8x8", "blobs_single 16x16"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_collapse_is_diversity_lost(tmp_path, share):
  for seed in (0, 1):
    lost = seed < 2 * share
    written.run(tmp_path / str(seed), "gan", seed, {40: {"diversity": 0.1 if lost else 1.9}})
  assert stability.collapsed(one(tmp_path).groups[0]).estimate.value == share


@pytest.mark.parametrize(
  ("likelihood", "said", "observes"),
  [
    (None, {}, "images"),
    ("gaussian", {}, "images"),
    ("bernoulli", {}, "bits"),
    ({"likelihood": "bernoulli", "binarisation": "static"}, {}, "bits"),
    ("not_bernoulli", {"observes": "images"}, "images"),  # what the file says counts
    ("gaussian", {"observes": "bits"}, "bits"),
  ],
)
def test_likelihoods_of_bits_and_of_images_are_two_numbers(tmp_path, likelihood, said, observes):
  measure = {"nll": 3.0, "nll_error": 0.1, "samples": 500, "bits_per_dimension": 0.2} | said
  args = {"method_args": {"likelihood": likelihood} if likelihood else {}}
  written.run(tmp_path / "a", "vae", 0, {40: {}}, measures={"likelihood": measure}, config=args)
  scores = one(tmp_path).groups[0].first.scores[40]
  assert set(scores) == {f"likelihood/{name} of {observes}" for name in ("nll", "bits_per_dimension")}
  assert json.loads(scores[f"likelihood/nll of {observes}"].protocol)["samples"] == 500


def test_probes_are_read_with_their_floors(tmp_path):
  folder = written.run(tmp_path / "a", "wgan_gp", 0)
  numbers = {"across spherical/unsure": {"value": 0.3}, "real/unsure": {"value": 0.01}}
  written.write(folder / "probes/40/interpolation.json", {"protocol": {}, "numbers": numbers})
  scores = one(tmp_path).groups[0].first.scores[40]
  assert scores["interpolation/across spherical/unsure"][::2][:2] == (0.3, 0.01)
  assert "interpolation/real/unsure" not in scores


@pytest.mark.parametrize("said", [True, False])
def test_numbers_of_own_and_of_fitted_encoders_do_not_stand_in_one_column(tmp_path, said):
  runs = (("vae", 300), ("wgan_gp", 300), ("lsgan", 300), ("hinge_gan", 10))
  for name, steps in runs:
    folder = written.run(tmp_path / name, name, 0)
    own = {"encoder": "own" if name == "vae" else "fitted"} if said else {}
    for probe, number in (("latents", "linear_probe"), ("interpolation", "random spherical/abruptness")):
      told = {"protocol": own | {"encoder_steps": steps}, "command": f"probe {name}"}
      written.write(folder / f"probes/40/{probe}.json", told | {"numbers": {number: {"value": 0.3}}})
  found = one(tmp_path)
  row = columns.column(found, views.final, axis_of("latents/linear_probe"))
  assert {name: bool(cell.values) for name, cell in row.items()} == {
    "vae": False,
    "wgan_gp": True,
    "lsgan": True,
    "hinge_gan": False,
  }
  assert row["vae"].reason.endswith("encoder is own, in this column fitted, 300 steps")
  assert row["hinge_gan"].reason.endswith("encoder is fitted, 10 steps, in this column fitted, 300 steps")
  paths = columns.column(found, views.final, axis_of("interpolation/random spherical/abruptness"))
  assert all(cell.values for cell in paths.values())  # which no encoder has a part in
  assert "probe wgan_gp" in dict(page.commands(found))["wgan_gp, seed 0"]


def test_names_that_would_be_too_long_are_letters_and_a_table_says_what_they_stand_for(tmp_path):
  for seed, beta in enumerate((1, 4)):
    args = {f"argument_{i}": beta + i for i in range(9)}
    written.run(tmp_path / f"{seed}", "vae", 0, {40: {"frechet": 1.0}}, config={"method_args": args})
  written.run(tmp_path / "gan", "wgan_gp", 0, {40: {"frechet": 1.0}})
  found = one(tmp_path)
  assert {group.name for group in found.groups} == {"vae A", "vae B", "wgan_gp"}
  table = training_tables.budget_table(found)
  column = [name for name, _ in table.columns].index("settings")
  told = {row[0].text: row[column].text for row in table.rows}
  assert told["wgan_gp"] == ""
  assert {told["vae A"], told["vae B"]} == {
    ", ".join(f"argument_{i} {beta + i}" for i in range(9)) for beta in (1, 4)
  }


@pytest.mark.parametrize(
  ("share", "judges"), [(0.1, "held-out images"), (0.0, "test images (none are held out)")]
)
def test_it_is_told_when_the_best_was_chosen_on_test_images(tmp_path, share, judges):
  for name in ("vae", "wgan_gp", "lsgan"):
    written.run(tmp_path / name, name, 0, {40: {"frechet": 1.0}}, config={"validation_share": share})
  found = one(tmp_path)
  assert any(f"best on {judges}" in title for title, _ in page.titled_views(found))
  assert f"best of its kind by {judges}" in summary.sentences(found)[0]


def test_a_missing_number_is_a_dash_with_its_reason(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 2.0, "kid": None}})
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"kid": 0.1}})
  written.run(tmp_path / "c", "lsgan", 0, {20: {"kid": 0.1}})
  found = one(tmp_path)
  axes = [FRECHET, axis_of("vendi"), axis_of("kid")]  # scores of earlier versions have no Vendi score
  table = tables.scores(found, views.final, axes, "")
  assert [title for title, _ in table.columns[2:]] == ["Frechet distance, squared", "KID"]  # pyright: ignore[reportOptionalMemberAccess]
  assert tables.scores(found, views.final, axes[1:2], "") is None
  shown = {
    row[0].text: [(cell.text, cell.order, table.notes[cell.note - 1]) for cell in row[2:]]  # pyright: ignore[reportOptionalMemberAccess]
    for row in table.rows  # pyright: ignore[reportOptionalMemberAccess]
  }
  assert shown["vae"][1] == ("\u2013", None, "not finite at step 40")
  assert shown["wgan_gp"][0] == ("\u2013", None, "not measured at step 40")
  assert shown["lsgan"][0] == ("\u2013", None, "not evaluated at step 40")
  assert shown["vae"][0][:2] == ("2", 2.0)


def test_what_a_method_cannot_have_is_said(tmp_path):
  measure = {"likelihood": {"bits_per_dimension": 0.2}}
  written.run(tmp_path / "a", "vae", 0, {40: {}}, measures=measure)
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {}})
  axis = axis_of("likelihood/bits_per_dimension of images")
  cell = columns.column(one(tmp_path), views.final, axis)["wgan_gp"]
  assert cell[:2] == ({}, "it has no likelihood")


def test_sampling_speeds_of_two_devices_are_not_put_side_by_side(tmp_path):
  for name, device in (("vae", "1 x cpu"), ("wgan_gp", "1 x gpu"), ("lsgan", "1 x gpu")):
    measure = {"sampling": {"images_per_second": 9.0, "device": device, "batch": 256}}
    written.run(tmp_path / name, name, 0, {40: {}}, measures=measure)
  row = columns.column(one(tmp_path), views.final, axis_of("sampling/images_per_second"))
  assert {name: bool(cell.values) for name, cell in row.items()} == {
    "vae": False,
    "wgan_gp": True,
    "lsgan": True,
  }
  assert row["vae"].reason == "measured by another protocol: device is 1 x cpu, in this column 1 x gpu"


def test_a_run_evaluated_by_two_protocols_is_shown_by_both_where_each_stands_alone(tmp_path):
  for name in ("vae", "wgan_gp"):
    folder = written.run(tmp_path / name, name, 0, {20: {"frechet": 5.0}})
    scores = {
      "frechet": {"value": 2.0, "protocol": {"samples": 2000 if name == "vae" else 500}},
      "blobs": {"value": 3.0, "protocol": {"samples": 2000}},
      "kid": {"value": None, "reason": "KID needs 10 images"},
    }
    found = {"step": 40, "samples": {"protocol": {"samples": 9}, "scores": scores}}
    written.write(folder / "eval/40.json", found)
  found = one(tmp_path)
  row = {name: columns.column(found, views.final, axis_of(name)) for name in ("frechet", "blobs", "kid")}
  assert sorted(bool(cell.values) for cell in row["frechet"].values()) == [False, True]
  assert all(cell.values for cell in row["blobs"].values())
  assert row["kid"]["vae"].reason == "KID needs 10 images (step 40)"
  assert columns.column(found, views.at_step(20), FRECHET)["vae"].values == {0: 5.0}
  assert "measured by another protocol: samples is" in make(tmp_path)


def test_the_protocol_of_a_column_is_that_of_most_methods_then_of_the_newest_version(tmp_path):
  versions = {"vae": "0.10.0", "wgan_gp": "0.9.0"}
  for name, version in versions.items():
    written.run(tmp_path / name, name, 0, {40: {"frechet": 1.0}}, protocol={"version": version})
  row = columns.column(one(tmp_path), views.final, FRECHET)
  assert [name for name, cell in row.items() if cell.values] == ["vae"]
  written.run(tmp_path / "lsgan", "lsgan", 0, {40: {"frechet": 1.0}}, protocol={"version": "0.9.0"})
  row = columns.column(one(tmp_path), views.final, FRECHET)
  assert sorted(name for name, cell in row.items() if cell.values) == ["lsgan", "wgan_gp"]


def test_curves_are_of_one_protocol(tmp_path):
  folder = written.run(tmp_path / "vae", "vae", 0, {10: {"frechet": 9.0}, 20: {"frechet": 8.0}})
  scores = {"frechet": {"value": 1.0, "protocol": {"samples": 7}}}
  written.write(folder / "eval/40.json", {"step": 40, "samples": {"scores": scores}})
  found = one(tmp_path)
  assert found.groups[0].first.curve("frechet", columns.curve_protocol(found, "frechet")) == [
    (10, 9.0),
    (20, 8.0),
  ]


def test_the_answer_tells_who_gives_up_what(made):
  told = summary.sentences(one(made[0]))
  assert len(told) == 5
  assert "vae (VAE; samples are decoder means, without noise of p(x|z))" in told[0]
  assert "40 generator updates each, with three training seeds each" in told[0]
  assert told[1].startswith("Against wgan_gp, vae gives up precision (0.4")
  assert "real images 0.9)" in told[1]
  assert told[2].startswith("Against vae, wgan_gp gives up recall (0.3")
  assert "vae is 1.41 [1.3" in told[3]  # the root of 19.9 / 10
  assert "(squared, like FID: 1" in told[3] or "(squared, like FID: 2" in told[3]
  assert told[4].startswith("Of six numbers that can be tested, six differ")


def test_samples_nearer_to_training_images_are_a_hint_and_no_loss(tmp_path):
  for seed in range(3):
    near = {"nearer_train": 0.8 + seed / 100}
    written.run(tmp_path / f"a{seed}", "vae", seed, {40: near | {"frechet": 1.0 + seed}})
    far = {"nearer_train": 0.1 + seed / 100}
    written.run(tmp_path / f"b{seed}", "wgan_gp", seed, {40: far | {"frechet": 1.0 + seed}})
  told = summary.sentences(one(tmp_path))
  assert [text for text in told if "training image" in text and "vae" in text and "copies" in text]
  assert not any("of the samples of wgan_gp" in text for text in told)
  assert not any("gives up training" in text for text in told)
  assert "training-set proximity" not in str(tables.differences(one(tmp_path), views.final))


@pytest.mark.parametrize(("spread", "hinted"), [(0.01, True), (0.2, False)])
def test_hints_at_copies_exceed_the_spread_over_draws(spread, hinted):
  cell = Cell({0: 0.7, 1: 0.71, 2: 0.72}, "", 0, 1)
  assert bool(summary.proximity_warning("vae", cell, 0.5, spread)) == hinted


def test_the_answer_of_one_seed_claims_no_certainty(tmp_path):
  told = summary.sentences(one(written.grid(tmp_path, seeds=1)))
  assert "cannot be told from a gap between two runs" in told[4]


def test_differences_within_noise_are_undecided(tmp_path):
  found = one(written.grid(tmp_path, spread=3.0))
  told = summary.sentences(found)
  assert "gives up nothing that was measured and decided" in told[1] + told[2]
  (table,) = tables.differences(found, views.final)
  assert "undecided" in {row[1].text for row in table.rows}


def test_the_page_needs_nothing_else(made):
  sources = re.findall(r'(?:src|href)="([^"]*)"', made[1])
  assert sources
  assert all(source.startswith(("data:", "#")) for source in sources)
  assert not re.search(r"url\(|@import|fetch\(|XMLHttp", made[1])


def test_every_picture_says_what_it_shows(made):
  pictures = re.findall(r"<img [^>]*>", made[1])
  assert len(pictures) >= 3
  assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)
  plots = re.findall(r'<svg class="plot" role="img"[^>]*><title>[^<]{10,}</title>', made[1])
  assert len(plots) == made[1].count("<svg") >= 10


def test_the_page_is_the_same_every_time(made):
  found = comparisons(made[0])
  assert page.render(found, [], "command") == page.render(found, [], "command")


def test_every_number_is_written_beside_the_page(made):
  found = json.loads((made[0] / "out" / "scores.json").read_text())
  (mine,) = (run for run in found["runs"] if (run["method"], run["seed"]) == ("vae", 1))
  value, floor, protocol, *_ = mine["scores"]["40"]["recall"]
  assert 0.7 < value < 0.9
  assert floor == 0.9
  assert found["protocols"][protocol] == written.PROTOCOL


def test_a_page_is_made_again_from_what_stands_beside_it(made, tmp_path):
  call(workdirs=made[0] / "out" / "scores.json", out=tmp_path / "again")
  pages = [
    re.sub(r'(?s)<section id=.again.*| data-order="[^"]*"|<svg .*?</svg>', "", (p / "index.html").read_text())
    for p in (made[0] / "out", tmp_path / "again")
  ]
  assert pages[0] == pages[1]
  assert (tmp_path / "again/scores.json").read_text() == (made[0] / "out/scores.json").read_text()


def test_runs_and_what_is_left_of_others_stand_side_by_side(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  call(workdirs=tmp_path / "a", out=tmp_path / "old")
  (tmp_path / "old/index.html").unlink()
  shutil.rmtree(tmp_path / "old/samples")
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"frechet": 2.0}})
  call(workdirs=f"{tmp_path / 'old/scores.json'},{tmp_path / 'b'}", out=tmp_path / "out")
  html = (tmp_path / "out/index.html").read_text()
  assert "vae (VAE" in html
  assert "wgan_gp (GAN" in html
  assert "There are no grids of samples for vae." in html


EMPTY = '{"protocols": [], "commands": [], "trainings": [], "runs": '


@pytest.mark.parametrize("text", ["[]", "{", "{}", f"{EMPTY}[{{}}]}}", f"{EMPTY}[1]}}", '{"protocols": 1}'])
def test_other_files_than_scores_are_refused(tmp_path, text):
  (tmp_path / "scores.json").write_text(text)
  with pytest.raises(InputError, match=r"scores\.json"):
    call(workdirs=tmp_path / "scores.json", out=tmp_path / "out")


@pytest.mark.parametrize("key", ["protocols", "commands", "trainings"])
def test_scores_that_name_something_that_is_not_there_are_refused(tmp_path, key):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  call(workdirs=tmp_path / "a", out=tmp_path / "out")
  file = tmp_path / "out/scores.json"
  found = json.loads(file.read_text())
  file.write_text(json.dumps(found | {key: []}))
  with pytest.raises(InputError, match="is not as gengap writes it"):
    call(workdirs=file, out=tmp_path / "again")
  file.write_text(json.dumps({name: value for name, value in found.items() if name != key}))
  with pytest.raises(InputError, match=f"it has no {key}, as another version of gengap wrote it"):
    call(workdirs=file, out=tmp_path / "again")


def test_scores_with_a_negative_index_are_refused(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  call(workdirs=tmp_path / "a", out=tmp_path / "out")
  file = tmp_path / "out/scores.json"
  found = json.loads(file.read_text())
  found["runs"][0]["training"] = -1
  file.write_text(json.dumps(found))
  with pytest.raises(InputError, match="is not as gengap writes it"):
    call(workdirs=file, out=tmp_path / "again")


def test_a_damaged_file_is_left_out_and_said(tmp_path, capsys):
  written.grid(tmp_path, seeds=1)
  (tmp_path / "vae/0/eval/20.json").write_text("{")
  (tmp_path / "wgan_gp/0/probes/40").mkdir(parents=True)
  (tmp_path / "wgan_gp/0/probes/40/ood.json").write_text("[]")
  written.run(tmp_path / "other", "lsgan", 0, {40: {"frechet": 1.0}}, config={"seed": None})
  html = make(tmp_path)
  assert "The run of vae is worse than that of wgan_gp by" in html
  said = capsys.readouterr().err
  for fault in ("vae/0/eval/20.json cannot be read", "ood.json holds no object", "its seed is None"):
    assert fault in html
    assert fault in said


def test_the_last_step_is_saved_off_the_grid_of_checkpoints_too(tmp_path):
  folder = written.run(tmp_path / "a", "vae", 0, energy={10: 0.5, 20: 0.4, 30: 0.3, 40: 0.2})
  with (folder / "metrics.jsonl").open("a") as file:
    file.write('{"step": 43, "valid/energy_distance": 0.05}\n{"step": 45, "valid/energy_distance": 0.1}\n')
  assert run_files.read(folder).best == 45  # 43 was never saved


def test_floors_are_of_real_images_beside_test_images(tmp_path):
  folder = written.run(tmp_path / "a", "vae", 0)
  seen = {
    "frechet": {"value": 3.0, "floors": {"train": 1.0, "test": 2.0}},
    "kid": {"value": 3.0, "floors": {"train": 1.0}},
  }
  written.write(folder / "eval/40.json", {"step": 40, "samples": {"scores": seen}})
  scores = run_files.read(folder).scores[40]
  assert (scores["frechet"].floor, scores["kid"].floor) == (2.0, 1.0)


def test_what_is_not_finite_is_never_the_best(tmp_path):
  energies = {"vae": {10: 2.0, 20: math.nan, 30: 3.0, 40: math.inf}, "ae_vae": {10: 9.0, 40: 9.0}}
  for name, energy in energies.items():
    written.run(tmp_path / name, name, 0, {40: {"frechet": 1.0}}, energy=energy)
  written.run(
    tmp_path / "gan", "gan", 0, {40: {"diversity": None, "frechet": 1.0}}, made={"flops_per_step": None}
  )
  assert run_files.read(tmp_path / "vae").best == 10
  assert run_files.read(tmp_path / "vae").curve("valid/energy_distance") == [(10, 2.0), (30, 3.0)]
  found = one(tmp_path)
  by_name = {group.name: group for group in found.groups}
  assert selection.validation_energy(by_name["vae"], 40) == math.inf
  assert selection.validation_energy(by_name["vae"], 30) == 3.0
  assert not stability.collapsed(by_name["gan"]).values  # its diversity is unknown
  assert views.without_flops(found.groups) == ["gan"]
  assert views.equal_flops(found.groups) == 4e7  # of the other two
  assert math.isnan(views.equal_flops((by_name["vae"], by_name["gan"])))


def test_operations_of_a_method_are_known_if_those_of_a_run_are(tmp_path):
  for seed, flops in enumerate((None, 1e6, None)):
    written.run(tmp_path / str(seed), "vae", seed, {40: {"frechet": 1.0}}, made={"flops_per_step": flops})
  found = one(tmp_path)
  assert views.equal_flops(found.groups) == 4e7
  cell = frechet(found.groups[0], views.nearest_flops(4e7))
  assert cell.values == {1: 1.0}
  assert "were not counted" in cell.reason


def test_what_a_run_does_not_say_of_its_cost_is_a_dash_with_its_reason(tmp_path):
  nothing = {"flops_per_step": None, "images_per_step": None, "sampling_parameters": None, "device": None}
  nothing |= {"parameters": {}, "updates_per_step": {}}
  folder = written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}}, made=nothing)
  (folder / "metrics.jsonl").write_text('{"step": 40}\n')
  written.run(tmp_path / "b", "gan", 0, {40: {"frechet": 1.0}})
  found = one(tmp_path)
  table = training_tables.budget_table(found)
  row = next(row for row in table.rows if row[0].text == "vae")
  for cell, reason in zip(
    row[3:],
    (
      "updates_per_step",
      "images_per_step",
      "flops_per_step",
      "timed",
      "device",
      "parameters",
      "sampling_parameters",
      "sampling_flops",
      "not measured",
    ),
    strict=True,
  ):
    assert cell.text == "\u2013"
    assert reason in table.notes[cell.note - 1]
  html = make(tmp_path)
  assert "There is no comparison at equal operations: the operations of vae" in html
  assert "operations of training were not counted for vae" in summary.sentences(found)[3]
  for part in (
    tables.scores(found, views.final, AXES, ""),
    *tables.differences(found, views.final),
    table,
  ):
    assert part
    assert all(cell.note for row in part.rows for cell in row if cell.text == "\u2013")


@pytest.mark.parametrize(
  ("value", "expected"),
  [
    ("a,b", ["a", "b"]),
    ("a, b,", ["a", "b"]),
    ("beta=1,width=2,a", ["beta=1,width=2", "a"]),
    ("a,x, y", ["a", "x, y"]),
    ("none,a", ["none", "a"]),
    ("a,,b", ["a", "b"]),
  ],
)
def test_folders_with_commas_are_told_from_lists(tmp_path, monkeypatch, value, expected):
  for name in ("a", "b", "beta=1,width=2", "x, y"):
    (tmp_path / name).mkdir()
  monkeypatch.chdir(tmp_path)
  assert paths.split(value) == expected


def test_a_folder_with_a_comma_is_reported(tmp_path):
  for name in ("lr=1,width=2", "lr=2,width=2"):
    written.run(tmp_path / name, "vae" if "1" in name else "gan", 0, {40: {"frechet": 1.0}})
  one_, two = (tmp_path / name for name in ("lr=1,width=2", "lr=2,width=2"))
  call(workdirs=f"{one_},{two}", out=tmp_path / "list")
  report.main(
    cli.parse(
      report.FLAGS, ["report", f"--workdirs={one_}", f"--workdirs={two}", f"--out={tmp_path / 'again'}"]
    )
  )
  for out in ("list", "again"):
    assert len(json.loads((tmp_path / out / "scores.json").read_text())["runs"]) == 2


def test_names_are_escaped(tmp_path):
  bad = "<script>alert(1)</script>"
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}}, config={"method": bad, "dataset": bad})
  written.run(
    tmp_path / "b", "gan", 0, {40: {"frechet": 1.0}}, made={"command": bad}, config={"dataset": bad}
  )
  claim = dict.fromkeys(claims_file.FIELDS, bad) | {"verdict": "depends"}
  written.write(tmp_path / "claims.json", [claim])
  assert "alert(1)" in (html := make(tmp_path, claims=tmp_path / "claims.json"))
  assert bad not in html


def damaged(folder):
  (written.run(folder / "a", "vae", 0) / "eval").mkdir()
  (folder / "a/eval/40.json").write_text("{")


def torn(folder):
  (written.run(folder / "a", "vae", 0) / "metrics.jsonl").write_text('[]\n{"step": 10}\n')


def misshapen(found):
  return lambda folder: written.write(written.run(folder / "a", "vae", 0) / "eval" / "40.json", found)


def misconfigured(name, value):
  return lambda folder: written.run(folder / "a", "vae", 0, config={name: value})


def twice(folder):
  for name in "ab":
    written.run(folder / name, "vae", 0, {40: {"frechet": 1.0}})


def classifier(folder):
  written.run(folder / "a", "classifier", 0, made={"generates": False, "encodes": False})


def unreadable(folder):
  path = written.run(folder / "a", "vae", 0) / "metrics.jsonl"
  path.unlink()
  path.mkdir()


def old(folder):
  (written.run(folder / "a", "vae", 0) / "run.json").unlink()


@pytest.mark.parametrize(
  ("arrange", "message"),
  [
    (lambda folder: None, "holds no run"),
    (lambda folder: written.run(folder / "a", "vae", 0), "none of these runs was evaluated"),
    (damaged, "40.json cannot be read"),
    (torn, "metrics.jsonl is not as gengap writes it"),
    (misshapen({"step": 40, "samples": [1]}), "40.json is not as gengap writes it"),
    (misshapen({"step": 40, "samples": {"scores": {"frechet": 1}}}), "40.json is not as gengap writes it"),
    (misshapen({"samples": {}}), "40.json is not as gengap writes it"),
    (misconfigured("seed", None), "its seed is None"),
    (misconfigured("checkpoint_every", 0), "its checkpoint_every is 0"),
    (twice, "are runs of one method and seed"),
    (misshapen({"step": 40, "samples": 3}), "40.json is not as gengap writes it"),
    (lambda folder: written.run(folder / "a", "vae", 0, made={"parameters": None}), "run.json is not as"),
    (
      lambda folder: written.run(folder / "a", "vae", 0, made={"flops_per_step": "many"}),
      "its flops_per_step",
    ),
    (unreadable, "metrics.jsonl cannot be read: Is a directory"),
    (classifier, "nothing to compare"),
    (old, "no run.json"),
  ],
)
def test_bad_folders_are_refused_and_nothing_is_written(tmp_path, arrange, message):
  arrange(tmp_path)
  with pytest.raises(InputError, match=message):
    make(tmp_path)
  assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
  ("claims", "message"),
  [
    ("{", "cannot be read"),
    ("{}", "no list"),
    ('[{"id": "A1"}]', "lacks 'claim'"),
    (json.dumps([dict.fromkeys(claims_file.FIELDS, "maybe")]), "must begin with one of"),
    (json.dumps([dict.fromkeys(claims_file.FIELDS, "x") | {"n": {}}]), "'n' of claim 'x' is no text"),
  ],
)
def test_bad_claims_are_refused(tmp_path, claims, message):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  (tmp_path / "claims.json").write_text(claims)
  with pytest.raises(InputError, match=message):
    make(tmp_path, claims=tmp_path / "claims.json")


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    ({"workdirs": ""}, "--workdirs is missing"),
    ({"workdirs": ","}, "--workdirs is missing"),
    ({"workdirs": "~nobody-of-that-name/runs"}, "there is no home folder"),
    ({"out": ""}, "--out=: it is empty"),
    ({"out": "/proc/nowhere"}, "cannot be written"),
    ({"workdirs": "/nowhere"}, "is no folder"),
  ],
)
def test_bad_flags_are_refused(tmp_path, flags, message):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  with pytest.raises(InputError, match=message):
    call(**({"workdirs": tmp_path, "out": tmp_path / "out"} | flags))


def test_a_list_that_ends_in_a_comma_is_the_list(tmp_path, monkeypatch):
  for name in ("named", "here"):
    written.run(tmp_path / name / "a", "vae", 0, {40: {"frechet": 1.0}})
  monkeypatch.chdir(tmp_path / "here")
  call(workdirs=f"{tmp_path / 'named'},", out=tmp_path / "out")  # of two runs alike the report would complain


@browser.needed
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_and_sorts_the_page_without_a_complaint(made, tmp_path, width):
  found = browser.visit(
    tmp_path,
    made[1],
    """
    const table = all("table").find((each) => each.caption.textContent.startsWith("Fidelity"));
    const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
    const heading = [...table.tHead.rows[0].cells].find((cell) => cell.textContent.startsWith("precision"));
    found.images = [...document.images].map((image) => image.complete && image.naturalWidth > 0);
    found.wide = document.documentElement.scrollWidth - innerWidth;
    heading.querySelector("button").click();
    found.up = order(), found.upSaid = heading.getAttribute("aria-sort");
    heading.querySelector("button").click();
    found.down = order(), found.downSaid = heading.getAttribute("aria-sort");
    """,
    width,
  )
  assert len(found["images"]) >= 3
  assert all(found["images"])
  assert found["wide"] <= 0
  assert (found["up"], found["upSaid"]) == (["vae", "wgan_gp", "real images"], "ascending")
  assert (found["down"], found["downSaid"]) == (["real images", "wgan_gp", "vae"], "descending")


def test_a_folder_stands_for_all_runs_below_it(made):
  assert len(inputs.find_runs([str(made[0])])) == 6
  assert inputs.find_runs([str(made[0] / "vae" / "1")]) == [pathlib.Path(made[0] / "vae" / "1")]
