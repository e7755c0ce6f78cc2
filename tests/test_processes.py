"""Several processes: what they share, agree on and refuse; and that they train what one does."""

import io
import json
import os
import pathlib
import signal
import sys
import time

import forked
import jax
import numpy as np
import pytest
import tiny
from absl import flags
from jax.experimental import multihost_utils
from test_train import config, lines

import gengap
from gengap.command_line import cli
from gengap.distributed import processes
from gengap.errors import InputError, NonFiniteError
from gengap.training import loop, workdirs
from launch import children, local

SMALL = {
  "method_args.network": "dcgan",  # with batch normalisation: its moments are those of the global batch
  "method_args.width": 4,
  "method_args.latent_dim": 4,
  "image_size": 8,
  "batch_size": 16,
  "dataset_args.num_train": 64,
  "validation_share": 0.5,
  "eval_images": 16,
  "ema": 0.9,
  "log_every": 5,
  **dict.fromkeys(("sample_every", "eval_every", "checkpoint_every"), 20),
}


def command(name, workdir, **fields):
  fields = SMALL | {"steps": 20} | fields
  args = [f"--config.{key}={value}" for key, value in fields.items()]
  return ["gengap.main", f"--config=configs/{name}.py", f"--workdir={workdir}", *args]


def launch(number, devices, *call):
  assert local.main([f"--processes={number}", f"--devices={devices}", *call]) == 0


def read(name):
  return lambda workdir: json.loads((workdir / name).read_text())


def same(a, b):
  """Whether two runs ended alike: in step, weights to 1e-4, and lines of the log."""
  one, other = gengap.load(a), gengap.load(b)
  worst = max(tiny.differences(one.nets, other.nets).values())
  return (
    one.step == other.step and worst < 1e-4 and [x["step"] for x in lines(a)] == [x["step"] for x in lines(b)]
  )


def catches(process):
  """Whether a process has said what SIGTERM is to do; before that it has nothing to save."""
  try:
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
  except FileNotFoundError:
    return False
  caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
  return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def interrupted(number, devices, call, workdir):
  """Starts processes and asks the last to stop once the log has lines; returns the step they stopped at."""
  started = local.start(call, number, devices)
  try:
    while not (workdir / "metrics.jsonl").exists() or len(lines(workdir)) < 2:
      assert all(process.poll() is None for process in started)
      time.sleep(0.05)
    started[-1].send_signal(signal.SIGTERM)
    assert local.wait(started) == 0
  finally:
    children.stop(started)
  return gengap.load(workdir).step


def test_two_processes_stop_together_and_one_goes_on_where_they_stopped(tmp_path):
  one, two = tmp_path / "one", tmp_path / "two"
  dense = {"method_args.network": "dense", "steps": 200, "ema": 0.0}
  stopped = interrupted(2, 1, command("conv_vae", two, **dense), two)
  assert 10 <= stopped < 200
  for workdir in (one, two):
    assert forked.call("gengap.main", command("conv_vae", workdir, **dense)[1:], tmp_path / "said")[0] == 0
  assert same(one, two)


@pytest.mark.parametrize(
  ("error", "status"), [(InputError("x"), 2), (NonFiniteError("x"), 3), (OSError(), 1)]
)
def test_one_of_several_that_fails_ends_at_once_even_if_nobody_reads_why(monkeypatch, error, status):
  """The interpreter's own exit would wait for the others, which wait for this one."""

  def fail(_):
    raise error

  def leave(status):
    raise SystemExit(status)

  read, write = os.pipe()
  os.close(read)
  monkeypatch.setattr(processes, "count", lambda: 2)
  monkeypatch.setattr(os, "_exit", leave)
  monkeypatch.setattr(sys, "argv", ["a command"])
  with (
    os.fdopen(write, "wb", 0) as pipe,
    monkeypatch.context() as patched,
    pytest.raises(SystemExit) as ended,
  ):
    patched.setattr(sys, "stderr", io.TextIOWrapper(pipe, write_through=True))
    cli.run(fail, flags.FlagValues())
  assert ended.value.code == status


@pytest.mark.faults
def test_processes_of_which_one_is_asked_to_stop_end_where_one_process_does(tmp_path):
  one, two = tmp_path / "one", tmp_path / "two"
  launch(1, 4, *command("wgan_gp", one, steps=60))
  assert 10 <= interrupted(2, 2, command("wgan_gp", two, steps=60), two) < 60
  launch(2, 2, *command("wgan_gp", two, steps=60))
  assert same(one, two)


@pytest.mark.faults
def test_two_processes_asked_to_stop_at_ten_moments_end_where_they_would_have(tmp_path):
  rng, stopped, whole = np.random.default_rng(0), tmp_path / "stopped", tmp_path / "whole"
  call = {"method_args.network": "dense", "steps": 2000, "ema": 0.0}
  for _ in range(10):
    started = local.start(command("conv_vae", stopped, **call), 2, 1)
    try:
      time.sleep(rng.uniform(0, 30))
      asked = started[rng.integers(2)]
      minded = catches(asked)
      asked.send_signal(signal.SIGTERM)
      assert local.wait(started) == 0 or not minded
    finally:
      children.stop(started)
  for workdir in (stopped, whole):
    launch(2, 1, *command("conv_vae", workdir, **call))
  tiny.assert_identical(gengap.load(stopped).nets, gengap.load(whole).nets)
  assert [x["step"] for x in lines(stopped)] == [x["step"] for x in lines(whole)]


@pytest.mark.faults
@pytest.mark.parametrize("name", ["wgan_gp", "conv_vae"])
def test_processes_and_devices_make_the_same_run_and_the_same_scores(tmp_path, name):
  for number, devices in ((1, 4), (2, 2), (4, 1)):
    workdir = tmp_path / str(number)
    launch(number, devices, *command(name, workdir))
    asked = ["--num_samples=300", "--features=pixels", "--metrics=frechet,prdc,sharpness", "--sample_seeds=0"]
    launch(number, devices, "gengap.evaluate", f"--workdir={workdir}", *asked)
    probed = ["--num_samples=60", "--features=pixels", "--encoder_steps=5", "--probes=latents"]
    launch(number, devices, "gengap.probe", f"--workdir={workdir}", *probed)
  first = tmp_path / "1"
  for number in (2, 4):
    other = tmp_path / str(number)
    assert same(first, other)
    for folder, key in (("eval/20.json", "samples"), ("probes/20/latents.json", "numbers")):
      a, b = (found[key].get("scores", found[key]) for found in map(read(folder), (first, other)))
      assert a.keys() == b.keys()
      for what in a:
        assert a[what]["value"] == pytest.approx(b[what]["value"], rel=1e-4, abs=1e-6)


@pytest.mark.faults
@pytest.mark.parametrize(("before", "after"), [((1, 4), (2, 1)), ((2, 2), (1, 1))])
def test_a_run_goes_on_with_other_processes_and_devices(tmp_path, before, after):
  one, two = tmp_path / "one", tmp_path / "two"
  launch(*before, *command("wgan_gp", one, steps=40))
  launch(*before, *command("wgan_gp", two, steps=20))
  text = (two / "config.json").read_text()
  (two / "config.json").write_text(text.replace('"steps": 20,', '"steps": 40,'))
  launch(*after, *command("wgan_gp", two, steps=40))
  assert same(one, two)


@pytest.mark.parametrize(
  ("given", "message"),
  [
    (("localhost:1", None, 0), "--num_processes is missing"),
    (("localhost", 2, 0), "HOST:PORT"),
    (("localhost:0", 2, 0), "HOST:PORT"),
    (("localhost:99999", 2, 0), "HOST:PORT"),
    (("localhost:x", 2, 0), "HOST:PORT"),
    (("localhost:80", 2, 2), "from 0 to 1"),
    (("localhost:80", 2, -1), "from 0 to 1"),
    (("localhost:80", 0, 0), "--num_processes is 0"),
  ],
)
def test_processes_that_cannot_find_each_other_are_told_why(given, message):
  with pytest.raises(InputError, match=message):
    processes.connect(*given)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--processes=0", "gengap.main"], "--processes is 0; it must be at least 1"),
    (["--processes=2", "--devices=-1", "gengap.main"], "--devices is -1"),
    (["--processes=2"], "name a module"),
    (["--processes=2", "gengap.mian"], "gengap.mian is not a module"),
    (["--processes=two", "gengap.main"], "invalid int"),
    (["gengap.main"], "--processes"),
  ],
)
def test_a_wrong_command_line_of_the_launcher_is_told_in_a_line(arguments, message, capsys):
  with pytest.raises(SystemExit) as error:
    local.main(arguments)
  assert error.value.code == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert message in line


def test_without_a_cluster_there_is_one_process():
  assert (processes.count(), processes.index(), processes.is_first()) == (1, 0, True)


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize("total", [1, 2, 4, 7])
def test_every_piece_is_done_once_and_comes_back_in_its_place(monkeypatch, number, total):
  pieces = list(range(10, 10 + total))
  monkeypatch.setattr(processes, "count", lambda: number)
  shares = []
  for index in range(number):
    monkeypatch.setattr(processes, "index", lambda index=index: index)
    shares.append([{"x": np.full(2, piece)} for piece in processes.own_share(pieces)])
  gathered = jax.tree.map(lambda *x: np.stack(x), *[jax.tree.map(lambda *x: np.stack(x), *s) for s in shares])
  monkeypatch.setattr(multihost_utils, "process_allgather", lambda mine: gathered)
  found = processes.gather(shares[0], total)
  assert [x["x"].tolist() for x in found] == [[piece, piece] for piece in pieces]
  assert len({len(share) for share in shares}) == 1


def test_two_runs_cannot_train_in_one_workdir(tmp_path):
  c = config("vae", steps=4)
  with workdirs.claimed(tmp_path, c), pytest.raises(InputError, match="another process is training"):
    loop.train(c, tmp_path)
  assert loop.train(c, tmp_path).step == 4
  with (
    pytest.raises(InputError, match="another config"),
    workdirs.claimed(tmp_path, config("vae", steps=2)),
  ):
    pass  # as if it had compiled until now
