"""Levels of latents: which see which, and a bound that counts all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_train import config

import gengap
from gengap.errors import InputError
from gengap.method import AXIS, Batch
from gengap.methods import METHODS
from gengap.networks import ladder
from gengap.training import loop

SHAPE = (8, 8, 1)
LATENTS = (3, 2)
D = 3 + 4 * 4 * 2  # a vector of 3, and two maps of 4x4


def loud(variables):
  """Weights that are nowhere near nothing."""
  leaves, tree = jax.tree.flatten(variables)
  keys = jax.random.split(jax.random.key(1), len(leaves))
  noisy = [x + 0.3 * jax.random.normal(key, x.shape) for x, key in zip(leaves, keys, strict=True)]
  return jax.tree.unflatten(tree, noisy)


@pytest.fixture(scope="module")
def climbed():
  model = ladder.Ladder(SHAPE, LATENTS, width=4)
  x, noise = jax.random.normal(jax.random.key(2), (2, *SHAPE)), jax.random.normal(jax.random.key(3), (2, D))
  return model, loud(model.init(jax.random.key(0), noise, x)), x, noise


def test_levels_are_a_vector_and_maps_of_twice_the_side():
  assert ladder.shapes((28, 28, 1), (16, 2, 1)) == [(16,), (7, 7, 2), (14, 14, 1)]
  assert ladder.shapes((32, 32, 3), (16, 4, 2, 1)) == [(16,), (4, 4, 4), (8, 8, 2), (16, 16, 1)]
  assert ladder.shapes((32, 32, 3), (16,)) == [(16,)]


def test_with_an_image_the_latents_are_those_of_its_posterior(climbed):
  model, variables, x, noise = climbed
  numbers, drawn = model.apply(variables, noise, x)
  np.testing.assert_allclose(drawn.u, drawn.mean + jnp.exp(drawn.log_std) * noise, atol=1e-5)
  assert numbers.shape == (2, *SHAPE)
  again, prior = model.apply(variables, drawn.u)  # the way down is the same with and without the image
  np.testing.assert_allclose(again, numbers, atol=1e-4)
  np.testing.assert_array_equal(prior.u, drawn.u)
  assert not np.any(prior.mean) and not np.any(prior.log_std)


def test_a_posterior_sees_the_levels_above_and_none_below(climbed):
  """So its Jacobian by the noise is block triangular, and its determinant is that of the scales alone."""
  model, variables, x, noise = climbed
  drawn = model.apply(variables, noise, x)[1]
  jacobian = np.asarray(jax.jacrev(lambda e: model.apply(variables, e[None], x[:1])[1].u[0])(noise[0]))
  assert not np.any(jacobian[:3, 3:])
  assert np.abs(jacobian[3:, :3]).max() > 1e-3
  sign, log_det = np.linalg.slogdet(jacobian)
  assert sign > 0
  assert log_det == pytest.approx(float(drawn.log_std[0].sum()), abs=1e-3)


def test_every_level_tells_the_image_something(climbed):
  model, variables, _, noise = climbed
  image = model.apply(variables, noise)[0]
  for level in (slice(0, 3), slice(3, None)):
    assert np.abs(model.apply(variables, noise.at[:, level].set(0))[0] - image).max() > 1e-3


def test_the_kl_of_the_levels_is_that_of_their_samples():
  """In the mean over draws: the closed form of each level, given those above, and log q - log p there."""
  m = METHODS["hierarchical_vae"](tiny.SPEC, **tiny.ARGS["hierarchical_vae"])
  x = jax.random.normal(jax.random.key(5), (4, *tiny.SPEC.shape))
  nets = m.init(jax.random.key(0), Batch(x, jnp.zeros(4, jnp.int32)))
  leaves, tree = jax.tree.flatten(nets)
  nets = jax.tree.unflatten(
    tree, [v + 0.1 * jax.random.normal(jax.random.key(v.size), v.shape) for v in leaves]
  )
  (turn,) = m.turns

  def once(keys):
    return turn.loss(nets["vae"]["params"], nets, Batch(x, jnp.zeros(4, jnp.int32)), keys, jnp.int32(0))[1][1]

  on_one_device = jax.vmap(once, axis_name=AXIS)
  seen = jax.jit(jax.vmap(on_one_device))(jax.random.split(jax.random.key(1), (400, 1, 4)))
  np.testing.assert_allclose(seen["level_1"] + seen["level_2"], seen["kl"], rtol=1e-5)
  assert min(seen["level_1"].min(), seen["level_2"].min()) > 0.1
  difference = np.asarray(seen["kl_sample"] - seen["kl"])
  assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(difference))
  ones = jax.jit(jax.vmap(lambda keys: sum(m.density.elbo_terms(nets, x, keys)[:2]).mean()))  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
  weights = np.asarray(ones(jax.random.split(jax.random.key(2), (400, 4))))
  elbos = np.asarray(seen["elbo"])
  assert abs(weights.mean() - elbos.mean()) < 4 * np.hypot(weights.std(), elbos.std()) / 20


def test_free_bits_are_of_a_level():
  """Where no level tells more than that, each pays it, and none learns to tell less."""
  args = tiny.ARGS["hierarchical_vae"]
  x = Batch(jnp.zeros((4, *tiny.SPEC.shape)), jnp.zeros(4, jnp.int32))
  m = METHODS["hierarchical_vae"](tiny.SPEC, **args, free_bits=50.0)
  nets = m.init(jax.random.key(0), x)
  keys = jax.random.split(jax.random.key(1), 4)
  loss = jax.vmap(
    lambda _: m.turns[0].loss(nets["vae"]["params"], nets, x, keys, jnp.int32(0)),
    axis_name=AXIS,
    out_axes=None,
  )
  value, (_, seen) = loss(jnp.arange(1))
  assert max(seen["level_1"], seen["level_2"]) < 50
  assert value == pytest.approx(float(seen["reconstruction"]) + 100, rel=1e-5)


def test_it_trains_and_has_a_run_of_its_own(tmp_path):
  loop.train(config("hierarchical_vae", steps=4), tmp_path)
  run = gengap.load(tmp_path)
  images = run.sample(jax.random.key(0), 3)
  mean, log_std = run.encode(images)
  assert mean.shape == log_std.shape == (3, run.method.latent_dim)
  np.testing.assert_allclose(run.reconstruct(images), run.generate(mean), atol=1e-6)
  assert run.log_likelihood(jax.random.key(1), images, 2).shape == (3,)


@pytest.mark.parametrize(
  ("args", "word"),
  [
    (
      {"latents": (4, 2, 1)},
      "latents has 3 entries, and 8x8 images have 2 sizes of levels: a vector and maps of 1",
    ),
    ({"latents": (4, 0)}, "latents has 0"),
    ({"latents": ()}, "latents is empty"),
    ({"free_bits": -1.0}, "free_bits is -1.0"),
    ({"width": 0}, "width is 0"),
  ],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    METHODS["hierarchical_vae"](tiny.SPEC, **(tiny.ARGS["hierarchical_vae"] | args))
