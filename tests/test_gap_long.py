"""The runs of `results/gap_long`: their configs, and which of them are done."""

import json
import pathlib

import pytest

import gengap
from gengap import config as settings
from results.gap_long import runs


@pytest.fixture
def records(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  """Puts the records into an empty folder."""
  monkeypatch.setattr(runs, "RECORDS", tmp_path / "records")
  return tmp_path / "records"


def write(config: dict, version: str = gengap.__version__, flops: float = 1e9) -> None:
  """Writes the record of the VAE's first run on MNIST."""
  file = runs.folder("vae", "mnist", 0) / "scores.json"
  file.parent.mkdir(parents=True, exist_ok=True)
  run = {"config": config, "run": {"flops_per_step": flops}}
  file.write_text(json.dumps({"gengap": version, "runs": [run]}))


@pytest.mark.parametrize("name", runs.METHODS)
def test_methods_share_their_budget_and_their_average_of_weights(name: str):
  config = runs.describe(name, "mnist", 3)
  settings.check(config)
  shared = (config.steps, config.batch_size, config.image_size, config.ema, config.seed)
  assert shared == (runs.UPDATES, 64, 28, 0.999, 3)
  assert set(runs.METHODS[name][1]) <= set(config.method_args)
  if "network" in runs.METHODS[name][1]:
    assert (config.method_args.network, config.method_args.width, config.method_args.latent_dim) == (
      "dcgan",
      32,
      32,
    )


def test_a_run_is_done_only_with_its_config_and_by_this_version(records: pathlib.Path):
  config = settings.plain(runs.describe("vae", "mnist", 0))
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
  write({})
  (tmp_path / "run.json").write_text(json.dumps({"flops_per_step": flops}))
  assert runs.equal_operations(tmp_path, "mnist") == step


def test_one_run_of_a_method_has_all_its_pictures_and_the_last_none():
  last, first = (f"samples/mnist_28x28/vae/0/{step}.webp" for step in (runs.UPDATES, runs.EVERY))
  assert [runs.pictured("vae", seed, last) for seed in range(5)] == [True, True, True, False, False]
  assert [runs.pictured("vae", seed, first) for seed in range(5)] == [True, False, False, False, False]
  assert runs.pictured("vae", 0, "samples/explorer.webp") and not runs.pictured(
    "vq_vae", 0, "samples/explorer.webp"
  )
