"""The order in which a run sees its images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gengap.data import shuffle
from gengap.training import step


def order(seed, first, count, size):
  return np.asarray(shuffle.indices(seed, jnp.arange(first, first + count, dtype=jnp.uint32), size))


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 4097])
def test_an_epoch_is_a_permutation(size):
  for epoch in range(3):
    assert sorted(order(0, epoch * size, size, size)) == list(range(size))


def test_epochs_and_seeds_differ():
  a, b, c = order(0, 0, 1000, 1000), order(0, 1000, 1000, 1000), order(1, 0, 1000, 1000)
  for x, y in ((a, b), (a, c), (b, c)):
    assert np.mean(x == y) < 0.01  # a random pair of permutations agrees at one place in a thousand


def test_a_batch_is_a_window_of_the_stream():
  whole = order(3, 0, 64, 50)
  np.testing.assert_array_equal(np.concatenate([order(3, i, 16, 50) for i in range(0, 64, 16)]), whole)


def test_the_order_looks_random():
  """Over many epochs every image is as likely at the first place, and neighbours do not stay together."""
  size, epochs = 10, 5000
  table = order(0, 0, size * epochs, size).reshape(epochs, size)
  for place in (0, 4, 9):
    counts = np.bincount(table[:, place], minlength=size)
    chi2 = np.sum((counts - epochs / size) ** 2) / (epochs / size)
    assert chi2 < 30  # 9 degrees of freedom: exceeded once in 2,300 random streams
  follows = np.mean((table[:, 1:] - table[:, :-1]) == 1)
  assert abs(follows - (size - 1) / (size * (size - 1))) < 0.01


def test_batch_scales_images_to_the_unit_interval():
  images = jnp.arange(3, dtype=jnp.uint8)[:, None, None, None] * jnp.uint8(127)
  labels = jnp.arange(3, dtype=jnp.int32)
  batch = shuffle.batch(images, labels, 0, jnp.arange(3, dtype=jnp.uint32))
  expected = np.array([-1.0, 127 / 127.5 - 1, 254 / 127.5 - 1])[np.asarray(batch.label)]
  np.testing.assert_allclose(batch.image[:, 0, 0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("unroll", [False, True])
def test_drawing_stores_no_permutation_and_is_one_fused_program_where_it_is_unrolled(unroll, monkeypatch):
  """The device computes where each image lies; both forms find the same."""
  want = order(0, 0, 8, 50_000)
  monkeypatch.setattr(shuffle, "unrolled", lambda: unroll)
  program = jax.jit(lambda p: shuffle.indices(0, p, 50_000)).lower(jnp.zeros(8, jnp.uint32)).as_text()
  assert ("while" in program) is not unroll
  assert "50000x" not in program
  np.testing.assert_array_equal(order(0, 0, 8, 50_000), want)


@pytest.mark.parametrize("size", [7, 1000])
def test_the_host_finds_the_order_of_the_device(size):
  position = np.arange(3 * size, dtype=np.uint32).reshape(3, size) + np.uint32(2**31)
  for seed in (0, 5, 2**32 - 1):
    on_device = shuffle.indices(seed, jnp.asarray(position), size)
    np.testing.assert_array_equal(shuffle.indices(seed, position, size), on_device)


def test_half_of_the_images_are_mirrored_each_by_its_own_key():
  """Left to right, once or not at all, anew in every epoch, whatever the batch."""
  images = jnp.asarray(np.random.default_rng(0).integers(0, 256, (20, 2, 3, 1), np.uint8))
  plain = step.device_reader((images, jnp.zeros(20, jnp.int32)), 0)
  read = step.mirrored(plain, step.stream(0, "flip"))
  position = jnp.arange(400, dtype=jnp.uint32)
  found, before = (np.asarray(r(jnp.uint32(0), position).image) for r in (read, plain))
  same = (found == before).all((1, 2, 3))
  assert ((found == before[:, :, ::-1]).all((1, 2, 3)) != same).all()
  assert 160 < same.sum() < 240
  index = np.asarray(shuffle.indices(0, position, 20))
  assert {len(set(same[index == i].tolist())) for i in range(20)} == {2}  # no image always, none never
  parts = [read(jnp.uint32(0), position[i : i + 25]).image for i in range(0, 400, 25)]
  np.testing.assert_array_equal(np.concatenate(parts), found)
