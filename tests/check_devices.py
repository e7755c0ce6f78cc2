"""Trains on one device and on eight, same global batch; fails if the parameters part. Run by test_step."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax
import numpy as np
import tiny
from test_train import config

from gengap import program, step
from gengap.metrics import features

assert jax.device_count() == 8

# BatchNorm in the generators and in the decoder: its statistics must be those of the global batch.
CASES = {
  "wgan_gp": {},
  "vae": {"network": "dcgan", "free_bits": 0.1},
  "vae_gan": {"network": "dense"},
  "cgan": {"network": "dcgan", "dropout": 0.3, "spectral_norm": "both", "condition": "projection"},
}
for name, args in CASES.items():
  m = tiny.method(name, **args)
  one, _ = tiny.run(m, 20, devices=1, batch_size=16, ema=0.9)
  eight, _ = tiny.run(m, 20, devices=8, batch_size=16, ema=0.9)
  worst = max(tiny.differences(one.nets, eight.nets).items(), key=lambda item: item[1])
  print(f"{name}: largest relative difference after 20 steps {worst[1]:.2g} in {worst[0]}")
  assert worst[1] < 1e-4, worst

# Operations are those of all devices.
c = config("vae", batch_size=64)
c.method_args.width, data = 16, program.load_data(c, "train")
compiled = program.compile_program(c, data)
single = step.dispatch(compiled.method, seed=0, batch_size=64)
single = single.lower(np.arange(1), compiled.shapes, (data.image, data.label)).compile()
assert 1 <= compiled.flops / program.count_flops(single) < 1.1  # every device updates all weights

# Features of images over all devices are those of one, whatever their number.
x = np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32)
for n in (1, 8, 21):
  see = features.over_devices(lambda weights, x: jax.numpy.tanh(x @ weights))
  found = see(np.eye(4, dtype=np.float32), features.batches(x[:n], 2))
  np.testing.assert_allclose(found, np.tanh(x[:n]), rtol=1e-6)
