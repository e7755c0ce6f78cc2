"""Images that no run of gengap made, beside runs: same columns, another budget."""

import json

import pytest
import written

from gengap.errors import InputError
from gengap.report import (
  build,
  columns,
  grids,
  groups,
  inputs,
  scores_file,
  selection,
  tables,
  training_tables,
  views,
)
from gengap.report.axes import axis_of

SCORES = {step: {"precision": 0.4, "recall": 0.7, "frechet": 20.0} for step in (20, 40)}


def compared(*paths):
  (comparison,) = groups.comparisons(inputs.read_all(inputs.find_runs(paths))[0])
  return comparison


@pytest.fixture
def folder(tmp_path):
  """A VAE, a GAN, and images of another program."""
  written.run(tmp_path / "vae", "vae", 0, SCORES)
  written.run(tmp_path / "gan", "gan", 0, SCORES)
  written.images(tmp_path / "torch.json")
  return tmp_path


def test_images_share_the_columns_of_runs_and_have_no_budget(folder):
  comparison = compared(folder, folder / "torch.json")
  assert [(g.name, g.family.name) for g in comparison.groups] == [
    ("torch_vae", "VAE"),
    ("vae", "VAE"),
    ("gan", "GAN"),
  ]
  for view in (views.at_step(views.equal_updates(comparison.groups)), views.final, views.best):
    cell = columns.column(comparison, view, axis_of("precision"))
    assert cell["torch_vae"].values == {0: 0.5}
    assert cell["vae"].values == {0: 0.4}
  within = columns.column(comparison, views.nearest_flops(4e7), axis_of("precision"))
  assert "budget is unknown" in within["torch_vae"].reason
  assert within["vae"].values == {0: 0.4}
  (row,) = (row for row in training_tables.budget_table(comparison).rows if row[0].text == "torch_vae")
  assert {entry.text for entry in row[2:]} == {tables.DASH}
  likelihood = columns.column(comparison, views.final, axis_of("sampling/images_per_second"))
  assert likelihood["torch_vae"].reason == "only its images are known"


def test_the_summary_compares_methods_of_known_budget_first(folder):
  pair = selection.best_pair(compared(folder, folder / "torch.json"))
  assert pair and {group.name for group in pair} == {"vae", "gan"}
  pair = selection.best_pair(compared(folder / "gan", folder / "torch.json"))
  assert pair and {group.name for group in pair} == {"torch_vae", "gan"}


def test_another_protocol_is_a_dash(folder):
  other = written.images(folder / "more.json", "few", protocol=written.PROTOCOL | {"samples": 50})
  cell = columns.column(compared(folder, other), views.final, axis_of("precision"))["few"]
  assert not cell.values and "samples is 50, in this column 100" in cell.reason


def test_several_records_of_a_method_are_its_trainings(folder):
  again = written.images(folder / "again.json", scores={"precision": 0.7})
  comparison = compared(folder, folder / "torch.json", again)
  cell = columns.column(comparison, views.final, axis_of("precision"))["torch_vae"]
  assert cell.values == {0: 0.5, 1: 0.7}


def test_a_copy_of_a_record_is_no_other_training(folder):
  copy = folder / "copy.json"
  copy.write_text((folder / "torch.json").read_text())
  with pytest.raises(
    InputError, match=r"torch.json and .*copy.json are records of the same images; name one"
  ):
    inputs.read_all(inputs.find_runs([folder / "torch.json", copy]))


def test_the_floor_of_a_given_reference_is_read(folder):
  path = folder / "torch.json"
  path.write_text(path.read_text().replace('"floors": {"test"', '"floors": {"given"'))
  comparison = compared(path)
  assert columns.real_value(comparison, views.final, axis_of("precision")) == 0.9


def test_a_name_that_a_run_has_gets_an_addition(folder):
  record = written.images(folder / "vae.json", "vae", "other")
  assert "vae (other, given images)" in [group.name for group in compared(folder, record).groups]


def test_images_of_another_data_set_are_compared_apart(folder):
  other = written.images(folder / "other.json", dataset="mnist")
  found = groups.comparisons(inputs.read_all(inputs.find_runs([folder, other]))[0])
  assert [[group.name for group in comparison.groups] for comparison in found] == [
    ["vae", "gan"],
    ["torch_vae"],
  ]


@pytest.mark.parametrize("with_runs", [True, False])
def test_the_page_is_made_and_made_again(folder, tmp_path, with_runs):
  """Also of images alone; the scores.json of the page restores the record."""
  paths = [folder / "torch.json", written.images(folder / "gan.json", "torch_gan", "GAN")]
  report = build.make([*paths, *([folder / "vae", folder / "gan"] if with_runs else [])], tmp_path / "out")
  html = report.page.read_text()
  assert ("Given images, whose budget is unknown" in html) == (not with_runs)
  assert "after 0 generator updates" not in html
  assert "over the temperature" not in html  # there are no curves
  assert "Grid of samples of torch_vae: torch_vae: given images" in html
  names = [[group.name for group in one.groups] for one in report.comparisons]
  again = groups.comparisons(scores_file.load(report.scores))
  assert [[group.name for group in one.groups] for one in again] == names
  assert [grid.title for one in again for grid in grids.grids(one)] == [
    grid.title for one in report.comparisons for grid in grids.grids(one)
  ]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"reference": None}, "is not as gengap writes it"),
    ({"reference": {"dataset": "mnist", "image_size": "8", "channels": 1}}, "its image_size is '8'"),
    ({"samples": {"subject": {}}}, "is no scores.json of a report"),
  ],
)
def test_a_damaged_record_is_named(tmp_path, change, message):
  path = written.images(tmp_path / "torch.json")
  path.write_text(json.dumps(json.loads(path.read_text()) | change))
  with pytest.raises(InputError, match=message):
    inputs.read_all([path])
