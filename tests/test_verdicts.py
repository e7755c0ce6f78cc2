"""Verdicts on differences, their order by size, and what is said where nothing can be compared."""

import math

import pytest
import written

from gengap.report import gaps, groups, inputs, run_files, selection, summary, verdicts, wording
from gengap.report.axes import axis_of
from gengap.report.statistics import Cell
from gengap.report.verdicts import Verdict


def one(folder):
  """Returns the comparison of the runs below a folder."""
  (found,) = groups.comparisons([run_files.read(path) for path in inputs.find_runs([folder])])
  return found


def gap(a, b, real=0.9, axis="precision"):
  """Returns the gap between two methods by their values for seeds 0, 1, ..."""
  axis = axis_of(axis)
  cells = [Cell(dict(enumerate(values)), "", axis.quantity.low, axis.quantity.high) for values in (a, b)]
  return gaps.gap(axis, cells[0], cells[1], real)._replace(ends=gaps.ends(axis, cells, real))


@pytest.mark.parametrize(
  ("a", "b", "verdict", "words"),
  [
    ([0.50, 0.51, 0.52], [0.70, 0.71, 0.72], Verdict.DECIDED, "decided (p < 0.001)"),
    ([0.50, 0.60, 0.70], [0.55, 0.70, 0.85], Verdict.UNDECIDED, "undecided (p = 0.398)"),
    ([0.850, 0.851, 0.852], [0.851, 0.852, 0.853], Verdict.SMALL, "no difference larger than 0.00327"),
    ([0.5], [0.7], Verdict.UNTESTED, "not tested: needs two seeds of each"),
    ([0.5, 0.5], [0.5, 0.5], Verdict.UNTESTED, "not tested: equal in all 2 seeds"),
  ],
)
def test_a_difference_is_decided_or_undecided_or_small_or_not_tested(a, b, verdict, words):
  found = gap(a, b)
  assert verdicts.verdict(found) is verdict
  assert verdicts.words(found) == words
  assert verdicts.short(found) == {Verdict.SMALL: "\u2264 0.00327"}.get(verdict, verdict.value)


def test_a_small_difference_is_one_whose_whole_interval_is_small():
  a, b = [0.80, 0.85, 0.90], [0.81, 0.84, 0.90]  # equal means, of which little is known
  found = gap(a, b)
  assert abs(found.test.difference.value) < 0.01 < verdicts.SMALL * 0.9 < verdicts.bound(found)
  assert verdicts.verdict(found) is Verdict.UNDECIDED


@pytest.mark.parametrize(
  ("p", "text"), [(0.0, "< 0.001"), (1e-300, "< 0.001"), (0.001, "0.001"), (0.2, "0.2")]
)
def test_a_p_value_is_never_0(p, text):
  assert wording.probability(p) == text


def test_the_common_scale_is_0_for_the_worst_method_and_1_for_real_images():
  found = gap([0.4, 0.5], [0.8, 0.8])
  assert found.ends == pytest.approx((0.45, 0.0))
  assert found.positions == pytest.approx((0.0, 0.35 / 0.45))
  assert found.size == pytest.approx(0.35 / 0.45)
  above = gap([10.0, 12.0], [0.05, 0.05], 0.1, "frechet")  # nearer than real images are
  assert above.ends == pytest.approx((11.0, 0.1)) and above.positions == pytest.approx((0.0, 1.0))
  assert math.isnan(gap([1.0, 2.0], [3.0, 4.0], math.nan, "sampling/images_per_second").size)
  assert gap([0.4, 0.4], [0.9, 0.9], math.nan, "latents/linear_probe").positions == pytest.approx(
    (0.0, 1 - 1 / 6)
  )


def test_the_worst_method_of_the_data_set_ends_the_scale(tmp_path):
  written.grid(tmp_path)
  before = {x.axis.name: x.size for x in gaps.contests(one(tmp_path))[0].gaps}
  for seed in range(3):
    written.run(tmp_path / "bad" / str(seed), "lsgan", seed, {40: {"precision": 0.01}}, energy={40: 9.0})
  after = {x.axis.name: x.size for x in gaps.contests(one(tmp_path))[0].gaps}
  assert after["precision"] < 0.7 * before["precision"]
  assert after["recall"] == before["recall"]


def test_gaps_are_told_by_their_size(tmp_path):
  (contest,) = gaps.contests(one(written.grid(tmp_path)))
  sizes = [x.size for x in gaps.by_size(contest.gaps)]
  assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) > 2
  told = [x.size for x, *_ in contest.lost(-1)]
  assert told == sorted(told, reverse=True) and len(told) > 1


def test_methods_are_compared_at_the_last_step_that_both_were_evaluated_at(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {20: {"frechet": 9.0}, 40: {"frechet": 8.0}})
  written.run(tmp_path / "b", "wgan_gp", 0, {10: {"frechet": 9.0}, 20: {"frechet": 7.0}})
  (contest,) = gaps.contests(one(tmp_path))
  assert contest.step == 20 and len(contest.gaps) == 1
  assert "20 generator updates each" in summary.sentences(one(tmp_path))[0]


def test_what_can_be_evaluated_is_advised_and_what_cannot_is_not(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 8.0}})
  folder = written.run(tmp_path / "b", "wgan_gp", 0, {10: {"frechet": 9.0}})
  told = summary.sentences(one(tmp_path))
  assert told[1] == (
    "wgan_gp was not evaluated at step 40. No checkpoint of wgan_gp at this step is left to evaluate."
  )
  (folder / "checkpoints/40").mkdir(parents=True)
  told = summary.sentences(one(tmp_path))
  assert told[1].endswith(f"python -m gengap.evaluate --workdir={folder} --step=40.")


def test_numbers_of_other_protocols_are_named(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 8.0}})
  other = written.PROTOCOL | {"samples": 50}
  written.run(tmp_path / "b", "wgan_gp", 0, {40: {"frechet": 9.0}}, protocol=other)
  told = summary.sentences(one(tmp_path))[1]
  assert told.startswith("No number compares vae with wgan_gp: ")
  assert "measured by another protocol: samples is " in told


def test_one_run_each_decides_nothing(tmp_path):
  found = one(written.grid(tmp_path, seeds=1))
  (contest,) = gaps.contests(found)
  assert selection.best_pair(found) == (contest.a, contest.b)
  assert not any(x.decided for x in contest.gaps) and contest.lost(-1)
  told = summary.sentences(found)
  assert told[1].startswith("The run of vae is worse than that of wgan_gp by ")
  assert not any("gives up" in text for text in told)
