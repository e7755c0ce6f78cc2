"""What happens to bad input: one line that helps, status 2, and nothing changed on disk."""

import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import forked
import pytest
import tiny
from test_train import config

from gengap.command_line import cli
from gengap.training import loop

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = [path for path in (ROOT / "gengap").rglob("*.py") if "cli.run(" in path.read_text()]
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in COMMANDS]
SMALL = ["--config.image_size=8", "--config.batch_size=8", "--config.dataset_args.num_train=64"]
SMALL += ["--config.validation_share=0.5"]


def call(*args, module="main", **env):
  """Runs a command from the repository's root; returns its status and what it said."""
  environment = os.environ | {"PYTHONPATH": str(ROOT), "TFDS_DATA_DIR": "/nonexistent"} | env
  done = subprocess.run(
    [sys.executable, "-m", f"gengap.{module}", *args],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    timeout=300,
  )
  return done.returncode, done.stdout, done.stderr


def answer(said):
  """Returns the lines of what a command said without the two with which training begins."""
  first, *rest = lines = said.splitlines()
  return rest[1:] if first.startswith("gengap 0") and rest[0].startswith("loading JAX") else lines


GAN, VAE = "--config=configs/wgan_gp.py", "--config=configs/vae.py"
EIGHT = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}

BAD = [
  # what is given, what the line must say
  ([VAE, "--config.stps=3"], ["config.stps", "did you mean 'steps'"]),
  ([GAN, "--config.method_args.widht=3"], ["config.method_args.widht", "did you mean 'width'"]),
  ([GAN, "--config.method=wgan_pg"], ["config.method", "'wgan_gp'"]),
  ([VAE, "--config.method=wgan_gp"], ["method_args.beta", "not an argument of 'wgan_gp'"]),
  ([GAN, "--config.method_args.network=resnett"], ["method_args.network", "did you mean 'resnet'"]),
  ([GAN, "--config.method_args.penalty=two_side"], ["method_args.penalty", "'two_sided'"]),
  ([GAN, "--config.method_args.n_critic=0"], ["method_args.n_critic", "above 0"]),
  ([GAN, "--config.method_args.width=-4"], ["method_args.width is -4"]),
  ([GAN, "--config.method_args.critic_learning_rate=-1e-4"], ["method_args.critic_learning_rate is -0.0001"]),
  ([GAN, "--config.method_args.attention=True", "--config.method_args.network=dense"], ["'dense' does not"]),
  ([GAN, "--config.method_args.network=dcgan", "--config.image_size=30"], ["image_size", "30x30"]),
  (["--config=configs/gan.py", "--config.method_args.real_label=2"], ["method_args.real_label is 2.0"]),
  (["--config=configs/gan.py", "--config.method_args.loss=wgan"], ["method_args.loss", "minimax"]),
  (["--config=configs/cgan.py:blobs_multi"], ["method_args.condition", "no classes"]),
  ([VAE, "--config.method_args.beta=-1.0"], ["method_args.beta is -1.0", "at least 0"]),
  ([VAE, "--config.method_args.latent_dim=0"], ["method_args.latent_dim is 0"]),
  ([VAE, "--config.method_args.skips=(8, 8, 8, 8)"], ["skips names 4 stages", "has 3"]),
  ([VAE, "--config.method_args.skips=(8, -1)"], ["skips has -1"]),
  ([VAE, "--config.method_args.network=small_map"], ["no Dense layer", "latent_dim=4096, not 2048"]),
  ([VAE, "--config.patience=-1"], ["config.patience is -1"]),
  ([VAE, "--config.steps=0"], ["config.steps is 0", "at least 1"]),
  ([VAE, "--config.batch_size=-8"], ["config.batch_size is -8"]),
  ([VAE, "--config.image_size=0"], ["config.image_size is 0"]),
  ([GAN, "--config.method_args.network=resnet", "--config.image_size=30"], ["image_size", "30x30", "28, 32"]),
  ([VAE, "--config.steps=ten:11"], ["--config.steps=ten:11: it takes a whole number"]),
  ([VAE, "--config.method_args.beta=linear"], ["beta=linear: it takes a number", "config file"]),
  ([VAE, "--config.method_args.attention=maybe"], ["attention=maybe: it takes true or false"]),
  ([VAE, "--config.method_args.likelihood.scale=2"], ["likelihood.scale is not a field"]),
  (["--config.steps=3", VAE], ["--config=FILE must stand before"]),
  ([VAE, "--steps=3"], ["--steps is not a flag", "did you mean '--config.steps'"]),
  ([VAE, "--latent_dim=3"], ["did you mean '--config.method_args.latent_dim'"]),
  ([VAE, "--workdri=a"], ["--workdri is not a flag", "did you mean '--workdir'"]),
  ([VAE, "--config.ema=1.5"], ["config.ema is 1.5", "[0, 1)"]),
  ([VAE, "--config.dtype=float16"], ["config.dtype", "bfloat16"]),
  ([VAE, "--config.steps_per_dispatch=7"], ["multiple of config.steps_per_dispatch"]),
  ([VAE, "--config.method_args.b1=1.5"], ["config.method_args.b1 is 1.5", "[0, 1)"]),
  ([VAE, "--config.method_args.clip_norm=-1"], ["config.method_args.clip_norm is -1"]),
  ([VAE, "--config.method_args.learning_rate=nan"], ["config.method_args.learning_rate is nan"]),
  (
    [VAE, *SMALL, "--config.eval_images=8", "--config.best=valid/vae/los"],
    ["config.best", "'valid/vae/loss'"],
  ),
  ([VAE, "--config.dataset_args.sigma=-1"], ["dataset_args.sigma"]),
  ([f"{VAE}:blobs_singel"], ["blobs_singel", "did you mean 'blobs_single'"]),
  ([f"{VAE}:mnist"], ["mnist", "gengap.prepare mnist", "--raw_dir"]),
  ([f"{VAE}:mnist", "--config.data_dir=/nowhere"], ["/nowhere", "gengap.prepare mnist"]),
  (["--config=configs/vea.py"], ["configs/vea.py", "did you mean 'configs/vae.py'"]),
  ([VAE, "--wrkdir=x"], ["wrkdir", "workdir"]),
  (["--confg=vae"], ["--confg is not a flag", "did you mean '--config'"]),
  (["--config="], ["--config=: it is empty"]),
  ([VAE, "stray"], ["stray"]),
]


@pytest.mark.parametrize(("args", "words"), BAD, ids=lambda x: " ".join(x)[:60])
def test_bad_input_is_one_line_and_status_2(args, words, tmp_path, monkeypatch):
  workdir, said = tmp_path / "run", tmp_path / "said"
  monkeypatch.chdir(ROOT)
  status, said = forked.call("gengap.main", [*args, f"--workdir={workdir}"], said)
  assert status == 2, said
  assert len(answer(said)) == 1, said
  for word in words:
    assert word in said
  assert not workdir.exists()


def test_flags_that_are_missing():
  for args, word in (([VAE], "--workdir is missing"), (["--workdir=x"], "--config is missing")):
    status, _, said = call(*args)
    assert (status, len(said.splitlines())) == (2, 1)
    assert word in said


def test_a_batch_that_the_devices_cannot_share(tmp_path):
  status, _, said = call(VAE, "--config.batch_size=12", f"--workdir={tmp_path / 'run'}", **EIGHT)
  assert status == 2
  assert "12" in said
  assert "such as 16" in said  # rounds half to even: 1.5 -> 2 x 8
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("place", ["/proc/run", "{file}/run", "gs://bucket/run"])
def test_a_workdir_that_cannot_be_is_said_first(place, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  (tmp_path / "file").write_text("mine")
  workdir, said = place.format(file=tmp_path / "file"), tmp_path / "said"
  status, said = forked.call("gengap.main", [VAE, "--workdir", workdir], said)
  assert status == 2, said
  (line,) = answer(said)
  assert line.startswith(f"error: --workdir={workdir}")
  assert (tmp_path / "file").read_text() == "mine"


def test_a_platform_that_is_not_there_is_one_line(tmp_path):
  status, _, said = call(VAE, f"--workdir={tmp_path / 'run'}", JAX_PLATFORMS="nonsense")
  assert (status, len(lines := answer(said))) == (2, 1), said
  assert lines[0].startswith("error: JAX_PLATFORMS=nonsense: JAX finds no such device here")
  assert not (tmp_path / "run").exists()


def test_the_workdir_of_another_config(tmp_path):
  loop.train(config("vae", steps=4), tmp_path)
  before = sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
  status, _, said = call(VAE, f"--workdir={tmp_path}")
  assert status == 2
  assert len(answer(said)) == 1
  assert "config.batch_size (8 there, " in said
  assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


def test_a_damaged_config_json(tmp_path):
  (tmp_path / "config.json").write_text('{"method": ')
  status, _, said = call(VAE, f"--workdir={tmp_path}")
  assert (status, len(answer(said))) == (2, 1)
  assert "config.json" in said


def test_a_truncated_checkpoint_is_one_line(tmp_path):
  net = ["--config.method_args.network=dense", "--config.method_args.width=4", "--config.eval_images=8"]
  often = [f"--config.{name}=4" for name in ("checkpoint_every", "eval_every", "sample_every", "log_every")]
  args = [VAE, *SMALL, *net, *often, "--config.steps=8", f"--workdir={tmp_path}"]
  assert call(*args)[0] == 0
  for file in (tmp_path / "checkpoints" / "8").rglob("*"):
    if file.is_file() and "/d/" in str(file):
      os.truncate(file, file.stat().st_size // 2)
  status, _, said = call(*args)
  assert status == 0
  assert "Traceback" not in said
  lines = said.splitlines()
  damaged = next(i for i, line in enumerate(lines) if "8 cannot be read" in line)
  assert lines[damaged + 1] == "resuming at step 4"


def test_a_non_finite_loss_is_status_3(tmp_path):
  hot = ["--config.method_args.learning_rate=1e4", "--config.method_args.clip_norm=0", "--config.steps=400"]
  net = ["--config.method_args.network=dense", "--config.method_args.width=4"]
  status, _, said = call(VAE, *SMALL, *hot, *net, "--config.eval_images=8", f"--workdir={tmp_path / 'run'}")
  assert status == 3, said
  assert "turn 'vae'" in said.splitlines()[-1]
  assert "Traceback" not in said


def test_debug_shows_the_traceback(tmp_path):
  status, _, said = call(VAE, "--config.steps=0", f"--workdir={tmp_path}", "--debug")
  assert status != 0
  assert "Traceback" in said


@pytest.mark.parametrize("module", ["main", "bench", "prepare"])
def test_help(module):
  status, said, _ = call("--help", module=module)
  assert status == 0
  assert f"python -m gengap.{module}" in said
  assert "--[no]debug" in said


def test_bench_ends_with_one_json_line():
  net = ["--config.method_args.network=dense", "--config.method_args.width=4"]
  status, said, error = call(VAE, *SMALL, *net, "--config.seeds=2", "--steps=2", module="bench")
  assert status == 0, error
  found = json.loads(said.splitlines()[-1])
  names = "step_seconds images_per_second input_share flops_per_step peak_share first_step_seconds device"
  assert set(found) == {*names.split(), "seeds"}
  assert 0 < found["step_seconds"] < found["first_step_seconds"]
  assert abs(found["images_per_second"] * found["step_seconds"] - 2 * 8) < 1e-6  # batches of two runs
  assert 0 < found["peak_share"] < 2
  assert 0 < found["input_share"] < 0.5


@pytest.fixture
def small_disk(tmp_path):
  """A file system of 16 MB."""
  if shutil.which("mount") is None:
    pytest.skip("there is no mount command")
  folder = tmp_path / "disk"
  folder.mkdir()
  done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True)
  if done.returncode:
    pytest.skip("mounting a file system is not allowed here")
  yield folder
  subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_keeps_the_last_good_checkpoint(small_disk):
  often = [f"--config.{name}=4" for name in ("checkpoint_every", "eval_every", "sample_every", "log_every")]
  size = [
    "--config.method_args.network=dense",
    "--config.method_args.width=48",
    "--config.keep_checkpoints=50",
  ]
  args = [VAE, *SMALL, *often, *size, "--config.steps=400", "--config.eval_images=8"]
  status, _, said = call(*args, f"--workdir={small_disk / 'run'}")
  assert status == 2, said[-2000:]
  assert "Traceback" not in said
  assert "No space left" in said.splitlines()[-1] or "cannot be written" in said.splitlines()[-1]
  import gengap

  assert gengap.load(small_disk / "run").step >= 4


def test_the_tiny_methods_are_all_methods():
  from gengap.methods import METHODS

  assert set(tiny.ARGS) == set(METHODS)


def test_commands_can_be_imported_together_and_called_again_from_their_defaults():
  modules = [importlib.import_module(name) for name in MODULES]
  assert len(modules) == 7
  own = importlib.import_module("gengap.evaluate").FLAGS
  assert cli.parse(own, ["evaluate", "--num_samples=7", "left"]) == ["left"] and own.num_samples == 7
  cli.parse(own, ["evaluate", "--seed=1"])
  assert (own.num_samples, own.seed) == (10_000, 1)
