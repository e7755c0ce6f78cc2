"""Loggers: chosen by name, imported only then, and continued by a run that resumes."""

import json
import math
import pathlib
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from test_train import config

from gengap import main
from gengap.errors import InputError
from gengap.logs import loggers
from gengap.logs.log import Log
from gengap.training import loop

ROOT = pathlib.Path(__file__).parents[1]
IMAGES = np.zeros((4, 8, 8, 1), np.float32)


class FakeRun:
  """A run at wandb or at trackio."""

  def __init__(self, **given: Any):
    self.given, self.logged, self.finished = given, [], False

  def log(self, metrics, step):
    self.logged.append((step, metrics))

  def finish(self):
    self.finished = True


@pytest.fixture(params=["wandb", "trackio"])
def fake(request, monkeypatch):
  """A module of that name with wandb's interface: `runs` are those that it started."""
  module: Any = types.ModuleType(request.param)
  module.__spec__ = types.SimpleNamespace(name=request.param)
  module.runs = []
  module.Image = lambda grid: ("image", grid.shape)

  def init(**given):
    module.runs.append(FakeRun(**given))
    return module.runs[-1]

  module.init = init
  monkeypatch.setitem(sys.modules, request.param, module)
  return module


def start(workdir, module, step=0, **more):
  return loggers.start_loggers([module.__name__], workdir, {"seed": 3}, step, **more)


def test_a_logger_gets_the_numbers_that_are_finite_and_the_samples(fake, tmp_path):
  log = Log(tmp_path, 0, 4, sinks=start(tmp_path, fake))
  log.numbers(2, {"vae/loss": 1.5, "vae/odd": math.nan})
  log.picture(2, IMAGES)
  log.picture("real", IMAGES)
  log.close()
  (run,) = fake.runs
  assert run.given["config"] == {"seed": 3}
  (numbers, picture) = run.logged
  assert numbers == (2, {"vae/loss": 1.5})
  step, grid = picture
  assert (step, grid["samples"][0], grid["samples"][1][2]) == (2, "image", 3)
  assert run.finished
  assert not list(tmp_path.glob("events.*"))


def test_a_resumed_run_goes_on_there_and_another_workdir_is_another_run(fake, tmp_path):
  for name in ("a", "a", "b"):
    (tmp_path / name).mkdir(exist_ok=True)
    start(tmp_path / name, fake)
  names = [run.given.get("id") or run.given["name"] for run in fake.runs]
  assert names[0] == names[1] != names[2]
  assert all(run.given["resume"] == "allow" for run in fake.runs)
  (tmp_path / "a" / loggers.IDS).unlink()  # a run that is deleted is no longer continued
  start(tmp_path / "a", fake)
  last = fake.runs[-1].given
  assert (last.get("id") or last["name"]) != names[0]


def test_runs_of_several_seeds_do_not_end_each_other_at_wandb(fake, tmp_path):
  start(tmp_path, fake, several=True)
  assert (fake.runs[0].given.get("reinit") == "create_new") == (fake.__name__ == "wandb")
  if fake.__name__ == "trackio":
    with pytest.raises(InputError, match=r"trackio: it logs one run at a time, and config.seeds is 2"):
      loggers.check_loggers(["trackio"], runs=2)


def test_a_logger_that_does_not_start_is_an_error_in_a_line(fake, tmp_path):
  def init(**given):
    raise RuntimeError("api_key not configured\n(no-tty)")

  fake.init = init
  with pytest.raises(InputError, match=r"does not start \(api_key not configured \(no-tty\)\); ") as error:
    start(tmp_path, fake)
  assert ("wandb login" in str(error.value)) == (fake.__name__ == "wandb")


def test_a_damaged_list_of_ids_is_named(fake, tmp_path):
  (tmp_path / loggers.IDS).write_text("[1")
  with pytest.raises(InputError, match=r"loggers.json cannot be read"):
    start(tmp_path, fake)


def test_a_logger_that_is_unknown_or_not_installed_is_refused_before_anything_is_made(tmp_path, monkeypatch):
  with pytest.raises(InputError, match=r"--logger=wanbd: it must be one of .*; did you mean 'wandb'\?"):
    loop.train(config("vae"), tmp_path / "run", loggers=["wanbd"])
  monkeypatch.setattr(loggers, "installed", lambda _: False)
  with pytest.raises(InputError, match=r"trackio is not installed; install it: pip install trackio"):
    loop.train(config("vae"), tmp_path / "run", loggers=["tensorboard", "trackio"])
  assert not list(tmp_path.iterdir())


def test_loggers_are_imported_only_if_they_are_named():
  code = "import sys, gengap.main; print(sorted({'wandb', 'trackio', 'tensorboardX'} & set(sys.modules)))"
  ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
  assert ran.stdout.strip() == "[]"


def test_the_flag_names_the_loggers(monkeypatch, tmp_path):
  called = []

  def train(config, workdir, names):
    called.append(names)
    return types.SimpleNamespace(step=-1)

  monkeypatch.setattr(loop, "train", train)
  for flag in ([], ["--logger=tensorboard,wandb"]):
    main.FLAGS(["main", f"--config={ROOT}/configs/vae.py", f"--workdir={tmp_path}", *flag])
    main.main([])
    main.FLAGS["logger"].unparse()
  assert called == [["tensorboard"], ["tensorboard", "wandb"]]


def test_ids_are_json(tmp_path):
  first = loggers.own_id(tmp_path, "wandb")
  loggers.own_id(tmp_path, "trackio")
  assert json.loads((tmp_path / loggers.IDS).read_text())["wandb"] == first
