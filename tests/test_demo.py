"""The demo: its commands are ones that there are; it resumes; it says what failed."""

import pathlib
import subprocess
import sys
import types
from typing import Any

import pytest
from ml_collections import config_flags

from gengap import demo
from gengap.command_line import cli
from gengap.errors import InputError


@pytest.fixture
def ran(monkeypatch, tmp_path):
  """The commands that a demo in tmp_path runs, which here only leave their results behind."""
  found = []

  def run(command, **_):
    found.append(command[2:])
    (step,) = (step for step in demo.steps(tmp_path) if [*step.arguments] == command[2:])
    step.result.mkdir(parents=True, exist_ok=True)
    return types.SimpleNamespace(returncode=int("FAIL" in found))

  monkeypatch.setattr(subprocess, "run", run)
  cli.parse(demo.FLAGS, ["demo", f"--out={tmp_path}"])
  return found


def test_its_training_commands_are_ones_that_there_are(tmp_path, monkeypatch):
  for step in demo.steps(tmp_path):
    if step.arguments[0] == "gengap.main":
      monkeypatch.setattr(sys, "argv", [*step.arguments])  # where ml_collections looks for fields
      own = cli.flags()  # a config can be parsed once
      config_flags.DEFINE_config_file("config", None, "", flag_values=own)
      workdir = cli.define_path("workdir", "", own)
      cli.parse(own, step.arguments)
      config: Any = own["config"].value
      assert step.result == pathlib.Path(workdir.value) / "checkpoints" / str(config.steps)
      assert (config.dataset, config.image_size) == ("digits", 8)


def test_it_runs_what_has_not_been_run_and_always_writes_the_page(ran, tmp_path, capsys):
  (tmp_path / "vae/checkpoints" / str(demo.STEPS)).mkdir(parents=True)
  demo.main([])
  assert [command[0].rpartition(".")[2] for command in ran] == [
    "main",
    "main",
    "evaluate",
    "evaluate",
    "report",
  ]
  assert "train a VAE: done before" in capsys.readouterr().err
  ran.clear()
  demo.main([])
  assert [command[0] for command in ran] == ["gengap.report"]


def test_a_command_that_fails_ends_it(ran):
  ran.append("FAIL")
  with pytest.raises(InputError, match="ended with status 1"):
    demo.main([])
  assert len(ran) == 2
