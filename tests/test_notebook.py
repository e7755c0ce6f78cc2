"""What a notebook shows: a progress bar and samples of training, runs as grids, evaluations as tables."""

import base64
import io
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_train import config

import gengap
from gengap.evaluation import Evaluation, Score
from gengap.logs import notebook
from gengap.logs.log import Log
from gengap.training import loop


class FakeDisplay:
  """IPython.display: `shown` is a list for every place in the page, of what it has shown."""

  def __init__(self) -> None:
    self.shown = []

  def display(self, data, raw, display_id):
    assert raw and display_id
    self.shown.append(place := [data])
    return types.SimpleNamespace(update=lambda data, raw: place.append(data))


@pytest.fixture
def kernel(monkeypatch):
  """The kernel of a notebook; `shell.config` is its configuration."""
  shell = types.SimpleNamespace(config={"IPKernelApp": {}})
  ipython: Any = types.ModuleType("IPython")
  ipython.get_ipython = lambda: shell
  monkeypatch.setitem(sys.modules, "IPython", ipython)
  monkeypatch.setitem(sys.modules, "IPython.display", display := FakeDisplay())
  return types.SimpleNamespace(shell=shell, shown=display.shown)


def decoded(shown):
  return Image.open(io.BytesIO(base64.b64decode(shown["image/png"])))


def test_a_terminal_is_no_notebook(kernel, monkeypatch):
  assert notebook.is_running()
  kernel.shell.config = {"TerminalIPythonApp": {}}
  assert not notebook.is_running()
  monkeypatch.delitem(sys.modules, "IPython")
  assert not notebook.is_running()


def test_ipython_is_not_imported_without_a_notebook():
  code = (
    "import sys, gengap.training.loop as loop; loop.notebook.progress_bar(); print('IPython' in sys.modules)"
  )
  ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
  assert ran.stdout.strip() == "False"


@pytest.mark.parametrize("seeds", [1, 2])
def test_training_shows_a_progress_bar_and_the_last_samples_in_one_place(kernel, tmp_path, capsys, seeds):
  loop.train(config("vae", seeds=seeds), tmp_path)
  ((empty, first, *_, last),) = kernel.shown  # of two runs the first alone
  assert "image/png" not in empty and first["text/plain"] != last["text/plain"] == "samples at step 12"
  run = tmp_path if seeds == 1 else tmp_path / "0"
  np.testing.assert_array_equal(decoded(last), Image.open(run / "samples" / "12.png"))
  said = capsys.readouterr()
  assert "12/12" in said.out and "vae/loss" in said.out and not said.err
  assert "step 12/12" not in said.out and "done at step 12" in said.out


def test_tables_of_parameters_are_not_printed_in_a_notebook(kernel, tmp_path, capsys):
  loop.train(config("vae"), tmp_path / "notebook")
  assert (
    "parameters\n" in (said := capsys.readouterr().out)
    and ".0 parameters" not in said
    and "kernel" not in said
  )
  kernel.shell.config = {}
  loop.train(config("vae"), tmp_path / "terminal")
  said = capsys.readouterr()
  assert "kernel" in said.err and not said.out and len(kernel.shown) == 1


def test_a_log_outside_of_a_notebook_has_no_bar(tmp_path):
  log = Log(tmp_path, 0, 4)
  assert log.bar.disable
  log.close()


@pytest.mark.parametrize("name", ["vae", "classifier"])
def test_a_run_is_shown_as_a_grid_of_samples_if_it_makes_images(tmp_path, name):
  loop.train(config(name, best=f"valid/{name}/loss", steps=2, checkpoint_every=2), tmp_path)
  run = gengap.load(tmp_path)
  if name == "classifier":
    assert run._repr_png_() is None
  else:
    grid = np.asarray(Image.open(io.BytesIO(run._repr_png_() or b"")))
    expected = notebook.grid_png(np.asarray(run.sample(0, 64)))
    assert grid.shape == (8 * 10 * 7 + 14, 8 * 10 * 7 + 14, 3) and run._repr_png_() == expected


def test_an_evaluation_is_shown_as_a_table():
  scores = {
    "frechet": Score(2.5, (2.5,), spread=0.125, floor=1.5, floor_of="train"),
    "kid": Score(None, reason="fewer than <1000> samples"),
  }
  found = Evaluation(1, protocol={"samples": 9}, scores=scores, diagnostics={"odd": {"share": 0.5}})
  html = found._repr_html_()
  cells = ["frechet", "2.5", "0.12", "1.5", "lower", "train"]
  assert all(f">{cell}</td>" in html for cell in cells) and "if both were Gaussian" in html
  assert html.count("<tr>") == 2 and "kid: fewer than &lt;1000&gt; samples" in html
  assert "9 samples" in html and "share" in html and "<1000>" not in html
