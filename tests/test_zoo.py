"""The model zoo: packed runs are what they were, under their name, wherever a run is given."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

import gengap
from gengap import config as settings
from gengap import methods, zoo
from gengap.errors import InputError
from gengap.method import Batch
from gengap.run import folder, steps
from results.zoo import cards

ROOT = pathlib.Path(__file__).parents[1] / "results" / "zoo"
SHIPPED = sorted(path.parent.name for path in ROOT.glob(f"*/{zoo.FILE}"))


@pytest.fixture(scope="module")
def packed():
  """An untrained VAE of blobs."""
  config = settings.base("vae", "blobs_single", **tiny.ARGS["vae"])
  config.update(image_size=8, ema=0.5, best="valid/vae/loss")
  method = methods.build(config, tiny.SPEC)
  nets = jax.jit(method.init)(jax.random.key(0), Batch(jnp.zeros((1, 8, 8, 1)), jnp.zeros(1, jnp.int32)))
  weights = jax.tree.map(np.asarray, nets)
  spec = json.loads(json.dumps(tiny.SPEC._asdict()))
  scores = {"valid/vae/loss": 1.5}
  return zoo.Packed(settings.plain(config), spec, 40, scores, weights, {"run.json": "{}"})


@pytest.fixture
def shelf(packed, tmp_path, monkeypatch):
  """A zoo with one run, "tiny"; returns the folder of the run."""
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
  monkeypatch.setattr(zoo, "FOLDERS", (tmp_path / "none", tmp_path / "zoo"))
  path = tmp_path / "zoo" / "tiny" / zoo.FILE
  path.parent.mkdir(parents=True)
  path.write_bytes(zoo.pack(packed))
  return path.parent


def test_a_run_of_the_zoo_is_loaded_by_its_name(packed, shelf, capsys):
  run = gengap.load("zoo:tiny")
  assert (run.step, run.config.method, tuple(run.spec.shape)) == (40, "vae", (8, 8, 1))
  rounded = jax.tree.map(lambda x: x.astype(np.float16).astype(np.float32), packed.weights)
  jax.tree.map(np.testing.assert_array_equal, dict(run.nets), rounded)
  where = folder("zoo:tiny")
  assert f"zoo:tiny is unpacked: {where}" in capsys.readouterr().err
  assert steps("zoo:tiny", "best") == steps(where) == [40] and (where / "run.json").read_text() == "{}"
  assert not capsys.readouterr().err  # it is unpacked once


def test_weights_are_packed_without_loss_as_float32_and_refused_where_float16_ends(packed):
  found = zoo.read(zoo.pack(packed, "float32"))
  jax.tree.map(np.testing.assert_array_equal, found.weights, packed.weights)
  assert found._replace(weights={}) == packed._replace(weights={})
  with pytest.raises(InputError, match="weight a/b is not finite in float16"):
    zoo.pack(packed._replace(weights={"a": {"b": np.array([1e6], np.float32)}}))


def test_what_the_zoo_does_not_have_is_refused(shelf, tmp_path, monkeypatch):
  with pytest.raises(InputError, match=r"zoo:tinny: the zoo has tiny; did you mean 'tiny'"):
    gengap.load("zoo:tinny")
  (shelf / zoo.FILE).write_bytes((shelf / zoo.FILE).read_bytes()[:-40])
  with pytest.raises(InputError, match="zoo:tiny is damaged"):
    gengap.load("zoo:tiny")
  monkeypatch.setattr(zoo, "FOLDERS", (tmp_path / "none",))
  with pytest.raises(InputError, match="there is no zoo here: its files are in results/zoo"):
    gengap.load("zoo:tiny")


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_small_and_has_its_card(name):
  content = (ROOT / name / zoo.FILE).read_bytes()
  card = json.loads((ROOT / name / "card.json").read_text())
  found = zoo.read(content)
  assert len(content) == card["bytes"] < (600_000 if card["method"] == "classifier" else 300_000)
  assert cards.about(name, found, card["dtype"], card["changed"], len(content)) == card
  assert (ROOT / name / "README.md").read_text() == cards.card(card)
  assert not found.config["data_dir"] and "/tmp/" not in json.dumps([found.config, dict(found.files)])
