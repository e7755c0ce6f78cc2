"""Trains on one device and on eight, same global batch; fails if they differ. Run by test_step."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax
import jax.numpy as jnp
import numpy as np
import tiny
from jax.sharding import PartitionSpec
from test_train import config

from gengap.features import batched
from gengap.method import AXIS
from gengap.training import flops, program, step

assert jax.device_count() == 8
# BatchNorm, spectral normalisation, dropout, augmentation and mirrored images: their statistics and noise are
# those of the global batch. The losses of every config are compared in test_methods, with a map in place of
# the devices.
CASES = {
  "wgan_gp": {"penalty_interval": 3, "diff_augment": ("color", "translation", "cutout")},
  "mmd_vae": {"network": "dense"},
  "cgan": {"network": "dcgan", "dropout": 0.3, "spectral_norm": "both", "condition": "projection"},
}
for name, args in CASES.items():
  m = tiny.method(name, **args)
  one, numbers = tiny.run(m, 20, devices=1, batch_size=16, ema=0.9, flip=True)
  eight, numbers_of_eight = tiny.run(m, 20, devices=8, batch_size=16, ema=0.9, flip=True)
  for key, value in numbers[0].items():
    np.testing.assert_allclose(
      numbers_of_eight[0][key], value, rtol=1e-5, atol=1e-6, err_msg=f"{name}: {key}"
    )
  worst = max(tiny.differences(one.nets, eight.nets).items(), key=lambda item: item[1])
  print(f"{name}: largest relative difference after 20 steps {worst[1]:.2g} in {worst[0]}")
  assert worst[1] < 1e-4, worst

# jit over a mesh gives the bits of pmap, on one device and on eight.
m = tiny.method("wgan_gp", network="dense")
for devices in (1, 8):
  mesh = jax.sharding.Mesh(np.array(jax.devices()[:devices]), AXIS)
  many = step.steps_on_device(m, batch_size=16, ema=0.9)
  each, whole = PartitionSpec(AXIS), PartitionSpec()
  mapped = jax.shard_map(
    lambda slot, seed, state, data, many=many: many(slot[0], seed, state, data),
    mesh=mesh,
    in_specs=(each, whole, whole, whole),
    out_specs=whole,
    check_vma=False,
  )
  by_mesh = jax.jit(mapped)(jnp.arange(devices), jnp.uint32(0), tiny.state(m, ema=0.9), tiny.data())
  by_pmap, numbers = tiny.run(m, 1, devices=devices, batch_size=16, ema=0.9)
  tiny.assert_identical(by_mesh, (by_pmap, numbers[0]))

# Runs that are spread over devices, two whole ones on each of two, are those of one device.
m = tiny.method("vae", network="dense")
runs, seeds = step.Runs(spread=2, mapped=2), np.arange(4, dtype=np.uint32)
alone = step.dispatch(m, batch_size=16, ema=0.9, devices=jax.devices()[:1])
spread = step.dispatch(m, batch_size=16, ema=0.9, runs=runs, devices=jax.devices()[:2])
before = [jax.device_get(tiny.state(m, seed=int(seed), ema=0.9)) for seed in seeds]
stacked = jax.tree.map(lambda *x: np.stack(x).reshape(2, 2, *np.shape(x[0])), *before)
images = jax.device_get(tiny.data())
found, numbers = spread(np.arange(2), seeds.reshape(2, 2), stacked, images)
for seed, place in enumerate(np.ndindex(runs.shape)):
  expected, of_one = alone(np.arange(1), np.uint32(seed), before[seed], images)
  mine = jax.tree.map(lambda x, place=place: x[place], jax.device_get((found.nets, numbers)))
  worst = max(tiny.differences((expected.nets, of_one), mine).items(), key=lambda item: item[1])
  assert worst[1] < 1e-4, (seed, worst)

# Operations are those of all devices.
c = config("vae", batch_size=64)
c.method_args.update(network="conv", width=16)
data = program.load_data(c, "train")
compiled = program.compile_program(c, data)
single = step.dispatch(compiled.method, batch_size=64)
single = single.lower(np.arange(1), compiled.seed, compiled.shapes, (data.image, data.label))
of_one = flops.count_flops(single)
assert compiled.flops
assert of_one
assert 1 <= compiled.flops / of_one < 1.1  # every device updates all weights

# Features of images over all devices are those of one, whatever their number.
x = np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32)
for n in (1, 8, 21):
  see = batched.over_devices(lambda weights, x: jax.numpy.tanh(x @ weights))
  found = see(np.eye(4, dtype=np.float32), batched.batches(x[:n], 2))
  np.testing.assert_allclose(found, np.tanh(x[:n]), rtol=1e-6)
