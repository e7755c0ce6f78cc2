"""Images that the host reads: the same, in the same order, for any number of devices and processes."""

import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny
from test_train import config

from gengap.data import Dataset, host_reader, shuffle
from gengap.training import loop, step

DATA = Dataset(np.arange(50, dtype=np.uint8)[:, None, None, None], np.arange(50, dtype=np.int32), ("a",), {})


def stream(slots, batches, processes, calls=3, first=0):
  """Returns the labels that the devices see, in the order of the stream, with what each process reads."""
  per = slots // processes
  shares = [host_reader.Share(8, slots, range(p * per, (p + 1) * per), batches) for p in range(processes)]
  read = [itertools.islice(host_reader.read_calls(DATA, 3, share, first), calls) for share in shares]
  found = []
  for parts in zip(*read, strict=True):
    for image, label in parts:
      assert image.shape == (per, batches, 8 // slots, 1, 1, 1)
      np.testing.assert_array_equal(image[..., 0, 0, 0], label)
    labels = np.concatenate([label for _, label in parts])  # [slots, batches, B]
    found.append(labels.transpose(1, 0, 2).reshape(-1))
  return np.concatenate(found)


@pytest.mark.parametrize(
  ("slots", "batches", "processes"), [(1, 1, 1), (1, 3, 1), (4, 2, 1), (4, 2, 2), (8, 1, 4)]
)
def test_the_fed_stream_is_that_of_the_device(slots, batches, processes):
  expected = shuffle.indices(3, np.arange(3 * batches * 8, dtype=np.uint32), 50)
  np.testing.assert_array_equal(stream(slots, batches, processes), expected)


def test_a_resumed_stream_goes_on():
  np.testing.assert_array_equal(stream(2, 2, 1, calls=2, first=1), stream(2, 2, 1)[16:])


def test_data_on_the_device_and_read_by_the_host_give_the_same_run_bit_for_bit():
  """As XLA compiles for users: the tests' own way of compiling rounds two programs differently."""
  tuned = ("XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS")
  env = {name: value for name, value in os.environ.items() if name not in tuned}
  check = subprocess.run(
    [sys.executable, str(pathlib.Path(__file__).with_name("check_host_reader.py"))],
    env=env | {"PYTHONPATH": str(pathlib.Path(__file__).parents[1])},
    capture_output=True,
    text=True,
  )
  assert check.returncode == 0, check.stderr[-2000:]


def test_a_run_may_go_on_where_the_data_lie_otherwise(tmp_path):
  c = config("vae", steps=4, data_device_bytes=0)
  loop.train(c, tmp_path)
  assert loop.train(config("vae", steps=4), tmp_path).step == 4


def test_several_steps_in_a_program_read_their_own_batches():
  m = tiny.method("wgan_gp")
  data = tiny.data()
  host = Dataset(np.asarray(data[0]), np.asarray(data[1]), ("a", "b"), {})
  expected, _ = tiny.run(m, 4, per_dispatch=2)
  share = host_reader.Share(8, 1, range(1), 2 * step.batches_per_step(m))
  program = step.dispatch(m, batch_size=8, steps=2, by_host=True)
  state, slots = tiny.state(m), np.arange(1)
  for call_data in itertools.islice(host_reader.read_calls(host, 0, share, 0), 2):
    state, _ = program(slots, np.uint32(0), state, call_data)
  worst = tiny.differences(expected.nets, state.nets)
  assert max(worst.values()) < 1e-5, worst
