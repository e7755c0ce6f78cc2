"""Every config of the package is a training program; some of them train on real images."""

import functools
import os
import pathlib
import re
import runpy

import jax
import jax.numpy as jnp
import pytest

import gengap
from gengap import config as settings
from gengap import methods
from gengap.command_line import field_help
from gengap.errors import InputError
from gengap.method import Batch
from gengap.training import loop, program, step

FOLDER = pathlib.Path(__file__).parents[1] / "configs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name, dataset=""):
  return runpy.run_path(str(FOLDER / f"{name}.py"))["get_config"](dataset)


def cut(config):
  """Two small steps of it, on 60 images of whatever data: so the second data set need not compile anew."""
  small = dict(width=4, latent_dim=4, n_critic=1, learning_rate=1e-3, critic_learning_rate=1e-3)
  small |= dict(latents=(4, 2), layer=0, multipliers=(1, 2), network_evaluations=3)
  small |= dict(codes=8, code_dim=3, prior_width=8, prior_layers=1)
  config.method_args.update({name: value for name, value in small.items() if name in config.method_args})
  if config.method_args.get("skips"):
    config.method_args.skips = (2,)
  if config.method_args.get("network") == "small_map":
    config.method_args.latent_dim = 2 * 2 * 8
  if config.method == "deep_hierarchical_vae":
    config.method_args.update(latents=(4, (2, 1)), spectral_weight=0.1)
  if config.dataset.startswith("blobs"):
    config.dataset_args.num_train = 60_000
  config.update(image_size=8, batch_size=8, steps=2, validation_share=0.999, eval_images=8, ema=0.5)
  config.update(log_every=2, sample_every=2, eval_every=2, checkpoint_every=2)
  return config


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_a_training_program(name):
  """Traces the step of every config on the embedded data; test_methods runs their losses."""
  c = cut(load(name))
  settings.check(c)
  data = program.load_data(c, "train")
  method = methods.build(c, program.spec_of(c, data))
  example = Batch(jnp.zeros((1, *data.image.shape[1:])), jnp.zeros(1, jnp.int32))
  state = jax.eval_shape(functools.partial(step.init, method, c.seed, ema=c.ema), example)
  run = step.dispatch(method, batch_size=c.batch_size, ema=c.ema)
  shapes = program.abstract((jnp.arange(1), jnp.uint32(c.seed), state, (data.image, data.label)))
  after, numbers = jax.eval_shape(run, *shapes)
  assert jax.tree.map(lambda x: x.shape, after) == jax.tree.map(lambda x: x.shape, state)
  assert {f"{turn.player}/loss" for turn in method.turns} <= set(numbers)


@pytest.mark.parametrize("name", ["vae", "classifier"])
def test_trains_on_fashion_mnist(name, tmp_path):
  if not (pathlib.Path(os.environ.get("TFDS_DATA_DIR", "")) / "fashion_mnist").is_dir():
    pytest.skip("TFDS_DATA_DIR names no folder with fashion_mnist")
  loop.train(cut(load(name, "fashion_mnist")), tmp_path)
  run = gengap.load(tmp_path)
  assert run.step == 2
  if run.method.generate:
    assert run.sample(jax.random.key(0), 3, label=3).shape == (3, 8, 8, 1)


@pytest.mark.parametrize("name", NAMES)
def test_opens_with_its_command(name):
  docstring = (FOLDER / f"{name}.py").read_text().removeprefix('"""').partition('"""')[0]
  assert docstring.split("\n")[2].startswith(f"  python -m gengap.main --config=configs/{name}.py")


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_config_has_its_fields_and_arguments(name):
  said, c = field_help.text(["train", f"--config={name}"]), load(name)
  for field in set(c.keys()) - set(field_help.NESTED):
    assert re.search(rf"^  {field}={re.escape(str(c[field]))}(\n? +\w|$)", said, re.M), field
  for argument, value in c.method_args.to_dict().items():
    assert re.search(rf"^  {argument}={re.escape(str(value))}(\n? +\w)", said, re.M), argument
  assert max(map(len, said.splitlines())) <= field_help.WIDTH
  assert field_help.docstring(FOLDER / f"{name}.py").splitlines()[0] in said
  assert f"steps={c.steps} " in said


def test_the_help_says_what_a_value_means_and_what_is_allowed():
  said = field_help.text(["train", "--config=gan:mnist", "--help"])
  assert "batch_size=192                  images in a batch, over all devices (default: 64)" in said
  assert "one of none, two_sided, one_sided," in said  # a table of the code is spelt out
  assert "real_label=1.0                  in (0, 1]; 1 disables smoothing" in said  # of the loss
  listed = field_help.text(["train", "--help"])
  assert all(f"\n  {name} " in listed for name in NAMES)
  assert "gengap train --config=" in listed


@pytest.mark.parametrize("method", sorted(methods.METHODS))
def test_every_argument_of_a_method_is_documented(method):
  assert not [name for name, text in field_help.argument_meanings(method).items() if len(text) < 4]


def test_the_reports_schedule_is_exact():
  """30,000 iterations, the critic in each and the generator in every fifth, for all three losses."""
  for name in ("gan", "lsgan", "wgan_gp"):
    c = load(name, "cub200")
    args = c.method_args
    assert (c.steps * args.n_critic, args.n_critic, c.batch_size, c.image_size) == (30_000, 5, 192, 32)
    assert (args.network, args.width, args.latent_dim) == ("resnet", 128, 128)
    assert (args.learning_rate, args.critic_learning_rate, args.b1, args.b2) == (2e-4, 2e-4, 0.0, 0.9)
    assert (args.critic_decay_steps, args.decay_steps) == (500_000, 100_000)


def test_a_conditional_gan_needs_classes(tmp_path):
  with pytest.raises(InputError, match="no classes"):
    loop.train(cut(load("cgan", "blobs_multi")), tmp_path / "run")
  assert not (tmp_path / "run").exists()
