"""The reports' experiments at their own size: the plan, the rows, what is skipped, and a run of tiny ones."""

import json
import math
import pathlib
import sys

import pytest

from gengap import config as settings
from gengap.errors import InputError, NonFiniteError
from results import judging
from results.full import __main__ as full
from results.full import checks, page, plan, rows, runs
from results.full.plan import Cost, Speed
from results.full.rows import CODES, Row

BLOBS = {"num_train": 640, "num_test": 256}
SMALL = {"batch_size": 16, "steps": 4, "image_size": 8, "ema": 0.0, "eval_images": 32, "dataset_args": BLOBS}
DENSE = {"network": "dense", "width": 4, "latent_dim": 2}
HALF = "blobs_single/0,1"  # not all classes, so that no classifier names them
TINY = {
  "code": Row(("C6",), "ae", HALF, DENSE, SMALL, points=2, judged=CODES, reported={"reconstruction": 9.0}),
  "vae": Row(("A12",), "conv_vae", HALF, DENSE, SMALL, points=2),
}


@pytest.fixture
def tiny(monkeypatch):
  """Puts tiny rows in the place of the reports', judged by their pixels."""
  measure = plan.measure
  monkeypatch.setattr(rows, "ROWS", TINY)
  monkeypatch.setattr(rows, "SEEDS", 1)
  monkeypatch.setattr(runs, "features", lambda row, run: "pixels")
  monkeypatch.setattr(judging, "classifier", lambda config, workdir: None)
  monkeypatch.setattr(runs, "TEST_IMAGES", 64)
  monkeypatch.setattr(runs, "MANY", 64)
  monkeypatch.setattr(plan, "DISPATCHES", 1)
  known = Speed(0.01, 0.1, plan.MEASURED)
  monkeypatch.setattr(plan, "measure", lambda config: measure(config) if config.method == "ae" else known)


def command(monkeypatch, *args):
  monkeypatch.setattr(sys, "argv", ["results.full", *args])
  full.main()


def refused(monkeypatch, capsys, *args):
  with pytest.raises(SystemExit) as error:
    command(monkeypatch, *args)
  assert error.value.code == 2
  (line,) = capsys.readouterr().err.strip().splitlines()
  return line


def test_every_row_gets_a_seed_before_any_gets_a_second_one():
  costs = {"dear": Cost(5, 10), "cheap": Cost(1, 2)}
  assert plan.choose(costs, {}, math.inf, 3) == {"dear": 3, "cheap": 3}
  assert plan.choose(costs, {}, 18, 3) == {"dear": 1, "cheap": 1}
  assert plan.choose(costs, {}, 25, 3) == {"dear": 1, "cheap": 3}  # and not two dear ones
  assert plan.choose(costs, {}, 20, 3) == {"dear": 1, "cheap": 2}
  assert plan.choose(costs, {}, 14.9, 3) == {"cheap": 3}  # what does not fit leaves room for cheaper rows
  assert plan.choose(costs, {}, 2.9, 3) == {}
  assert plan.choose(costs, {"dear": 1, "cheap": 2}, 6, 3) == {"cheap": 1}
  assert plan.choose(costs, {"dear": 3, "cheap": 2}, math.inf, 3) == {"cheap": 1}


def test_a_classifier_counts_once_for_all_rows_that_need_it():
  costs = {"a": Cost(1, 2, "mnist", 10), "b": Cost(1, 2, "mnist", 10), "c": Cost(1, 2, "cifar10", 10)}
  assert plan.choose(costs, {}, 16, 1) == {"a": 1, "b": 1}
  assert plan.total(costs, {"a": 1, "b": 1}) == 16
  assert plan.total(costs, {"a": 2, "c": 1}) == 28


def test_rows_have_the_sizes_of_the_reports():
  def of(name):
    config = rows.describe(rows.ROWS[name], 1.0)
    return config, config.method_args

  for name in ("C1_bird", "C2_bird", "C3_bird", "C3_cub200"):
    config, args = of(name)
    assert (config.steps, config.batch_size, config.image_size) == (6000, 192, 32)
    assert (args.network, args.width, args.latent_dim, args.n_critic) == ("resnet", 128, 128, 5)
    assert (args.learning_rate, args.b1, args.b2) == (2e-4, 0.0, 0.9)
    assert (args.decay_steps, args.critic_decay_steps) == (100_000, 500_000)
  betas = {"vae_0.8": 0.8, "vae_1.0": 1.0, "vae_1.2": 1.2}
  for name in (*betas, "vae_linear", "ae_16"):
    config, args = of(name)
    assert (config.steps, config.batch_size, config.validation_share) == (20 * (50_000 // 256), 256, 0.0)
    assert (args.learning_rate, args.clip_norm) == (1e-3, 1.0)
    assert args.latent_dim == (16 if name == "ae_16" else 1024)
    assert name not in betas or args.beta == betas[name]
  assert of("vae_linear")[1].beta.steps == of("vae_linear")[0].steps
  latents = {"B9_vae": 4, "B9_gan": 32, "B10_vae": 40, "B10_gan": 64}
  for name, latent in latents.items():
    config, args = of(name)
    assert (config.steps, args.latent_dim, config.image_size) == (250_000, latent, 32)
  assert of("A11")[0].steps == 200 * (50_000 // 128)
  six = [of(f"E10_{data}_{name}") for data in ("mnist", "fashion_mnist") for name in rows.RANKED]
  assert len(six) == 12
  assert {
    (config.steps, config.batch_size, args.network, args.width, args.latent_dim) for config, args in six
  } == {(10_000, 64, "dcgan", 32, 32)}


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.01, 1e-6])
def test_every_row_is_a_config_at_every_scale(scale):
  for name, row in rows.ROWS.items():
    whole, config = (rows.describe(row, size) for size in (1.0, scale))
    settings.check(config)
    points = config.steps / config.eval_every
    assert (points, config.checkpoint_every) == (row.points, config.eval_every), name
    assert config.steps == pytest.approx(max(row.points, whole.steps * scale), rel=0.05), name
  linear = rows.describe(rows.ROWS["vae_linear"], scale).method_args.beta
  assert linear.steps == max(1, round(3900 * scale))
  assert rows.describe(rows.ROWS["C3_bird"], scale).method_args.decay_steps == max(1, round(100_000 * scale))


def test_rows_are_selected_by_claim_and_by_name():
  assert list(rows.select(["C8"])) == ["vae_1.0", "vae_0.8", "vae_1.2"]
  assert list(rows.select(["A11", "ae_16"])) == ["ae_16", "A11"]
  assert list(rows.select(None)) == list(rows.ROWS)
  claims = {"C1", "C2", "C3", "C6", "C7", "C8", "C9", "B9", "B10", "E10", "A11", "A12"}
  assert {claim for row in rows.ROWS.values() for claim in row.claims} == claims
  for check in checks.CHECKS:
    for name in {check.smaller, check.larger} - {checks.REAL}:
      assert check.claim in rows.ROWS[name].claims, check
      assert check.number in page.NUMBERS[rows.ROWS[name].judged], check


def test_wrong_arguments_are_refused_in_one_line(monkeypatch, capsys, tmp_path):
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
  out = f"--out={tmp_path / 'out'}"
  assert "did you mean 'C7'" in refused(monkeypatch, capsys, out, "--only", "C77")
  assert "invalid number value: '0'" in refused(monkeypatch, capsys, out, "--minutes=0")
  assert "--scale is 2" in refused(monkeypatch, capsys, out, "--scale=2")
  assert "--only A11: dataset 'cifar10' is not in data_dir" in refused(
    monkeypatch, capsys, out, "--only", "A11"
  )
  assert "holds no records" in refused(monkeypatch, capsys, out, "--draw")
  assert not (tmp_path / "out").exists()


def test_rows_without_data_are_skipped_with_the_reason(monkeypatch, capsys, tmp_path):
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
  assert list(full.readable(None)) == ["B9_vae", "B9_gan", "B10_vae", "B10_gan"]
  assert "C3_cub200 is skipped: dataset 'cub200' is not in" in capsys.readouterr().err
  with pytest.raises(InputError, match="--only C3: dataset"):
    full.readable(["C3", "B9"])


def test_times_of_steps_are_recorded_and_then_read(monkeypatch, tmp_path):
  measured = []
  monkeypatch.setattr(
    plan, "measure", lambda config: measured.append(config) or Speed(0.5, 3.0, plan.MEASURED)
  )
  monkeypatch.setattr(plan, "KNOWN", tmp_path / "none.json")
  config, file = rows.describe(rows.ROWS["B9_vae"], 1.0), tmp_path / "out" / "times.json"
  assert plan.speeds({"vae": config}, file) == {"vae": Speed(0.5, 3.0, plan.MEASURED)}
  assert plan.speeds({"vae": config, "other": config}, file)["vae"] == Speed(0.5, 3.0, plan.RECORDED)
  assert len(measured) == 2
  assert plan.training_seconds(Speed(0.5, 3.0, ""), config, 2) == 250_000


def test_a_run_that_is_stopped_or_fails(monkeypatch, tmp_path):
  config = rows.describe(rows.ROWS["B9_vae"], 1e-6)

  class Stopped:
    step = 0

  monkeypatch.setattr(runs.loop, "train", lambda config, workdir: Stopped())
  with pytest.raises(SystemExit) as error:
    runs.train(config, [0], tmp_path)
  assert error.value.code == runs.STOPPED
  done = []

  def fail(config, workdir):
    if config.seed == 0:
      raise NonFiniteError("the loss is nan")
    done.append((config.seed, config.seeds, workdir))
    return type("Done", (), {"step": config.steps})

  monkeypatch.setattr(runs.loop, "train", fail)
  assert runs.train(config, [0, 2, 3, 5], tmp_path) == {0: "the loss is nan"}
  assert done == [(2, 2, tmp_path), (5, 1, tmp_path / "5")]  # consecutive seeds train together


def test_tiny_rows_are_trained_judged_resumed_and_drawn(tiny, monkeypatch, capsys, tmp_path):
  out = tmp_path / "out"
  command(monkeypatch, f"--out={out}")
  said = capsys.readouterr().out
  assert all(f"| {name} | {row.claims[0]} | 0 | 1 | 4 |" in said for name, row in TINY.items())
  assert plan.MEASURED in said and said.endswith("all finished\n")
  records = {file: file.read_text() for file in sorted(out.glob("records/*/*.json"))}
  assert [file.relative_to(out / "records").as_posix() for file in records] == ["code/0.json", "vae/0.json"]
  found = {file.parent.name: json.loads(text) for file, text in records.items()}
  assert found["vae"]["scores"]["frechet"] > found["vae"]["floors"]["frechet"] > 0
  assert found["vae"]["judge"]["features"]["network"].startswith("pixels")
  assert set(found["vae"]["curve"]) == {"2", "4"} and "precision" in found["vae"]["curve"]["2"]
  assert found["code"]["scores"]["total"] == found["code"]["scores"]["reconstruction"] > 0
  assert set(found["code"]["curve"]) == {"2", "4"}
  assert len(list(out.glob("records/*/0.webp"))) == 2

  monkeypatch.setattr(rows, "SEEDS", 2)
  trained, train = [], runs.train
  monkeypatch.setattr(runs, "train", lambda *args: trained.append(args[1]) or train(*args))
  command(monkeypatch, f"--out={out}", "--minutes=0.000001")
  assert not trained and "no time left for more seeds of code, vae" in capsys.readouterr().out
  command(monkeypatch, f"--out={out}", "--only", "C6")
  assert trained == [[1]]
  assert {file: file.read_text() for file in records} == records
  again = json.loads((out / "records" / "code" / "1.json").read_text())
  assert again["scores"] != found["code"]["scores"]

  here = tmp_path / "page"
  here.mkdir()
  page.draw(out, here)
  text = (here / "README.md").read_text()
  assert "has still to be run" not in text and "| `code` | C6 | 2 | 4 |" in text
  assert "| the report | | 1 | | 9 | - | 9 |" in text and f"| real images, {HALF} |" in text
  assert "![Samples, or reconstructions of autoencoders: blobs_single](blobs_single.webp)" in text
  assert not (here / plan.KNOWN.name).exists()  # times of a CPU are nobody else's


def test_checks_are_decided_by_seeds():
  def place(values, floor=0.5):
    return {
      "shared": {"floors": {"radius": floor}},
      "seeds": {str(i): {"scores": {"frechet": x, "radius": x}} for i, x in enumerate(values)},
    }

  places = {"C3_bird": place([1.0, 1.1]), "C2_bird": place([5.0, 5.1]), "C1_bird": place([3.0])}
  found = {(line[0], line[1]): line[-1] for line in checks.rows(places)}
  assert found["C3", "frechet: C3_bird below C2_bird"] == "as the report has it"
  assert found["C3", "frechet: C3_bird below C1_bird"] == "not tested: it needs two seeds that differ"
  against = checks.rows({"C3_bird": place([5.0, 5.1]), "C2_bird": place([1.0, 1.1])})
  assert [line[-1] for line in against] == ["against the report"]
  undecided = checks.rows({"C3_bird": place([1.0, 9.0]), "C2_bird": place([2.0, 8.0])})
  assert [line[-1] for line in undecided] == ["not decided"]
  blobs = {
    line[1]: line[-1] for line in checks.rows({"B10_gan": place([1.0, 1.01]), "B9_gan": place([0.1, 0.11])})
  }
  assert blobs == {
    "radius: real images below B10_gan": "as the report has it",
    "radius: real images below B9_gan": "against the report",
  }


def test_the_committed_page_is_what_the_scores_give(tmp_path):
  scores = page.HERE / "scores.json"
  found = json.loads(scores.read_text()) if scores.is_file() else {"full": {}, "scaled": {}}
  assert (page.HERE / "README.md").read_text() == page.page(found, page.HERE)
  scaled = {"0.01": {"device": "1 x cpu", "version": "0", "rows": {"vae_1.0": 1}}}
  text = page.page({"full": {}, "scaled": scaled}, pathlib.Path(tmp_path))
  assert "full size has still to be run" in text
  assert "The script is proven at 0.01 of the size (1 x cpu): `vae_1.0` (one seed)" in text
