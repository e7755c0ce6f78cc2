"""Reloading a trained model for analysis."""

import json
import shutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_train import config

import gengap
from gengap import data, metrics
from gengap.errors import InputError
from gengap.method import Batch, Spec, draw_labels
from gengap.run import TRAINING_FREQUENCIES, Run
from gengap.training import loop, program, step, validation
from gengap.training.checkpoint import text_checksum

KEY = jax.random.key(0)
COUNTS = (900, 100)  # images of two classes


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs")
  states = {n: loop.train(config(n, ema=0.5, steps=8), folder / n) for n in tiny.KINDS}
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
  np.testing.assert_array_equal(run.sample(3, 5), run.sample(jax.random.key(3), 5))
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
  loop.train(config("classifier", best="valid/classifier/loss", steps=4), tmp_path)
  run = gengap.load(tmp_path, "best")
  assert run.represent("logits", np.zeros((3, 8, 8, 1))).shape == (3, 4)
  assert run.represent("features", np.zeros((3, 8, 8, 1))).shape == (3, 16)
  assert {p.stem for p in (tmp_path / "samples").iterdir()} == {"real"}
  with pytest.raises(InputError, match="must be one of valid/classifier/accuracy"):
    loop.train(config("classifier", best="valid/energy_distance"), tmp_path / "other")
  with pytest.raises(InputError, match="'classifier' makes no images; it has features, logits"):
    run.sample(KEY, 2)


def test_a_checkpoint_with_damaged_metadata_is_told_of(workdirs, tmp_path):
  broken = tmp_path / "run"
  shutil.copytree(workdirs["vae"][0], broken)
  (broken / "checkpoints" / "8" / "meta" / "metadata").write_text('{"spec": ')
  with pytest.raises(InputError, match=r"checkpoint .*8 cannot be read"):
    gengap.load(broken)
  assert gengap.load(broken, 4).step == 4


# Labels of samples


def images_of(label, rng):
  """Images [N, 8, 8, 1] whose brightness tells their class."""
  return np.clip(label[:, None, None, None] - 0.5 + 0.1 * rng.standard_normal((len(label), 8, 8, 1)), -1, 1)


def perfect(conditional=True):
  """A method that makes new real images of each label."""

  def generate(nets, z, label):
    return jnp.clip(label[:, None, None, None] - 0.5 + 0.1 * z.reshape(-1, 8, 8, 1), -1, 1)

  return tiny.method("cgan")._replace(latent_dim=64, generate=generate, conditional=conditional)


def test_labels_have_the_frequencies_of_the_data():
  assert draw_labels([0, 0.299, 0.3, 0.999], [0, 3, 0, 7, 0]).tolist() == [1, 1, 3, 3]  # no empty class
  uniform = np.float32(1 - 2**-24)  # the largest that JAX draws
  assert draw_labels([uniform], [10**9, 1, 0]).tolist() == [0]
  drawn = draw_labels(jax.random.uniform(KEY, (20_000,)), COUNTS)
  assert drawn.mean() == pytest.approx(0.1, abs=0.01)


def test_samples_of_a_perfect_conditional_generator_are_as_good_as_real_images():
  rng = np.random.default_rng(0)
  label = np.repeat([0, 1], COUNTS)
  real = {name: images_of(label, rng).reshape(1000, -1) for name in ("test", "train")}
  run = Run(config("cgan"), 1, Spec((8, 8, 1), 2, class_counts=COUNTS), perfect(), {})
  drawn = np.asarray(run.sample(KEY, 1000)).reshape(1000, -1)
  floor = metrics.frechet_from_features(real["test"], real["train"])
  assert metrics.frechet_from_features(real["test"], drawn) < 1.2 * floor + 0.1
  assert abs(metrics.kid(real["test"], drawn)[0]) < 0.01
  uniform = np.asarray(run.sample(KEY, 1000, label=np.arange(1000) % 2)).reshape(1000, -1)
  assert metrics.frechet_from_features(real["test"], uniform) > 10 * floor


def test_the_energy_distance_of_a_perfect_conditional_generator_is_zero():
  rng, label = np.random.default_rng(0), np.random.default_rng(1).permutation(np.repeat([0, 1], COUNTS))
  images = np.rint((images_of(label, rng) + 1) * 127.5).astype(np.uint8)
  held_out = data.Dataset(images, label.astype(np.int32), ("a", "b"), {})
  c = config("cgan", best="valid/energy_distance", eval_images=1000)
  method, spec = perfect(), program.spec_of(c, held_out)
  assert spec.class_counts == COUNTS
  slots, place = program.devices()
  example = Batch(jnp.zeros((1, 8, 8, 1)), jnp.zeros(1, jnp.int32))
  shapes = jax.eval_shape(lambda: step.init(method, 0, example, ema=0))
  never_called: Any = None
  seed = np.uint32(0)
  compiled = program.Program(
    method, spec, slots, seed, step.ONE_RUN, never_called, 1, 1, place, shapes, 0.0, "", None, never_called
  )
  seen = validation.Validation(compiled, c, held_out)
  state = shapes._replace(ema={}, nets={})
  assert abs(metrics.energy_distance(seen.samples(state, 0), seen.images)) < 0.02
  bright = seen.grid(state, 0).mean((1, 2, 3)) > 0
  assert bright.tolist() == [False, True] * 32  # a picture shows every class


def test_a_checkpoint_holds_the_frequencies_and_older_ones_get_them_from_the_data(tmp_path, capsys):
  c = config("cgan", best="valid/energy_distance", steps=4)
  loop.train(c, tmp_path / "run")
  counts = tuple(np.bincount(program.load_data(c, "train").label).tolist())
  run = gengap.load(tmp_path / "run")
  assert run.spec.class_counts == counts
  assert run.label_frequencies == TRAINING_FREQUENCIES
  assert run._replace(method=run.method._replace(conditional=False)).label_frequencies is None
  drawn = np.asarray(run.sample(KEY, 40))
  (path,) = tmp_path.glob("run/checkpoints/4/meta/metadata")
  meta = json.loads(path.read_text())
  del meta["spec"]["class_counts"]  # as it was written before there were any
  meta["crc32"]["meta"] = text_checksum(meta)
  path.write_text(json.dumps(meta))
  older = gengap.load(tmp_path / "run")
  assert older.spec.class_counts == counts
  np.testing.assert_array_equal(older.sample(KEY, 40), drawn)
  written = json.loads((tmp_path / "run/config.json").read_text())
  (tmp_path / "run/config.json").write_text(json.dumps(written | {"dataset": "mnist", "data_dir": "gone"}))
  capsys.readouterr()
  blind = gengap.load(tmp_path / "run")
  assert "labels of samples are uniform" in capsys.readouterr().err
  assert blind.class_counts == (1, 1, 1, 1)
  assert blind.label_frequencies.startswith("uniform")
