"""Runs and data sets in a bucket (gs://), without a network: see `bucket`."""

import json
import pathlib
import shutil
import sys
from typing import Any

import bucket
import numpy as np
import pytest
import tiny
import written
from PIL import Image
from test_train import config, lines

import gengap
from gengap import data, evaluate, prepare
from gengap import run as runs
from gengap.command_line.arguments import parse
from gengap.errors import InputError
from gengap.logs import loggers
from gengap.logs.log import Log
from gengap.metrics.estimate import Estimate
from gengap.probes import result
from gengap.report import build
from gengap.storage import paths, remote
from gengap.training import loop, workdirs

RUN = "gs://b/runs/vae"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  """The local folder that is the content of all buckets."""
  with pytest.MonkeyPatch.context() as patch:
    bucket.make(folder := tmp_path_factory.mktemp("buckets"), patch)
    yield folder


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
  """The last states of a run in a bucket, killed between two checkpoints and resumed, and of a local run."""
  whole = loop.train(config("vae"), local := tmp_path_factory.mktemp("local") / "vae")
  loop.train(config("vae"), RUN)
  shutil.rmtree(root / "b/runs/vae/checkpoints/12")
  with (root / "b/runs/vae/metrics.jsonl").open("a") as file:
    file.write('{"step": 13}\n{"st')
  return loop.train(config("vae"), RUN), whole, local


def test_a_run_in_a_bucket_resumes_bit_for_bit(trained, root):
  resumed, whole, local = trained
  tiny.assert_identical(resumed, whole)
  here = root / "b/runs/vae"
  assert runs.steps(RUN) == runs.steps(local)
  for there, line in zip(lines(here), lines(local), strict=True):
    assert {k: v for k, v in there.items() if k != "steps_per_second"} == {
      k: v for k, v in line.items() if k != "steps_per_second"
    }
  own = {path.name for path in local.iterdir() if "tfevents" not in path.name}
  assert {path.name for path in here.iterdir() if "tfevents" not in path.name} == own - {workdirs.LOCK}
  assert len(list(here.glob("events.out.tfevents.*"))) >= 1
  assert (here / "config.json").read_text() == (local / "config.json").read_text()
  for path in (local / "samples").iterdir():
    assert (here / "samples" / path.name).read_bytes() == path.read_bytes()


def test_numbers_are_in_the_bucket_before_the_checkpoint_that_counts_on_them(trained):
  names = bucket.Bucket.puts
  first = {
    name: names.index(f"b/runs/vae/{name}") for name in ("metrics.jsonl", "checkpoints/4/commit_success.txt")
  }
  assert first["metrics.jsonl"] < first["checkpoints/4/commit_success.txt"]


def test_a_run_in_a_bucket_is_loaded_evaluated_and_compared(trained, root, capfd):
  run = gengap.load(RUN)
  np.testing.assert_array_equal(run.sample(0, 4), gengap.load(trained[2]).sample(0, 4))
  flags = [f"--workdir={RUN}", "--metrics=sharpness,reconstructions", "--num_samples=16", "--num_images=16"]
  evaluate.main(parse(evaluate.FLAGS, ["evaluate", *flags]))
  found = json.loads((root / "b/runs/vae/eval/12.json").read_text())
  assert "sharpness" in found["samples"]["scores"]
  with Image.open(root / "b/runs/vae/eval/12_reconstructions.png") as opened:
    assert opened.size[0] > 8
  report = build.make(["gs://b/runs"], "gs://b/report")
  assert (str(report.page), report.left_out) == ("gs://b/report/index.html", ())
  page = (root / "b/report/index.html").read_text()
  assert "vae" in page
  assert list((root / "b/report/samples").rglob("*.webp"))
  assert [path.parts[-1] for path in paths.place("gs://b/report").glob("*.json")] == ["scores.json"]


def test_results_of_probes_go_to_a_bucket(root):
  found = result.ProbeResult("ood", {"a": Estimate(1.5, 1, 2)}, {}, (), {"step": 4})
  result.save(found, paths.place("gs://b/probes/4"))
  assert (root / "b/probes/4/ood.json").read_text() == found.to_json()


def test_a_file_that_grows_is_copied_from_time_to_time_and_at_the_end(root, monkeypatch):
  log = Log(paths.place("gs://b/log"), 0, 4)
  bucket.Bucket.puts.clear()
  for step in range(1, 4):
    log.numbers(step, {"loss": 1.0})
  assert not bucket.Bucket.puts
  log.flush()
  assert bucket.Bucket.puts == ["b/log/metrics.jsonl"]
  log.flush()
  assert len(bucket.Bucket.puts) == 1  # nothing has changed
  monkeypatch.setattr(remote, "SECONDS", 0.0)
  log.numbers(4, {"loss": 1.0})
  assert [line["step"] for line in lines(root / "b/log")] == [1, 2, 3, 4]
  folder = log.mirror.folder
  log.close()
  assert not folder.exists()
  log = Log(paths.place("gs://b/log"), 2, 4)  # as a resumed run does
  assert log.values("loss") == [1.0, 1.0]
  log.close()
  assert [line["step"] for line in lines(root / "b/log")] == [1, 2]


def test_a_logger_keeps_its_id_in_the_bucket(root):
  assert loggers.own_id(paths.place("gs://b/id"), "wandb") == loggers.own_id(
    paths.place("gs://b/id"), "wandb"
  )
  assert (root / "b/id/loggers.json").exists()


def test_a_data_set_in_a_bucket_is_copied_once(root, tmp_path, monkeypatch):
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
  for kind in ("cat", "dog"):
    (tmp_path / "raw" / kind).mkdir(parents=True)
    for i in range(8):
      Image.new("RGB", (9, 9), (i, 0, 0)).save(tmp_path / "raw" / kind / f"{i}.png")
  prepare.prepare("pets", tmp_path / "raw", tmp_path / "tfds")
  shutil.copytree(tmp_path / "tfds", root / "b/tfds")
  arguments: dict[str, Any] = dict(split="train", image_size=8, channels=3, validation_share=0)
  there = data.load("pets", data_dir="gs://b/tfds", **arguments)
  here = data.load("pets", data_dir=str(tmp_path / "tfds"), **arguments)
  np.testing.assert_array_equal(there.image, here.image)
  shutil.rmtree(root / "b/tfds")
  np.testing.assert_array_equal(data.load("pets", data_dir="gs://b/tfds", **arguments).image, here.image)
  with pytest.raises(InputError, match=r"dataset 'mnist' is not in data_dir gs://b/tfds"):
    data.load("mnist", data_dir="gs://b/tfds", **arguments)


@pytest.mark.parametrize("url", ["gs://B/run", "gs://", "gs://b/lr[0.1]", "gs://b/a*"])
def test_a_malformed_url_is_refused(root, url):
  with pytest.raises(InputError, match="it must be gs://BUCKET/FOLDER"):
    paths.place(url, "--workdir")


def test_pathlib_and_capitals_mean_the_same_bucket(root):
  for given in (pathlib.Path("gs://b/run"), "GS://b/run", paths.place("gs://b/run")):
    assert str(paths.place(given)) == "gs://b/run"
    assert str(paths.place(given) / "a" / "b.json") == "gs://b/run/a/b.json"


def test_a_bucket_that_is_missing_is_said_before_anything_is_compiled(root, monkeypatch):
  monkeypatch.setattr(loop, "load_data", lambda *_: pytest.fail("goes on"))
  with pytest.raises(
    InputError, match=r"--workdir=gs://missing/run cannot be used .*does not exist.*; check"
  ):
    loop.train(config("vae"), "gs://missing/run")


def test_packages_that_are_missing_are_named(root, monkeypatch):
  monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
  with pytest.raises(InputError, match=r"--workdir=gs://b/run: .*pip install gcsfs google-cloud-storage"):
    paths.place("gs://b/run", "--workdir")


def test_runs_in_buckets_stand_beside_local_ones(root, tmp_path):
  written.run(tmp_path / "gan", "wgan_gp", scores={40: {"precision": 0.5}})
  written.run(root / "c/vae", "vae", scores={40: {"precision": 0.7}})
  report = build.make([tmp_path / "gan", "gs://c/vae"], tmp_path / "report")
  assert len(report.comparisons[0].groups) == 2
