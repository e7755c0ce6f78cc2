"""Trains with data on the device and data read by the host; fails if a bit differs (see test_host_reader)."""

import jax
import tiny
from test_train import config

from gengap.training import program

ends = []
for room in (2**31, 0):
  # Several turns, one of them repeated, of mirrored images.
  c = config("wgan_gp", data_device_bytes=room, ema=0.9, horizontal_flip=True)
  c.method_args.network = "dense"  # compiles in a fraction of the time of convolutions
  data = program.load_data(c, "train")
  compiled = program.compile_program(c, data)
  assert bool(compiled.by_host) == (room == 0)
  state, images = program.starter(compiled)(c.seed), program.source(compiled, c, data, 0)
  for _ in range(8):
    state, _ = compiled.dispatch(state, images)
  ends.append(jax.device_get(state))
tiny.assert_identical(*ends)
