"""The report: what is compared with what, what is refused, and the page in a real browser."""

import json
import math
import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest
import written
from scipy import stats

from gengap import cli, report
from gengap.errors import InputError
from gengap.gap import answers, compare, draw, gaps, groups, page, records, sources, statistics, stored, tables
from gengap.gap.axes import axis_of
from gengap.gap.statistics import Cell

FRECHET = axis_of("frechet")


def comparisons(folder):
  return groups.comparisons([records.read(f) for f in sources.folders([str(folder)])])


def one(folder):
  (found,) = comparisons(folder)
  return found


def frechet(group, view):
  return compare.cell(group, view, FRECHET)


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
  ("axis", "a", "b", "wins"),
  [
    ("precision", 0.8, 0.4, 1),
    ("frechet", 0.8, 0.4, -1),
    ("diversity", 0.8, 0.4, -1),
    ("diversity", 0.1, 0.4, -1),
    ("diversity", 0.75, 0.25, 0),
    ("posterior/active_units", 0.8, 0.4, 0),
    ("precision", 0.8, math.nan, 0),
    ("precision", 0.8, 0.799, 0),
  ],
)
def test_the_better_of_two_is_told_by_the_axis(axis, a, b, wins):
  assert told(axis, [a], [b]).wins == wins
  assert told(axis, [b], [a]).wins == -wins


def told(axis, a, b, runs=0):
  """What is told of two methods by their values for seeds 0, 1, ..., real images having 0.5."""
  one, two = (Cell(dict(enumerate(values))) for values in (a, b))
  worse = seeds.difference(*(compare.badness(axis_of(axis), cell, 0.5) for cell in (one, two)))
  alone = max(runs, len(a)) == 1
  return answers.Gap(axis_of(axis), one, two, seeds.difference(one, two), worse, 0.5, alone)


def test_as_far_from_real_on_either_side_is_no_gap():
  gap = told("sharpness", [0.400, 0.404, 0.396], [0.601, 0.605, 0.597])
  assert gap.less.decided
  assert not gap.clear


def test_scatter_about_real_is_no_virtue():
  assert told("sharpness", [0.2, 0.8, 0.5], [0.45, 0.45, 0.45]).wins == -1


def test_what_one_of_several_seeds_has_is_not_told():
  assert told("precision", [0.8], [0.4]).clear
  assert not told("precision", [0.8], [0.4], runs=3).clear


def test_half_a_last_line_is_left_out(tmp_path):
  folder = written.run(tmp_path / "a", "vae", 0)
  with (folder / "metrics.jsonl").open("a") as file:
    file.write('{"step": 50, "val')
  assert records.read(folder).last == 40


def test_a_method_that_failed_holds_no_other_back(tmp_path):
  written.grid(tmp_path)
  written.run(tmp_path / "lsgan", "lsgan", 0, steps=10)
  assert "40 generator updates each, in three training seeds" in answers.sentences(one(tmp_path))[0]
  assert compare.equal_updates(one(tmp_path).groups) == 40


def test_runs_with_other_training_images_are_not_mixed(tmp_path):
  for share in (0.0, 0.1):
    written.run(tmp_path / str(share), "vae", 0, {40: {"frechet": 1.0}}, config={"validation_share": share})
  assert [c.title for c in comparisons(tmp_path)] == [
    f"blobs_single 8x8, validation share {s}" for s in (0.0, 0.1)
  ]


def test_ticks_are_plain_numbers(made):
  found = one(made[0])
  for drawn in (*draw.curves(found), *draw.losses(found), *draw.panels(found, compare.final)):
    drawn.figure.draw_without_rendering()
    (plot,) = drawn.figure.axes
    texts = [text.get_text() for text in (*plot.get_yticklabels(), *plot.get_xticklabels())]
    assert any(texts)
    assert not any("$" in text or "math" in text for text in texts)


@pytest.mark.parametrize(
  ("values", "scale"),
  [
    ([12, 17], {"scale": "log"}),
    ([0.1, 0.4], {"scale": "symlog", "linthresh": 1}),
    ([1, 99], {"scale": "log"}),
  ],
)
def test_a_logarithmic_axis_has_two_ticks_however_short_it_is(values, scale):
  figure, plot = draw.panel(3, 3)
  plot.plot([0, 1], values)
  draw.log_scale(plot, **scale)
  figure.draw_without_rendering()
  low, high = plot.get_ylim()
  shown = {text.get_text() for text in plot.get_yticklabels() if low < text.get_position()[1] < high}
  assert len(shown) >= 2


def test_names_may_hold_dollars(tmp_path):
  for i, args in enumerate(({"note": "$a^$b"}, {"note": "c"})):
    written.run(tmp_path / str(i), "vae", 0, {40: {"frechet": 1.0}}, config={"method_args": args})
  assert "$a^$b" in make(tmp_path)


def test_training_time_is_that_of_the_steps(tmp_path):
  record = records.read(written.run(tmp_path / "a", "vae", 0))  # 5 steps a second, 40 of them
  assert record.seconds(40) == pytest.approx(8)
  assert record.seconds(20) == pytest.approx(4)


def test_a_budget_is_what_its_steps_add_up_to(tmp_path):
  written.run(tmp_path / "a", "wgan_gp", 0)
  (row,) = tables.budgets(one(tmp_path)).rows
  assert [cell.text for cell in row] == [
    *("wgan_gp", "40", "critic 80", "640", "4e+07", "0.133", "1 x cpu", "10", "5"),
  ]


def test_a_budget_is_the_mean_over_seeds(tmp_path):
  for seed, last in ((0, 20), (1, 40)):
    written.run(tmp_path / str(seed), "vae", seed, steps=last)
  (row,) = tables.budgets(one(tmp_path)).rows
  assert [cell.text for cell in row[1:6]] == ["30", "vae 30", "240", "3e+07", "0.1"]


def test_a_step_that_was_only_probed_is_not_what_operations_pay_for(tmp_path):
  folder = written.run(tmp_path / "a", "vae", 0, {20: {"frechet": 9.0}, 40: {"frechet": 1.0}})
  written.write(folder / "probes/30/ood.json", {"protocol": {}, "numbers": {"x": {"value": 1.0}}})
  assert frechet(one(tmp_path).groups[0], compare.within_flops(3e7)).values == {0: 9.0}


def test_stability_counts_runs_that_ended_early_and_those_that_collapsed(tmp_path):
  written.run(tmp_path / "a", "gan", 0, {40: {"diversity": 0.1}})
  written.run(tmp_path / "b", "gan", 1, {20: {"diversity": 1.9}}, steps=20)
  (row,) = tables.stability(one(tmp_path)).rows
  assert [cell.text for cell in row] == ["gan", "1 of 2", "1 of 2", "0.1 [0.1, 0.1]"]


def test_an_interval_is_students():
  found = seeds.interval([1.0, 2.0, 6.0])
  half = 4.302653 * math.sqrt(7) / math.sqrt(3)  # t of 2 degrees of freedom, standard deviation of the values
  np.testing.assert_allclose(found, (3.0, 3.0 - half, 3.0 + half), rtol=1e-6)


def test_one_seed_has_no_interval():
  assert seeds.interval([2.0]).value == 2.0
  assert math.isnan(seeds.interval([2.0]).low)


def test_differences_pair_seeds():
  a = Cell({0: 1.0, 1: 5.0, 2: 9.0, 7: 100.0})
  b = Cell({0: 0.5, 1: 4.6, 2: 8.4, 8: -100.0})
  found = seeds.difference(a, b)
  assert found.n == 3
  assert found.mean.value == pytest.approx(0.5)
  assert found.p == pytest.approx(stats.ttest_rel([1, 5, 9], [0.5, 4.6, 8.4]).pvalue)
  assert found.decided
  assert a.estimate.low < b.estimate.high  # which intervals of their own would not tell


def test_differences_of_two_seeds_that_agree_need_no_spread():
  assert seeds.difference(Cell({0: 2.0, 1: 3.0}), Cell({0: 1.0, 1: 2.0})).p == 0
  assert seeds.difference(Cell({0: 2.0, 1: 3.0}), Cell({0: 2.0, 1: 3.0})).p == 1


def test_equal_updates_are_those_that_every_method_has_made(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {20: {"frechet": 7.0}, 40: {"frechet": 5.0}})
  written.run(tmp_path / "b", "wgan_gp", 0, {20: {"frechet": 3.0}}, steps=20, config={"steps": 20})
  found = one(tmp_path)
  view = compare.at_step(compare.equal_updates(found.groups))
  assert [frechet(g, view).values for g in found.groups] == [{0: 7.0}, {0: 3.0}]
  assert [frechet(g, compare.final).values for g in found.groups] == [{0: 5.0}, {0: 3.0}]


def test_a_run_that_ended_early_is_missing_and_holds_no_other_back(tmp_path):
  for seed, last in ((0, 40), (1, 20)):
    written.run(tmp_path / f"a{seed}", "vae", seed, {last: {"frechet": 5.0}}, steps=last)
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"frechet": 3.0}})
  found = one(tmp_path)
  cell = frechet(found.groups[0], compare.at_step(compare.equal_updates(found.groups)))
  assert cell == Cell({0: 5.0}, "not evaluated at step 40")


def test_equal_operations_give_a_cheaper_method_more_updates(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {s: {"frechet": float(s)} for s in (10, 20, 40)})
  dear = {"flops_per_step": 4e6}
  written.run(tmp_path / "b", "wgan_gp", 0, {s: {"frechet": float(s)} for s in (10, 20, 40)}, made=dear)
  found = one(tmp_path)
  view = compare.within_flops(compare.equal_flops(found.groups))
  assert [frechet(g, view).values for g in found.groups] == [{0: 40.0}, {0: 10.0}]


def test_the_best_checkpoint_is_chosen_by_held_out_images_not_by_test_scores(tmp_path):
  scores = {20: {"frechet": 9.0}, 40: {"frechet": 1.0}}
  written.run(tmp_path / "a", "vae", 0, scores, energy={10: 0.5, 20: 0.1, 30: 0.3, 40: 0.2})
  assert frechet(one(tmp_path).groups[0], compare.best).values == {0: 9.0}


def test_rivals_are_the_best_of_each_kind_by_held_out_images(tmp_path):
  scores = {40: {"frechet": 1.0}}
  for name, last in (("vae", 0.3), ("gan", 0.2), ("lsgan", 0.1)):
    written.run(tmp_path / name, name, 0, scores, energy={40: last})
  written.run(tmp_path / "other", "vae", 0, scores, energy={40: 0.4}, config={"method_args": {"beta": 4}})
  found = one(tmp_path)
  a, b = compare.rivals(found)
  assert (a.name, b.name) == ("vae (latent_dim 4)", "lsgan")


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
  assert compare.collapsed(one(tmp_path).groups[0]).estimate.value == share


def test_likelihoods_of_bits_and_of_images_are_two_numbers(tmp_path):
  measure = {"likelihood": {"nll": 3.0, "nll_error": 0.1, "samples": 500, "bits_per_dimension": 0.2}}
  for name, likelihood in (("a", "bernoulli"), ("b", "gaussian")):
    args = {"method_args": {"likelihood": likelihood}}
    written.run(tmp_path / name, "vae", 0, {40: {}}, measures=measure, config=args)
  found = [set(g.first.scores[40]) for g in one(tmp_path).groups]
  assert "likelihood/bits_per_dimension of bits" in found[0] - found[1]
  assert "likelihood/bits_per_dimension of images" in found[1] - found[0]
  assert (
    json.loads(one(tmp_path).groups[0].first.scores[40]["likelihood/nll_error"].protocol)["samples"] == 500
  )


def test_probes_are_read_with_their_floors(tmp_path):
  folder = written.run(tmp_path / "a", "wgan_gp", 0)
  numbers = {"across spherical/unsure": {"value": 0.3}, "real/unsure": {"value": 0.01}}
  written.write(folder / "probes/40/interpolation.json", {"protocol": {}, "numbers": numbers})
  scores = one(tmp_path).groups[0].first.scores[40]
  assert scores["interpolation/across spherical/unsure"][::2] == (0.3, 0.01)
  assert "interpolation/real/unsure" not in scores


def test_probes_of_encoders_that_were_fitted_for_longer_are_refused_and_own_encoders_are_not(tmp_path):
  for name, steps, encoder in (("vae", 1000, "own"), ("wgan_gp", 1000, "fitted"), ("lsgan", 10, "fitted")):
    folder = written.run(tmp_path / name, name, 0)
    told = {"protocol": {"encoder": encoder, "encoder_steps": steps}, "command": f"probe {name}"}
    written.write(folder / "probes/40/inversion.json", told | {"numbers": {"test/reached": {"value": 0.3}}})
  with pytest.raises(InputError, match=r"encoder_steps is (1000 and 10|10 and 1000)"):
    one(tmp_path)
  shutil.rmtree(tmp_path / "lsgan")
  found = one(tmp_path)
  assert all("inversion/test/reached" in group.first.scores[40] for group in found.groups)
  assert "probe wgan_gp" in dict(page.commands(found))["wgan_gp, seed 0"]


def test_names_that_would_be_too_long_are_letters_and_a_table_says_what_they_stand_for(tmp_path):
  for seed, beta in enumerate((1, 4)):
    args = {f"argument_{i}": beta + i for i in range(9)}
    written.run(tmp_path / f"{seed}", "vae", 0, {40: {"frechet": 1.0}}, config={"method_args": args})
  written.run(tmp_path / "gan", "wgan_gp", 0, {40: {"frechet": 1.0}})
  found = one(tmp_path)
  assert {group.name for group in found.groups} == {"vae A", "vae B", "wgan_gp"}
  table = tables.budgets(found)
  column = [name for name, _ in table.columns].index("differs from its like in")
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
  assert any(f"best on {judges}" in title for title, _ in page.views(found))
  assert f"nearest of its kind to {judges}" in answers.sentences(found)[0]


def test_a_missing_number_is_a_dash_with_its_reason(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 2.0, "kid": None}})
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"kid": 0.1}})
  written.run(tmp_path / "c", "lsgan", 0, {20: {"kid": 0.1}})
  found = one(tmp_path)
  axes = [FRECHET, axis_of("kid")]
  table = tables.scores(found, compare.final, axes, "")
  shown = {
    row[0].text: [(cell.text, cell.order, table.notes[cell.note - 1]) for cell in row[2:]]
    for row in table.rows
  }
  assert shown["vae"][1] == ("\u2013", None, "not finite at step 40")
  assert shown["wgan_gp"][0] == ("\u2013", None, "not measured at step 40")
  assert shown["lsgan"][0] == ("\u2013", None, "not evaluated at step 40")
  assert shown["vae"][0][:2] == ("2", 2.0)


def test_what_a_method_cannot_have_is_said(tmp_path):
  measure = {"likelihood": {"bits_per_dimension": 0.2}}
  written.run(tmp_path / "a", "vae", 0, {40: {}}, measures=measure)
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {}})
  cell = compare.cell(
    one(tmp_path).groups[1], compare.final, axis_of("likelihood/bits_per_dimension of images")
  )
  assert cell == Cell({}, "it has no likelihood")


def test_sampling_speeds_of_two_devices_are_not_put_side_by_side(tmp_path):
  for name, device in (("vae", "1 x cpu"), ("wgan_gp", "1 x gpu")):
    measure = {"sampling": {"images_per_second": 9.0, "device": device, "batch": 256}}
    written.run(tmp_path / name, name, 0, {40: {}}, measures=measure)
  row = compare.row(one(tmp_path), compare.final, axis_of("sampling/images_per_second"))
  assert [cell.values for cell in row.values()] == [{}, {}]
  assert "'1 x cpu' and '1 x gpu'" in row["vae"].reason


def test_the_answer_tells_who_gives_up_what(made):
  told = answers.sentences(one(made[0]))
  assert len(told) == 5
  assert "40 generator updates each, in three training seeds" in told[0]
  assert told[1].startswith("Against wgan_gp, vae gives up precision (0.4")
  assert told[2].startswith("Against vae, wgan_gp gives up recall (0.3")
  assert "vae is 1.99 times as far from the data" in told[3]
  assert told[4].startswith("Of six numbers that have a better side, 6 differ")


def test_the_answer_of_one_seed_claims_no_certainty(tmp_path):
  told = answers.sentences(one(written.grid(tmp_path, seeds=1)))
  assert "no telling a gap between methods from a gap between two runs" in told[4]


def test_differences_within_noise_are_undecided(tmp_path):
  found = one(written.grid(tmp_path, spread=3.0))
  told = answers.sentences(found)
  assert "gives up nothing that was measured and decided" in told[1] + told[2]
  table = tables.differences(found, compare.final)
  assert "undecided" in {row[-1].text for row in table.rows}


def test_the_page_needs_nothing_else(made):
  sources = re.findall(r'(?:src|href)="([^"]*)"', made[1])
  assert sources
  assert all(source.startswith(("data:", "#")) for source in sources)
  assert not re.search(r"url\(|@import|fetch\(|XMLHttp", made[1])


def test_every_picture_says_what_it_shows(made):
  pictures = re.findall(r"<img [^>]*>", made[1])
  assert len(pictures) > 10
  assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)


def test_the_page_is_the_same_every_time(made):
  found = comparisons(made[0])
  assert page.render(found, [], "command") == page.render(found, [], "command")


def test_every_number_is_written_beside_the_page(made):
  rows = json.loads((made[0] / "out" / "scores.json").read_text())
  mine = [r for r in rows if (r["method"], r["seed"], r["step"], r["axis"]) == ("vae", 1, 40, "recall")]
  assert len(mine) == 1
  assert 0.7 < mine[0]["value"] < 0.9
  assert mine[0]["floor"] == 0.9
  assert mine[0]["protocol"] == written.PROTOCOL


def test_names_are_escaped(tmp_path):
  bad = "<script>alert(1)</script>"
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}}, config={"method": bad, "dataset": bad})
  written.run(
    tmp_path / "b", "gan", 0, {40: {"frechet": 1.0}}, made={"command": bad}, config={"dataset": bad}
  )
  claim = dict.fromkeys(report.FIELDS, bad) | {"verdict": "depends"}
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


def two_protocols(folder):
  written.run(folder / "a", "vae", 0, {40: {"frechet": 1.0}})
  written.run(folder / "b", "gan", 0, {40: {"frechet": 1.0}}, protocol=written.PROTOCOL | {"samples": 7})


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
    (two_protocols, "samples is 100 and 7"),
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
    (json.dumps([dict.fromkeys(report.FIELDS, "maybe")]), "must begin with one of"),
    (json.dumps([dict.fromkeys(report.FIELDS, "x") | {"n": {}}]), "'n' of claim 'x' is no text"),
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
    ({"workdirs": "~nobody-of-that-name/runs"}, "is no folder"),
    ({"out": ""}, "--out is missing"),
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


CHECK = """
<script>
addEventListener("load", () => {
  const found = {}, tables = [...document.querySelectorAll("table")];
  const table = tables.find(one => one.caption.textContent.startsWith("Fidelity"));
  const order = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
  const heading = [...table.tHead.rows[0].cells].find(cell => cell.textContent.startsWith("precision"));
  found.images = [...document.images].map(image => image.complete && image.naturalWidth > 0);
  found.wide = document.documentElement.scrollWidth - innerWidth;
  heading.querySelector("button").click();
  found.up = order(), found.upSaid = heading.getAttribute("aria-sort");
  heading.querySelector("button").click();
  found.down = order(), found.downSaid = heading.getAttribute("aria-sort");
  document.body.innerHTML = "";
  document.title = JSON.stringify(found);
});
</script>
"""
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_and_sorts_the_page_without_a_complaint(made, tmp_path, width):
  (tmp_path / "page.html").write_text(made[1].replace("</body>", CHECK + "</body>"))
  command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
  command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom"]
  shown = subprocess.run(
    [*command, (tmp_path / "page.html").as_uri()],
    capture_output=True,
    text=True,
    timeout=120,
    env=os.environ | {"HOME": str(tmp_path)},
  )
  title = re.search(r"<title>(.*?)</title>", shown.stdout)
  found = json.loads(title[1].replace("&quot;", '"'))
  assert len(found["images"]) > 10
  assert all(found["images"])
  assert found["wide"] <= 0
  assert (found["up"], found["upSaid"]) == (["vae", "wgan_gp", "real images"], "ascending")
  assert (found["down"], found["downSaid"]) == (["real images", "wgan_gp", "vae"], "descending")
  assert "CONSOLE" not in shown.stderr


def test_a_folder_stands_for_all_runs_below_it(made):
  assert len(sources.folders([str(made[0])])) == 6
  assert sources.folders([str(made[0] / "vae" / "1")]) == [pathlib.Path(made[0] / "vae" / "1")]
