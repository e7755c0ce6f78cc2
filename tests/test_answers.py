"""The first screen: the sentence, the chart and the samples of each data set, and their order."""

import re

import browser
import pytest
import written

from gengap import report
from gengap.report import answers, dumbbell, gaps, groups, inputs, run_files, selection


def compared(folder):
  """Returns the comparisons of the runs below a folder."""
  return groups.comparisons([run_files.read(path) for path in inputs.find_runs([folder])])


def one(folder):
  """Returns the comparison of the runs below a folder."""
  (found,) = compared(folder)
  return found


def test_the_answer_has_both_losses_their_certainty_and_the_basis(tmp_path):
  found = answers.answer(one(written.grid(tmp_path)))
  assert found.asked and not found.reason and not found.one_run
  vae, gan = found.losses
  assert (vae.name, vae.family, gan.name, gan.family) == ("the VAE", "VAE", "the GAN", "GAN")
  assert "precision" in dict(vae.axes) and dict(gan.axes).keys() == {"recall", "diversity"}
  assert re.fullmatch(r"0\.4\d* against 0\.8\d*, real 0\.9", dict(vae.axes)["precision"])
  assert found.certainty == "Of six differences, 6 decided."
  assert found.basis == "vae and wgan_gp: three seeds each, 40 generator updates each"


def test_what_noise_hides_is_not_decided(tmp_path):
  found = answers.answer(one(written.grid(tmp_path, spread=3.0)))
  assert not found.losses[0].axes and not found.losses[1].axes
  assert "decided" not in found.certainty.replace("undecided", "")


def test_one_run_each_gives_no_certainty(tmp_path):
  found = answers.answer(one(written.grid(tmp_path, seeds=1)))
  assert found.one_run and found.losses[0].axes
  assert found.certainty.startswith("One run each: no difference can be told")


def test_one_method_has_a_reason_in_place_of_a_chart(tmp_path):
  written.run(tmp_path / "a", "vae", 0, {40: {"frechet": 1.0}})
  found = answers.answer(one(tmp_path))
  assert not found.asked and not found.charts and "there is no gap to measure" in found.reason
  assert [thumbnail.name for thumbnail in found.strip] == ["vae", "real images"]


def test_what_the_title_asks_is_first_and_real_data_before_blobs(tmp_path):
  for data in ("blobs_multi", "mnist", "cifar10"):
    for method in ("vae", "wgan_gp"):
      if (data, method) != ("cifar10", "vae"):
        config = {"dataset": data, "dataset_args": {}}
        written.run(tmp_path / data / method, method, 0, {40: {"frechet": 1.0}}, config=config)
  made = report.make([tmp_path], tmp_path / "out").page.read_text()
  titles = re.findall(r'<h2><a href="#[^"]*">(\w+) ', made)
  assert titles == ["mnist", "blobs_multi", "cifar10"]
  asked, others = made.split("Data sets without a VAE or without a GAN")
  assert "blobs_multi 8x8</a></h2>" in asked and "cifar10 8x8</a></h2>" in others
  places = [selection.place(found) for found in compared(tmp_path)]
  assert sorted(places) == [(False, False), (False, True), (True, False)]


def marks(svg):
  """Returns the horizontal places of the marks of both methods in every row of a chart."""
  at = re.findall(r'd="M([\d.]+) [\d.]+m[^"]*" class="(?:mean|hollow)"', svg)
  return [tuple(map(float, at[i : i + 2])) for i in range(0, len(at), 2)]


def test_the_chart_has_a_row_for_each_axis_the_largest_difference_first(tmp_path):
  found = one(written.grid(tmp_path))
  (contest,) = gaps.contests(found)
  ranked = dumbbell.ranked(contest)
  chart = dumbbell.dumbbells(found, contest, ranked)
  places = marks(chart.svg)
  assert len(places) == len(ranked) == 6
  widths = [abs(a - b) for a, b in places]
  assert widths == sorted(widths, reverse=True)
  for gap, (a, b) in zip(ranked, places, strict=True):
    width = dumbbell.RIGHT - dumbbell.LEFT
    assert [(x - dumbbell.LEFT) / width for x in (a, b)] == pytest.approx(gap.positions, abs=1e-3)
    assert min(gap.positions) == 0.0  # of two methods one is the worst
  assert chart.svg.count('class="interval"') == 12 and 'class="hollow"' not in chart.svg
  assert chart.alt.startswith(f"{found.title}: vae and wgan_gp on six numbers")
  assert set(re.findall(r'data-family="(\w+)"', chart.svg)) == {"VAE", "GAN"}


def test_what_is_not_decided_is_hollow_and_without_variance_there_is_no_interval(tmp_path):
  for method, value in (("vae", 0.4), ("wgan_gp", 0.6)):
    for seed in range(3):
      written.run(tmp_path / f"{method}{seed}", method, seed, {40: {"precision": value}})
  found = one(tmp_path)
  (contest,) = gaps.contests(found)
  svg = dumbbell.dumbbells(found, contest, dumbbell.ranked(contest)).svg
  assert svg.count('class="hollow"') == 2 and "not tested" in svg
  assert 'class="interval"' not in svg


def test_an_interval_beyond_the_scale_ends_at_its_edge(tmp_path):
  found = one(written.grid(tmp_path, spread=3.0))
  (contest,) = gaps.contests(found)
  svg = dumbbell.dumbbells(found, contest, dumbbell.ranked(contest)).svg
  ends = re.findall(r'd="M([\d.]+) [\d.]+(?:H([\d.]+))?" class="interval"', svg)
  assert ends
  assert all(dumbbell.LEFT <= float(x) <= dumbbell.RIGHT for pair in ends for x in pair if x)


@browser.needed
def test_the_first_screen_of_a_desktop_has_the_sentence_the_chart_and_the_samples(tmp_path):
  html = report.make([written.grid(tmp_path / "runs")], tmp_path / "out").page.read_text()
  found = browser.visit(
    tmp_path,
    html,
    """
    const ends = (what) => one(what).getBoundingClientRect().bottom;
    found.ends = ["h1", ".headline", ".dumbbell svg", ".strip figure:last-child img"].map(ends);
    found.names = all(".strip figcaption").map((each) => each.textContent);
    """,
  )
  assert max(found["ends"]) < 900
  assert found["names"] == ["VAE vae", "GAN wgan_gp", "real images"]
