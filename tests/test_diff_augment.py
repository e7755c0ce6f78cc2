"""DiffAugment against NumPy written from its paper, given the same uniform numbers; and who sees it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_gan import KEYS

from gengap.errors import InputError
from gengap.method import AXIS, Batch
from gengap.methods import METHODS, diff_augment


def color(x, u):
  x = x + (u[0] - 0.5)
  grey = x.mean(-1, keepdims=True)
  x = (x - grey) * 2 * u[1] + grey
  return (x - x.mean()) * (u[2] + 0.5) + x.mean()


def translation(x, u):
  out = np.zeros_like(x)
  most = [round(side / 8) for side in x.shape[:2]]
  down, right = (int(v * (2 * m + 1)) - m for v, m in zip(u, most, strict=True))
  for i in range(x.shape[0]):
    for j in range(x.shape[1]):
      if 0 <= i + down < x.shape[0] and 0 <= j + right < x.shape[1]:
        out[i + down, j + right] = x[i, j]
  return out


def cutout(x, u):
  """A square of half the side whose centre, on a grid of pixels or of their corners, is in the image."""
  out = x.copy()
  half = [int(side / 2 + 0.5) for side in x.shape[:2]]
  top, left = (int(v * (s + 1 - h % 2)) - h // 2 for v, s, h in zip(u, x.shape, half, strict=False))
  out[max(top, 0) : max(top + half[0], 0), max(left, 0) : max(left + half[1], 0)] = 0
  return out


@pytest.mark.parametrize("shape", [(16, 24, 3), (9, 10, 1)])
@pytest.mark.parametrize("name", diff_augment.OPERATIONS)
def test_operations_are_the_papers(name, shape):
  rng, (operation, number) = np.random.default_rng(0), diff_augment.OPERATIONS[name]
  x, u = rng.normal(size=(40, *shape)), rng.random((40, number)).astype(np.float32)
  u[0], u[1] = 0, 1 - 2**-24  # both ends
  found = operation(jnp.asarray(x, jnp.float32), jnp.asarray(u))
  want = [globals()[name](image, v.astype(np.float64)) for image, v in zip(x, u, strict=True)]
  np.testing.assert_allclose(found, want, atol=1e-5)
  assert np.abs(np.asarray(found) - x).max() > 0.5


def test_grey_images_have_no_saturation():
  x, u = jax.random.normal(jax.random.key(0), (4, 8, 8, 1)), jax.random.uniform(jax.random.key(1), (4, 3))
  np.testing.assert_array_equal(diff_augment.color(x, u), diff_augment.color(x, u.at[:, 1].set(0.9)))


def test_gradients_go_through_to_second_order():
  """The derivative of a move, which is written out, against that which JAX finds for the same function."""
  x, y = jax.random.normal(jax.random.key(0), (2, 6, 16, 16, 3))
  pixels = jnp.array([[0, 0], [2, -2], [-2, 1], [1, 0], [0, -1], [-1, -1]])

  def penalty(move):
    def critic(x):
      return jnp.sum(jnp.tanh(move(x, pixels) * y))

    return jax.grad(lambda x: jnp.sum(jax.grad(critic)(x) ** 2))(x)

  by_jax = diff_augment.move.fun  # pyright: ignore[reportAttributeAccessIssue]
  np.testing.assert_allclose(penalty(diff_augment.move), penalty(by_jax), atol=1e-5)
  augment = diff_augment.build(tuple(diff_augment.OPERATIONS))
  keys = jax.random.split(jax.random.key(1), 6)
  slope = jax.grad(lambda x: jnp.sum(augment(x, keys) * y))(x)
  step_along = jax.random.normal(jax.random.key(2), x.shape)
  difference = jnp.sum((augment(x + 0.5 * step_along, keys) - augment(x - 0.5 * step_along, keys)) * y)
  assert float(jnp.sum(slope * step_along)) == pytest.approx(float(difference), rel=1e-3)  # it is linear in x


def test_an_operation_draws_the_same_whether_the_others_are_on():
  x = jax.random.normal(jax.random.key(0), (4, 8, 8, 3))
  alone, color_alone = (diff_augment.build((name,))(x, KEYS) for name in ("cutout", "color"))
  both = diff_augment.build(("cutout", "color"))(x, KEYS)  # always in the same order
  np.testing.assert_array_equal(both, jnp.where(alone == 0, 0, color_alone))
  assert len({float(v) for v in (color_alone - x)[:, 0, 0, 0]}) == 4  # each image has its own
  np.testing.assert_array_equal(diff_augment.build(())(x, KEYS), x)


ARGS: dict[str, Any] = dict(network="dense", width=4, latent_dim=4)


def test_both_players_see_it_and_nobody_else(monkeypatch):
  """If the whole image is cut out, all scores are those of zeros; a penalty sees it too."""
  blank = {"cutout": (lambda x, u: 0 * x, 2)}
  monkeypatch.setattr(diff_augment, "OPERATIONS", blank)
  args = dict(ARGS, penalty="r1r2", gamma=1.0)
  plain, m = (METHODS["gan"](tiny.SPEC, **args, diff_augment=names) for names in ((), ("cutout",)))
  x = tiny.data(4)
  real = Batch(x[0] / 127.5 - 1, x[1])
  nets = m.init(jax.random.key(0), real)

  def numbers(method):
    def one(_):
      found = {}
      for turn in method.turns:
        value, (_, seen) = turn.loss(nets[turn.player]["params"], nets, real, KEYS, jnp.int32(0))
        found |= {f"{turn.player}/{k}": v for k, v in ({"loss": value} | seen).items()}
      return found

    return jax.tree.map(lambda v: float(v[0]), jax.jit(jax.vmap(one, axis_name=AXIS))(jnp.arange(1)))

  seen, before = numbers(m), numbers(plain)
  zero = float(m.represent["critic"](nets, jnp.zeros((1, *tiny.SPEC.shape)))[0, 0])
  assert seen["critic/real"] == seen["critic/fake"] == pytest.approx(zero, abs=1e-6)
  assert seen["critic/r1"] == seen["critic/r2"] == seen["generator/image_gradient"] == 0
  assert before["critic/r1"] > 0 < before["generator/image_gradient"]
  assert seen["generator/loss"] == pytest.approx(np.log1p(np.exp(-zero)), rel=1e-5)
  assert seen["critic/diversity"] == before["critic/diversity"]
  np.testing.assert_array_equal(
    m.represent["critic"](nets, real.image), plain.represent["critic"](nets, real.image)
  )


@pytest.mark.parametrize(
  ("names", "word"),
  [
    (("colour",), "diff_augment is 'colour'.*did you mean 'color'"),
    (("cutout", "cutout"), "names an operation twice"),
    (("color,cutout",), r"is 'color,cutout'; several are given as \('color', 'translation'\)"),
    ("color", r"diff_augment is 'color'; it must be a list, such as \('color',\)"),
  ],
)
def test_bad_arguments(names, word):
  with pytest.raises(InputError, match=word):
    METHODS["gan"](tiny.SPEC, **ARGS, diff_augment=names)
