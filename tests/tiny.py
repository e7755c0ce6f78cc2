"""Methods and data so small that a training step takes milliseconds."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gengap.method import Batch, Spec
from gengap.methods import METHODS, defaults
from gengap.training import step

SPEC = Spec((8, 8, 1), 2)
# Of whatever method takes them.
SIZES = dict(
  width=4, latent_dim=4, n_critic=1, latents=(4, 2), layer=0, multipliers=(1, 2), network_evaluations=3
)
SIZES |= dict(codes=8, code_dim=3, prior_width=8, prior_layers=1)


def small(name):
  """Returns arguments that make a method small; a GAN's networks have BatchNorm."""
  args = defaults(name)
  chosen: dict[str, Any] = {argument: value for argument, value in SIZES.items() if argument in args}
  if "network" in args:
    chosen["network"] = "dcgan" if "critic_learning_rate" in args else "conv"
  return chosen


ARGS = {name: small(name) for name in METHODS}
ARGS["wgan_gp"] |= {"n_critic": 2, "learning_rate": 1e-3}
ARGS["deep_hierarchical_vae"] |= {"latents": (4, (2, 1))}
KINDS = ("wgan_gp", "vae")  # players against each other, and one alone: what whole runs are tested on


class Grey(nn.Module):
  """A decoder to one grey image, whatever z is."""

  shape: tuple
  width: int = 1
  dtype: str = "float32"

  @nn.compact
  def __call__(self, z, train):
    value = self.param("value", nn.initializers.zeros, ())
    return jnp.broadcast_to(value, (len(z), *self.shape))


def method(name, **args):
  return METHODS[name](SPEC, **(ARGS[name] | args))


def data(n=64):
  images = np.random.default_rng(0).integers(0, 256, (n, *SPEC.shape), np.uint8)
  return jnp.asarray(images), jnp.arange(n) % 2


def init(who, *inputs, **options):
  """Returns the first variables of a module or a method, from one program instead of one per operation."""
  return jax.jit(lambda *inputs: who.init(*inputs, **options))(*inputs)


def apply(module, variables, *inputs, train=False, **more):
  """Returns what a module makes of inputs, from one program."""
  run = jax.jit(lambda variables, inputs, more: module.apply(variables, *inputs, train=train, **more))
  return run(variables, inputs, more)


def state(m, seed=0, ema=0.0):
  example = Batch(jnp.zeros((1, *SPEC.shape)), jnp.zeros(1, jnp.int32))
  return jax.jit(functools.partial(step.init, m, seed, ema=ema))(example)


LAST: dict[Any, Any] = {}  # what the last method is compiled to, by the arguments of `compiled`


def compiled(m, devices, options, *args):
  """Returns the training program, which a test may run from several states."""
  if LAST.get("method") is not m:
    LAST.clear()
    LAST["method"] = m
  key = (devices, *options.items())
  if key not in LAST:
    LAST[key] = step.dispatch(m, **options).lower(*args).compile()
  return LAST[key]


def run(m, steps, *, devices=1, per_dispatch=1, seed=0, batch_size=8, ema=0.0, start=None, flip=False):
  """Trains; returns the last state and the metrics of every dispatch."""
  slots, now, images, seen = jnp.arange(devices), state(m, seed, ema) if start is None else start, data(), []
  options = dict(batch_size=batch_size, ema=ema, steps=per_dispatch, horizontal_flip=flip)
  # Compiled once: results lie otherwise than a first state.
  program = compiled(m, devices, options, slots, np.uint32(seed), now, images)
  places = program.input_shardings[0]
  for _ in range(steps // per_dispatch):
    now, metrics = program(*jax.device_put((slots, np.uint32(seed), now, images), places))
    seen.append(jax.device_get(metrics))
  return now, seen


def differences(a, b):
  """Returns the largest relative difference of each array of two trees, by name."""
  flat_a, flat_b = (jax.tree_util.tree_leaves_with_path(jax.device_get(t)) for t in (a, b))
  assert len(flat_a) == len(flat_b)
  return {
    jax.tree_util.keystr(path): float(np.max(np.abs(x - y)) / max(np.max(np.abs(x)), 1e-12))
    for (path, x), (_, y) in zip(flat_a, flat_b, strict=True)
    if x.size
  }


def assert_identical(a, b):
  """Asserts that two trees are the same, bit for bit."""
  jax.tree.map(np.testing.assert_array_equal, jax.device_get(a), jax.device_get(b))


def assert_same_numbers(a, b):
  """Asserts that logged numbers are the same up to rounding."""
  assert a.keys() == b.keys()
  for name, value in a.items():
    np.testing.assert_allclose(b[name], value, rtol=1e-6, atol=2e-7, err_msg=name)
