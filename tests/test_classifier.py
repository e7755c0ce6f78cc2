"""The classifier: how its training images are moved, and what its features are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gengap.errors import InputError
from gengap.method import Batch
from gengap.methods import METHODS, classifier

B, SIDE = 64, 8


def test_images_are_shifted_within_their_frame_and_half_are_mirrored():
  """Pixels hold their column, and borders are repeated, so each row tells by how much it was moved."""
  x = jnp.broadcast_to(jnp.arange(SIDE, dtype=jnp.float32)[None, None, :, None], (B, SIDE, SIDE, 1))
  keys = jax.random.split(jax.random.key(0), B)
  columns = np.arange(SIDE)
  wanted = {by: np.clip(columns + by, 0, SIDE - 1) for by in (-2, -1, 0, 1, 2)}
  for flip in (False, True):
    found = np.asarray(classifier.augment(x, keys, 2, flip))[:, 0, :, 0]
    turned = found[:, 0] > found[:, -1]
    assert turned.any() == flip and not turned.all()
    straight = np.where(turned[:, None], found[:, ::-1], found)
    by = [next(by for by, want in wanted.items() if (row == want).all()) for row in straight]
    assert set(by) == set(wanted)
  rows = np.asarray(classifier.augment(x.swapaxes(1, 2), keys, 2, False))[:, :, 0, 0]
  assert {tuple(row) for row in rows} == {tuple(want) for want in wanted.values()}
  np.testing.assert_array_equal(classifier.augment(x, keys, 0, False), x)


def test_logits_are_a_linear_function_of_the_features():
  m = METHODS["classifier"](tiny.SPEC, width=4)
  x = jax.random.uniform(jax.random.key(1), (5, *tiny.SPEC.shape), minval=-1)
  nets = jax.jit(m.init)(jax.random.key(0), Batch(x, jnp.zeros(5, jnp.int32)))
  features, logits = (m.represent[name](nets, x) for name in ("features", "logits"))
  head = nets["classifier"]["params"]["head"]
  assert features.shape == (5, 16)
  assert (features >= 0).all() and (features > 0).any()
  np.testing.assert_allclose(logits, features @ head["kernel"] + head["bias"], rtol=1e-5)


@pytest.mark.parametrize(
  ("args", "word"), [({"shift": -1}, "shift"), ({"shift": 0.5}, "shift"), ({"width": 0}, "width")]
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    METHODS["classifier"](tiny.SPEC, **args)
