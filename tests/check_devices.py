"""Trains on one device and on eight, same global batch; fails if weights or numbers part. For test_step."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tiny
from test_step import squared_mmd
from test_train import config

from gengap.features import batched
from gengap.method import Kind, Method, Turn, whole_batch
from gengap.training import program, step

assert jax.device_count() == 8


def moment_matching():
  """A linear generator, whose loss is no mean over examples: a squared MMD and a ratio of variances."""

  def loss(params, nets, batch, keys, step):
    z = jax.vmap(lambda key: jax.random.normal(key, (8,)))(keys)
    made, real = whole_batch((z @ params["w"], batch.image.reshape(len(z), -1)))
    ratio = jnp.var(made) / jnp.var(real)
    return squared_mmd(made, real) + 0.1 * ratio, ({}, {"ratio": ratio})

  nets = {"generator": {"params": {"w": 0.1 * jax.random.normal(jax.random.key(0), (8, 64))}}}
  return Method(8, lambda *_: nets, (Turn("generator", loss, optax.adam(0.01)),), None, {}, Kind.INVERSE)


# BatchNorm in the generators and in the decoder: its statistics must be those of the global batch.
CASES = {
  "wgan_gp": {},
  "vae": {"network": "dcgan", "free_bits": 0.1},
  "vae_gan": {"network": "dense"},
  "cgan": {"network": "dcgan", "dropout": 0.3, "spectral_norm": "both", "condition": "projection"},
}
METHODS = {name: tiny.method(name, **args) for name, args in CASES.items()} | {"mmd": moment_matching()}
for name, m in METHODS.items():
  one, seen = tiny.run(m, 20, devices=1, batch_size=16, ema=0.9)
  eight, seen_by_eight = tiny.run(m, 20, devices=8, batch_size=16, ema=0.9)
  tiny.assert_same_numbers(seen[0], seen_by_eight[0])
  worst = max(tiny.differences(one.nets, eight.nets).items(), key=lambda item: item[1])
  print(f"{name}: largest relative difference after 20 steps {worst[1]:.2g} in {worst[0]}")
  assert worst[1] < 1e-4, worst

# Operations are those of all devices.
c = config("vae", batch_size=64)
c.method_args.width, data = 16, program.load_data(c, "train")
compiled = program.compile_program(c, data)
single = step.dispatch(compiled.method, seed=0, batch_size=64)
single = single.lower(np.arange(1), compiled.shapes, (data.image, data.label))
of_one = program.count_flops(single)
assert compiled.flops
assert of_one
assert 1 <= compiled.flops / of_one < 1.1  # every device updates all weights

# Features of images over all devices are those of one, whatever their number.
x = np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32)
for n in (1, 8, 21):
  see = batched.over_devices(lambda weights, x: jax.numpy.tanh(x @ weights))
  found = see(np.eye(4, dtype=np.float32), batched.batches(x[:n], 2))
  np.testing.assert_allclose(found, np.tanh(x[:n]), rtol=1e-6)
