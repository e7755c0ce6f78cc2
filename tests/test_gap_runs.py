"""The runs of `results/gap`: their configs, and which of them are done."""

import json
import pathlib

import pytest

import gengap
from gengap import config as settings
from results.gap import plan, readme, runs


@pytest.fixture
def records(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  """Puts the records into an empty folder."""
  monkeypatch.setattr(plan, "RECORDS", tmp_path / "records")
  return tmp_path / "records"


def write(
  config: dict,
  folder: pathlib.Path | None = None,
  version: str = gengap.__version__,
  flops: float = 1e9,
) -> None:
  """Writes a record, by default of the VAE's first run on MNIST."""
  file = (folder or plan.folder("vae", "mnist", 0)) / "scores.json"
  file.parent.mkdir(parents=True, exist_ok=True)
  trained = {"config": config, "run": {"flops_per_step": flops}}
  file.write_text(json.dumps({"gengap": version, "trainings": [trained]}))


RUNS = [(data, name) for data, task in plan.TASKS.items() for name in task.methods]


@pytest.mark.parametrize(("data", "name"), RUNS)
def test_methods_of_a_data_set_share_budget_decoder_and_average_of_weights(data: str, name: str):
  task, config = plan.TASKS[data], plan.describe(name, data, 3)
  settings.check(config)
  shared = (config.steps, config.batch_size, config.image_size, config.ema, config.seed)
  assert shared == (task.updates, task.batch, task.size, 0.999, 3)
  changed = task.methods[name][1]
  assert set(changed) <= set(config.method_args)
  first = plan.describe(task.cheapest, data, 3).method_args
  if changed.get("network") == "dcgan":
    assert (config.method_args.network, config.method_args.width) == (first.network, first.width)


def test_a_run_is_done_only_with_its_config_and_by_this_version(records: pathlib.Path):
  config = plan.settings("vae", "mnist", 0)
  assert not runs.kept("vae", "mnist", 0)
  write(config)
  assert runs.kept("vae", "mnist", 0) and not runs.kept("vae", "mnist", 1)
  write(config | {"steps": config["steps"] - 1})
  assert not runs.kept("vae", "mnist", 0)
  write(config, version="0.0.1")
  assert not runs.kept("vae", "mnist", 0)


def test_two_processes_never_have_the_same_run(tmp_path: pathlib.Path):
  with runs.alone(tmp_path / "a" / "0") as first, runs.alone(tmp_path / "a" / "0") as second:
    assert first and not second
    with runs.alone(tmp_path / "a" / "1") as other:
      assert other
  with runs.alone(tmp_path / "a" / "0") as again:
    assert again


@pytest.mark.parametrize(
  ("flops", "step"), [(1e9, 5000), (2e9, 2500), (3.5e9, 1500), (1e12, 250), (5e8, 5000)]
)
def test_equal_operations_are_those_of_the_vae(
  records: pathlib.Path, tmp_path: pathlib.Path, flops: float, step: int
):
  (tmp_path / "run.json").write_text(json.dumps({"flops_per_step": flops}))
  write({})
  with pytest.raises(SystemExit, match="run its seed 0 first"):
    runs.equal_operations(tmp_path, "mnist")
  write(plan.settings("vae", "mnist", 0))
  assert runs.equal_operations(tmp_path, "mnist") == step


def test_shares_are_of_classes_and_nothing_else(tmp_path: pathlib.Path):
  scores = {"share_0": {"value": 1.25}, "share_11": {"value": 0.123456}, "precision_0": {"value": 0.5}}
  (tmp_path / "9.json").write_text(json.dumps({"samples": {"scores": scores}}))
  assert runs.shares(tmp_path / "9.json") == {"0": 1.25, "11": 0.12346}


def test_pictures_are_of_the_first_run_of_a_method():
  paths = [f"samples/mnist_28x28/vae/0/{name}.webp" for name in ("1250", "2500", "5000", "real")]
  assert [runs.pictured("vae", "mnist", 0, path) for path in paths] == [False, False, True, True]
  assert not runs.pictured("gan", "mnist", 0, "samples/mnist_28x28/gan/0/real.webp")
  assert not any(runs.pictured("vae", "mnist", 1, path) for path in paths)
  explorers = [runs.pictured(name, "mnist", 0, "samples/explorer.webp") for name in ("wgan_gp_5", "vae")]
  assert explorers == [True, False]


def test_no_picture_is_kept_that_the_page_does_not_show():
  for data, task in plan.TASKS.items():
    for name in task.methods:
      for seed in plan.seeds(name, data):
        place = plan.folder(name, data, seed)
        for file in place.glob("samples/**/*.*"):
          assert runs.pictured(name, data, seed, str(file.relative_to(place))), file


def test_what_is_planned_and_not_kept_is_named(records: pathlib.Path):
  assert "`wgan_gp` mnist 0 of 5, fashion_mnist 0 of 5, cifar10/bird 0 of 3, blobs_single" in readme.lacking()
  assert "`vae` mnist 0 of 5" in readme.lacking()
  write(plan.settings("vae", "mnist", 0))
  assert "`vae` mnist 1 of 5" in readme.lacking()
  for data, task in plan.TASKS.items():
    for name in task.methods:
      for seed in plan.seeds(name, data):
        write(plan.settings(name, data, seed), plan.folder(name, data, seed))
  assert not readme.lacking()
