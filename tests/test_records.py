"""What is read of a run's folder: its best checkpoint, what its scores stand beside, how it ended."""

import json
import re

import written

from gengap.evaluation.sampling import Sampling
from gengap.report import build, columns, figures, groups, run_files, stability, summary, views
from gengap.report.axes import axis_of


def test_the_last_step_is_saved_wherever_it_is(tmp_path):
  """Every 15th of 40 steps is saved, and the last; of those that are not, none is the best."""

  def best(name, energy):
    run = written.run(tmp_path / name, energy=energy, config={"checkpoint_every": 15})
    return run_files.read(run).best

  assert best("last", {40: 0.01}) == 40
  assert best("not saved", {20: 0.01, 40: 0.9}) == 30


def test_a_score_stands_beside_test_images_where_they_were_measured():
  scores = {
    "frechet": {"value": 1.0, "floors": {"train": 0.1, "test": 0.2}},
    "authentic": {"value": 0.5, "floors": {"train": 0.4}},
  }
  found = dict(run_files.evaluation_scores({"samples": {"protocol": {}, "scores": scores}}, {}))
  assert (found["frechet"].floor, found["authentic"].floor) == (0.2, 0.4)


def test_a_collapse_is_that_of_the_last_evaluation(tmp_path):
  for seed, (early, late) in enumerate(((1.9, 0.1), (0.1, 1.9))):
    scores = {20: {"diversity": early}, 40: {"diversity": late}}
    written.run(tmp_path / str(seed), "gan", seed, scores)
  (found,) = groups.comparisons([run_files.read(tmp_path / str(seed)) for seed in (0, 1)])
  assert stability.collapsed(found.groups[0]).values == {0: 1, 1: 0}


def sampled_otherwise(folder, text, value):
  """Writes an evaluation of a run's samples that are drawn in another way, beside that of the default."""
  found = json.loads((folder / "eval/40.json").read_text())
  samples = found["samples"]
  protocol = samples["protocol"] | {"sampling": {"text": text}}
  scores = {name: score | {"value": value, "protocol": protocol} for name, score in samples["scores"].items()}
  subject = samples["subject"] | {"codes": "somewhere"}
  found["samples"] = samples | {"protocol": protocol, "scores": scores, "subject": subject}
  written.write(folder / f"eval/40{Sampling.of(text).suffix}.json", found)


def with_curve(path, area):
  """Adds a fidelity-coverage curve to an evaluation."""
  found = json.loads(path.read_text())
  points = {"temperature": [0.5, 1.0], "precision": [0.8, 0.6], "coverage": [0.1, 0.3]}
  sampling = found["samples"]["protocol"].get("sampling")
  protocol = {"samples": 100, "temperatures": [0.5, 1.0]} | ({"sampling": sampling} if sampling else {})
  block = {"area": area, "area_low": 0.1, "area_floor": 0.9, "points": points, "neighbour": 5}
  real = {"precision": 0.95, "coverage": 0.95, "of": "test"}
  written.write(path, found | {"curve": block | {"real": real, "seeds": [0], "protocol": protocol}})


def test_samples_drawn_otherwise_are_a_row_beside_the_method_of_the_same_columns(tmp_path):
  folder = written.grid(tmp_path / "runs", seeds=2)
  for seed in (0, 1):
    sampled_otherwise(folder / f"vae/{seed}", "mixture:10", 0.25)
  sampled_otherwise(folder / "wgan_gp/1", "temperature=0.5", 0.5)
  for name, area in (("vae/0/eval/40", 0.2), ("vae/0/eval/40_mixture-10", 0.3), ("wgan_gp/1/eval/40", 0.4)):
    with_curve(folder / f"{name}.json", area)
  report = build.make([folder], tmp_path / "page")
  (comparison,) = report.comparisons
  names = ["vae", "vae (mixture of 10)", "wgan_gp", "wgan_gp (temperature 0.5)"]
  assert [group.name for group in comparison.groups] == names
  assert [len(group.records) for group in comparison.groups] == [2, 2, 2, 1]
  view = views.at_step(40)
  column = columns.column(comparison, view, axis_of("precision"))
  assert set(column[names[1]].values.values()) == {0.25} and not column[names[1]].reason
  assert 0.25 not in column["vae"].values.values() and len(column["vae"].values) == 2
  assert column[names[3]].values == {1: 0.5}
  elsewhere = columns.score_of(comparison.groups[1].first, view, axis_of("sampling/images_per_second"))
  assert "does not depend on how samples are drawn" in elsewhere.reason
  areas = columns.column(comparison, view, axis_of("curve/area"))
  assert [areas[name].values for name in names] == [{0: 0.2}, {0: 0.3}, {1: 0.4}, {}]
  assert columns.real_value(comparison, view, axis_of("curve/area")) == 0.9
  (drawing,) = figures.tradeoffs(comparison, view)
  assert re.findall(r">([^<>]*: area [^<]*)</text>", drawing.svg) == [
    "vae: area 0.200",
    "vae (mixture of 10): area 0.300",
    "wgan_gp: area 0.400",
  ]
  precision = next(figures.panels(comparison, view)).svg
  rows = re.findall(r'data-method="([^"]*)"(.*?)</g>', precision)
  assert [name for name, _ in rows] == names
  drawn = {name: re.findall('class="mean" data-value="([^"]*)"', row) for name, row in rows}
  assert drawn[names[1]] == ["0.25"] and drawn[names[3]] == ["0.5"]  # in the rows of their names
  assert [group.name for group in comparison.by_default.groups] == ["vae", "wgan_gp"]
  assert "mixture" not in " ".join(summary.sentences(comparison))
  assert "codes of a mixture of 10 Gaussians" in summary.samples_are(comparison.groups[1])
  assert report.page.read_text().count("Each curve is over the temperature") == 1
  again = build.make([report.scores], tmp_path / "again")
  assert [group.name for group in again.comparisons[0].groups] == names
  assert len(list(figures.tradeoffs(again.comparisons[0], view))) == 1
  assert again.scores.read_text() == report.scores.read_text()
  stored = json.loads(report.scores.read_text())
  assert len(stored["runs"]) == 7 and len(stored["trainings"]) == 4  # of each folder once


def test_a_file_whose_sampling_is_none_is_a_fault_and_leaves_the_rest(tmp_path):
  folder = written.grid(tmp_path, seeds=1) / "vae/0"
  sampled_otherwise(folder, "draw", 0.5)
  text = (folder / "eval/40_draw.json").read_text()
  (folder / "eval/40_draw.json").write_text(text.replace('"text": "draw"', '"text": "drow"'))
  (record,) = run_files.read_all(folder)
  assert "'drow' is none of" in record.faults[0] and record.scores[40]["precision"].value != 0.5
  sampled_otherwise(folder, "mixture:10", 0.25)
  stored = json.loads(build.make([folder], tmp_path / "page").scores.read_text())
  assert [len(run["faults"]) for run in stored["runs"]] == [1, 0] and len(stored["trainings"]) == 1
