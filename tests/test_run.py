"""Reloading a trained model for analysis."""

import shutil

import jax
import numpy as np
import pytest
import tiny
from test_train import config

import gengap
from gengap import train
from gengap.errors import InputError

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs")
  states = {n: train.train(config(n, ema=0.5, steps=8), folder / n) for n in tiny.KINDS}
  return {name: (folder / name, state) for name, state in states.items()}


@pytest.mark.parametrize("name", tiny.KINDS)
def test_the_weights_are_the_moving_average(workdirs, name):
  workdir, state = workdirs[name]
  run = gengap.load(workdir)
  tiny.assert_identical(run.nets, state.ema)
  assert run.step == 8
  assert gengap.load(workdir, 4).step == gengap.load(workdir, "4").step == 4


@pytest.mark.parametrize("name", tiny.KINDS)
def test_samples_are_images_and_a_function_of_the_key(workdirs, name):
  run = gengap.load(workdirs[name][0])
  x = np.asarray(run.sample(KEY, 5))
  assert x.shape == (5, 8, 8, 1)
  assert x.dtype == np.float32
  assert np.abs(x).max() <= 1
  np.testing.assert_array_equal(x, run.sample(KEY, 5))
  assert np.abs(x - run.sample(jax.random.key(1), 5)).max() > 0
  still = np.asarray(run.sample(KEY, 3, temperature=0.0))
  np.testing.assert_allclose(still, still[:1].repeat(3, 0), atol=1e-6)


def test_generating_does_not_depend_on_the_batch(workdirs):
  run = gengap.load(workdirs["wgan_gp"][0])
  z = jax.random.normal(KEY, (300, run.method.latent_dim))  # more than one chunk, the last one padded
  whole = np.asarray(run.generate(z))
  np.testing.assert_allclose(whole[290:], run.generate(z[290:]), atol=1e-5)
  assert len(whole) == 300


def test_encoding_and_reconstructing(workdirs):
  run = gengap.load(workdirs["vae"][0])
  images = run.sample(KEY, 4)
  mean, log_std = run.encode(images)
  assert mean.shape == log_std.shape == (4, run.method.latent_dim)
  np.testing.assert_allclose(run.reconstruct(images), run.generate(mean), atol=1e-6)


def test_what_cannot_be_done_is_said(workdirs, tmp_path):
  gan, vae = (gengap.load(workdirs[n][0]) for n in ("wgan_gp", "vae"))
  with pytest.raises(InputError, match=r"has no q\(z \| x\): it cannot encode"):
    gan.encode(gan.sample(KEY, 2))
  with pytest.raises(InputError, match="has no encoder: it cannot reconstruct"):
    gan.reconstruct(gan.sample(KEY, 2))
  with pytest.raises(InputError, match="no representation 'nope'; it has critic"):
    gan.represent("nope", gan.sample(KEY, 2))
  with pytest.raises(InputError, match="z has shape"):
    gan.generate(np.zeros((2, 99)))
  with pytest.raises(InputError, match="images have shape"):
    vae.encode(np.zeros((2, 9, 9, 1)))
  with pytest.raises(InputError, match="holds no run"):
    gengap.load(tmp_path)
  with pytest.raises(InputError, match="none of last, best, 0, 4, 8"):
    gengap.load(workdirs["vae"][0], 5)
  with pytest.raises(InputError, match="n is 0"):
    gan.sample(KEY, 0)
  for label in (4, -1, 0.5):
    with pytest.raises(InputError, match="whole numbers from 0 to 3"):
      gan.sample(KEY, 2, label=label)
  with pytest.raises(InputError, match="label has shape"):
    gan.sample(KEY, 2, label=[0, 1, 2])


def test_a_classifier_looks_at_images_and_makes_none(tmp_path):
  train.train(config("classifier", best="valid/classifier/loss", steps=4), tmp_path)
  run = gengap.load(tmp_path, "best")
  assert run.represent("logits", np.zeros((3, 8, 8, 1))).shape == (3, 4)
  assert run.represent("features", np.zeros((3, 8, 8, 1))).shape == (3, 16)
  assert {p.stem for p in (tmp_path / "samples").iterdir()} == {"real"}
  with pytest.raises(InputError, match="must be one of valid/classifier/accuracy"):
    train.train(config("classifier", best="valid/energy_distance"), tmp_path / "other")
  with pytest.raises(InputError, match="'classifier' makes no images; it has features, logits"):
    run.sample(KEY, 2)


def test_a_checkpoint_with_damaged_metadata_is_told_of(workdirs, tmp_path):
  broken = tmp_path / "run"
  shutil.copytree(workdirs["vae"][0], broken)
  (broken / "checkpoints" / "8" / "meta" / "metadata").write_text('{"spec": ')
  with pytest.raises(InputError, match=r"checkpoint .*8 cannot be read"):
    gengap.load(broken)
  assert gengap.load(broken, 4).step == 4
