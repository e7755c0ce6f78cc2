"""The training step: what a run is a function of, and what it is not."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from gengap.method import AXIS, Batch, Kind, Method, Turn, whole_batch
from gengap.training import step

METHODS = ["wgan_gp", "vae"]


def test_a_program_of_four_steps_is_four_programs():
  """Up to rounding: XLA may fuse across steps. (On the CPU, training runs four programs: bit for bit.)"""
  m = tiny.method("vae", network="dense")
  apart, seen = tiny.run(m, 4, ema=0.9)
  together, seen_together = tiny.run(m, 4, per_dispatch=4, ema=0.9)
  assert max(tiny.differences(apart.nets, together.nets).values()) < 1e-5
  assert max(tiny.differences(apart.ema, together.ema).values()) < 1e-5
  for key, value in seen_together[0].items():
    np.testing.assert_allclose(value, np.concatenate([s[key] for s in seen]), rtol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_goes_on_from_its_state_alone(name):
  m = tiny.method(name)
  whole, _ = tiny.run(m, 5, ema=0.9)
  half, _ = tiny.run(m, 2, ema=0.9)
  rest, _ = tiny.run(m, 3, ema=0.9, start=jax.tree.map(jnp.array, jax.device_get(half)))
  tiny.assert_identical(whole, rest)


def test_the_seed_matters():
  m = tiny.method("vae")
  start = tiny.state(m)
  copies = [jax.tree.map(jnp.copy, start) for _ in range(2)]
  a, _ = tiny.run(m, 1, seed=0, start=copies[0])
  b, _ = tiny.run(m, 1, seed=1, start=copies[1])
  assert max(tiny.differences(a.nets, b.nets).values()) > 0


def test_one_device_gives_what_eight_give():
  """In a process of its own, because the number of devices is fixed when JAX starts."""
  root = pathlib.Path(__file__).parents[1]
  env = os.environ | {"PYTHONPATH": str(root)}
  check = pathlib.Path(__file__).parent / "check_devices.py"
  done = subprocess.run([sys.executable, str(check)], capture_output=True, text=True, env=env)
  assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def squared_mmd(x, y):
  """Squared maximum mean discrepancy of [N, D] and [N, D]: a loss that is no mean over examples."""

  def kernel(a, b):
    return jnp.exp(-0.1 * jnp.sum((a[:, None] - b) ** 2, -1))

  return jnp.mean(kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_the_gradient_of_a_whole_batch_loss_is_exact(devices):
  """A map over AXIS stands for the devices; a second term is a mean over examples, as most losses are."""
  x, y = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
  weights = jnp.array([0.5, -1.0, 2.0])

  def loss(weights, x, y, gather=lambda tree: tree):
    made, real = gather((x * weights, y))
    return squared_mmd(made, real) + jnp.mean(jnp.sum((x * weights) ** 2, -1))

  def one(x, y):
    return step.mean_over_devices(jax.value_and_grad(loss)(weights, x, y, whole_batch))

  slices = (v.reshape(devices, -1, 3) for v in (x, y))
  found = jax.tree.map(lambda v: v[0], jax.vmap(one, axis_name=AXIS)(*slices))
  want = jax.value_and_grad(loss)(weights, x, y)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, want)


def recorder(repeats):
  """A method whose only weight collects, as its gradient, the brightness of each image it is shown."""

  def loss(params, nets, batch, keys, step):
    del nets, keys, step
    return jnp.sum(params["w"]) * jnp.mean(batch.image), ({}, {"seen": jnp.mean(batch.image)})

  turns = (
    Turn("critic", loss, optax.sgd(1.0), repeats),
    Turn("generator", loss, optax.sgd(1.0)),
  )
  nets = {name: {"params": {"w": jnp.zeros(1)}} for name in ("critic", "generator")}
  return Method(1, lambda key, batch: nets, turns, lambda nets, z, label: z, {}, Kind.AUTOENCODER)


def test_every_repeat_of_every_turn_sees_new_images():
  """One epoch is 64 images: 4 steps of (3 + 1) batches of 4 see each of them once."""
  state, _ = tiny.run(recorder(3), 4, batch_size=4)
  total = sum(float(state.nets[p]["params"]["w"][0]) for p in ("critic", "generator"))
  images, _ = tiny.data()
  expected = -np.mean(np.asarray(images, np.float64) / 127.5 - 1) * 16
  assert abs(total - expected) < 1e-4


def test_average_forgets_the_initial_weights():
  nets = {"g": {"params": jnp.ones(())}}
  ema = {"g": {"params": jnp.zeros(())}}
  for t in range(50):
    ema = step.average(ema, nets, 0.999, jnp.int32(t))
  assert ema["g"]["params"] > 0.99  # without the warm-up it would be 0.05
  ema = {"g": {"params": jnp.zeros(())}}
  late = step.average(ema, nets, 0.9, jnp.int32(10**6))
  assert float(late["g"]["params"]) == pytest.approx(0.1)


def test_every_purpose_and_seed_has_a_stream_of_its_own():
  roots = [step.stream(seed, purpose) for seed in (0, 1) for purpose in step.PURPOSES]
  assert len({tuple(np.asarray(jax.random.key_data(root))) for root in roots}) == len(roots)


def test_devices_divide_a_batch_and_every_image_has_noise_of_its_own():
  """Two batches of 8 images on four devices."""

  def one(number, slot):
    position = step.positions(number, 8, slot)
    read = lambda number, position: Batch(position, position)  # noqa: E731
    _, keys = step.take_batch(read, step.stream(0, "train"), number, position)
    return position, jax.random.key_data(keys)

  on_devices = jax.vmap(jax.vmap(one, (None, 0), axis_name=AXIS), (0, None))
  position, keys = on_devices(jnp.arange(2, dtype=jnp.uint32), jnp.arange(4))
  np.testing.assert_array_equal(position.ravel(), np.arange(16))
  assert len(np.unique(np.asarray(keys).reshape(16, -1), axis=0)) == 16


def test_batch_statistics_of_the_losing_turn_are_not_kept():
  """The critic's turn runs the generator too; only the generator's own turn may move its statistics."""
  m = tiny.method("wgan_gp", n_critic=1)
  alone = m._replace(turns=m.turns[1:])
  start = tiny.state(m)
  before = jax.device_get(start.nets["generator"]["batch_stats"])
  critic_only = m._replace(turns=m.turns[:1])
  after, _ = tiny.run(critic_only, 1, start=jax.tree.map(jnp.copy, start))
  tiny.assert_identical(after.nets["generator"]["batch_stats"], before)
  moved, _ = tiny.run(alone, 1, start=start)
  assert max(tiny.differences(moved.nets["generator"]["batch_stats"], before).values()) > 0


def test_validation_leaves_the_state_alone_and_sees_the_weights_that_are_shown():
  """The same numbers at the same weights, which are the moving average where there is one."""
  m = tiny.method("wgan_gp")
  start, other = tiny.state(m, seed=0), tiny.state(m, seed=1).nets
  program = step.validate(m, batch_size=8)
  a, b, c = (
    program(jnp.arange(1), np.uint32(0), start._replace(nets=nets, ema=ema), tiny.data(), np.uint32(0))
    for nets, ema in ((start.nets, other), (other, other), (other, start.nets))
  )
  tiny.assert_identical(a, b)
  assert {"critic/loss", "critic/penalty", "generator/loss"} <= set(a)
  assert a["critic/loss"] != c["critic/loss"]


def test_images_are_mirrored_in_training_and_not_in_validation():
  """Images whose left half is white: a method sees the share of them that is not mirrored."""

  def loss(params, nets, batch, keys, step):
    del nets, keys, step
    return jnp.sum(params["w"]), ({}, {"left": jnp.mean(batch.image[:, :, :4])})

  m = recorder(1)
  m = m._replace(turns=(Turn("critic", loss, optax.sgd(1.0)),))
  white = jnp.zeros((64, *tiny.SPEC.shape), jnp.uint8).at[:, :, :4].set(255)
  data, slots, seed = (white, jnp.zeros(64, jnp.int32)), jnp.arange(1), np.uint32(0)
  left = {}
  for flip in (False, True):
    run = step.dispatch(m, batch_size=64, steps=2, horizontal_flip=flip)
    left[flip] = run(slots, seed, tiny.state(m), data)[1]["critic/left"]
  assert (left[False] == 1).all()
  assert (np.abs(left[True]) < 0.5).all()
  assert left[True][0] != left[True][1]
  assert step.validate(m, batch_size=64)(slots, seed, tiny.state(m), data, np.uint32(0))["critic/left"] == 1
