"""A deep ladder: many levels in one order, residual cells that start small, and a penalty by hand."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_configs import load
from test_hierarchical import loud

from gengap import methods
from gengap.errors import InputError
from gengap.method import AXIS, Batch, Spec
from gengap.methods import METHODS, elbo, kl, spectral_regularisation
from gengap.methods.posteriors import Gaussian, Sample
from gengap.networks import deep_ladder, ladder, spectral
from gengap.training import step

SHAPE = (8, 8, 1)
ENDS = (0, 3, 3 + 4 * 4 * 2, 3 + 4 * 4 * 3)  # of a vector of 3, and maps of 4x4x2 and 4x4x1
BATCH = Batch(jnp.asarray(tiny.data(4)[0] / 127.5 - 1, jnp.float32), jnp.zeros(4, jnp.int32))


def test_levels_of_one_size_follow_each_other():
  assert ladder.shapes((28, 28, 1), (16, (2, 1), 3)) == [(16,), (7, 7, 2), (7, 7, 1), (14, 14, 3)]
  forms = ladder.shapes(SHAPE, (3, (2, 1)))
  noise = jnp.arange(2.0 * ENDS[-1]).reshape(2, -1)
  parts = ladder.divide(noise, forms)
  assert [part.shape[1:] for part in parts] == forms
  np.testing.assert_array_equal(parts[2][0, 0, 0], noise[0, ENDS[2]])
  np.testing.assert_array_equal(ladder.join([ladder.Sampled(v, v, v) for v in parts]).u, noise)


@pytest.fixture(scope="module")
def climbed():
  model = deep_ladder.DeepLadder(SHAPE, (3, (2, 1)), width=8)
  x, noise = jax.random.normal(jax.random.key(2), (2, *SHAPE)), jax.random.normal(jax.random.key(3), (2, 51))
  first = jax.jit(model.init)(jax.random.key(0), noise, x)
  return jax.jit(model.apply), first, loud(first), x, noise


def test_with_an_image_the_latents_are_those_of_its_posterior(climbed):
  apply, _, variables, x, noise = climbed
  numbers, drawn = apply(variables, noise, x)
  np.testing.assert_allclose(drawn.u, drawn.mean + jnp.exp(drawn.log_std) * noise, atol=1e-5)
  again, prior = apply(variables, drawn.u)  # the way down is the same with and without the image
  np.testing.assert_allclose(again, numbers, atol=1e-4)
  np.testing.assert_array_equal(prior.u, drawn.u)
  assert not np.any(prior.mean) and not np.any(prior.log_std)
  for start, end in itertools.pairwise(ENDS):  # the image depends on every level
    assert (
      np.abs(apply(variables, noise.at[:, start:end].set(0))[0] - apply(variables, noise)[0]).max() > 1e-3
    )


def test_a_posterior_depends_on_the_levels_above_and_on_none_below(climbed):
  apply, _, variables, x, noise = climbed
  drawn = apply(variables, noise, x)[1]
  jacobian = np.asarray(jax.jacrev(lambda e: apply(variables, e[None], x[:1])[1].u[0])(noise[0]))
  for start, end in itertools.pairwise(ENDS[1:]):
    assert not np.any(jacobian[:start, start:])
    assert np.abs(jacobian[start:end, :start]).max() > 1e-3
  sign, log_det = np.linalg.slogdet(jacobian)
  assert sign > 0
  assert log_det == pytest.approx(float(drawn.log_std[0].sum()), abs=1e-3)


def test_log_standard_deviations_are_bounded_and_means_are_not(climbed):
  apply, _, variables, x, noise = climbed
  drawn = apply(variables, noise, 1e4 * x)[1]
  assert np.abs(drawn.mean).max() > 100
  assert 4.9 < np.abs(drawn.log_std).max() <= deep_ladder.BOUND
  mean, log_std = deep_ladder.gaussian(jnp.array([1.0, 0.1]))
  np.testing.assert_allclose((mean[0], log_std[0]), (1.0, 5 * math.tanh(0.02)), rtol=1e-6)


def test_at_first_the_prior_of_every_level_is_standard_normal(climbed):
  first = climbed[1]["params"]
  for level in ("level_2", "level_3"):
    assert not any(map(np.any, jax.tree.leaves(first[level]["prior"]["last"])))
    assert np.any(first[level]["posterior"]["last"]["kernel"])


def test_the_change_by_residual_cells_does_not_grow_with_their_number():
  x = jax.random.normal(jax.random.key(0), (4, 4, 4, 32))

  def change(number, scale):
    after, _ = jax.jit(deep_ladder.Cells(number, 32, scale).init_with_output)(jax.random.key(1), x)
    return float(jnp.std(after - x))

  alone, many, unscaled = change(1, 1.0), change(4, 0.5), change(4, 1.0)
  assert many == pytest.approx(alone, rel=0.3)
  assert unscaled == pytest.approx(2 * many, rel=0.3)
  assert alone < 0.3  # near the identity


def test_the_kl_and_the_free_bits_are_of_each_of_many_levels():
  rng, sizes = np.random.default_rng(0), (4, 6, 6, 2, 2)
  mean, log_std = rng.normal(size=(2, 8, 20)) * np.repeat([1.0, 0.5, 0.01, 0.2, 2.0], sizes)
  regulariser = elbo.closed_form(kl.weight(0.5), 1.0, sizes)
  q = Gaussian(jnp.asarray(mean), jnp.asarray(log_std), jnp.zeros((8, 0)))
  sample = Sample(jnp.zeros((8, 20)), jnp.asarray(mean), jnp.zeros(8))
  keys = jax.random.split(jax.random.key(0), 8)
  on_one_device = jax.vmap(lambda _: regulariser(q, sample, keys, jnp.int32(0)), axis_name=AXIS)
  (cost,), seen = on_one_device(jnp.arange(1))
  each = 0.5 * (mean**2 + np.exp(2 * log_std) - 2 * log_std - 1)
  levels = [part.sum(1).mean() for part in np.split(each, np.cumsum(sizes)[:-1], axis=1)]
  assert min(levels) < 0.1 and max(levels) > 2
  np.testing.assert_allclose([seen[f"level_{i + 1}"][0] for i in range(5)], levels, rtol=1e-5)
  assert float(cost) == pytest.approx(0.5 * np.maximum(levels, 1.0).sum(), rel=1e-5)
  assert "level_6" not in seen


def test_the_penalty_is_the_sum_of_the_largest_singular_values():
  """By NumPy's decomposition, after enough iterations of the power method, and from the same weights."""
  args = tiny.ARGS["vae"] | {"network": "dense"}
  plain = METHODS["vae"](tiny.SPEC, **args)
  m = spectral_regularisation.regularise(plain, 0.5)
  nets = m.init(jax.random.key(0), BATCH)
  tiny.assert_identical(nets["vae"]["params"], plain.init(jax.random.key(0), BATCH)["vae"]["params"])
  player, advance = nets["vae"], jax.jit(spectral.advance)
  for _ in range(300):
    player = advance(player)
  want = sum(np.linalg.svd(w, compute_uv=False)[0] for w in spectral.kernels(player["params"]).values())

  @jax.jit
  def loss(player):
    def once(_):
      keys = jax.random.split(jax.random.key(1), 4)
      both = (m.turns[0].loss, plain.turns[0].loss)
      return [f(player["params"], {"vae": player}, BATCH, keys, jnp.int32(0)) for f in both]

    return jax.vmap(once, axis_name=AXIS)(jnp.arange(1))

  (value, (changed, seen)), (without, _) = loss(player)
  assert float(seen["spectral_norms"][0]) == pytest.approx(want, rel=1e-3)
  assert float(value[0] - without[0]) == pytest.approx(0.5 * want, rel=1e-3)
  after = jax.tree.map(lambda x: x[0], changed["vae"]["spectral"])
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-3), after, player["spectral"])
  assert spectral_regularisation.regularise(plain, 0.0) is plain


def test_a_kernel_that_starts_at_zero_is_penalised_as_soon_as_it_is_not():
  """Such are those of the priors; a power iteration of a matrix of zeros would end in a vector of zeros."""
  kernels = {"first": {"kernel": jnp.zeros((3, 2))}}
  start = {"params": kernels, "spectral": spectral.init(jax.random.key(0), kernels)}
  loss: Any = lambda *args: (0.0, ({}, {}))  # noqa: E731
  penalised: Any = spectral_regularisation.penalised(loss, "vae", 0.5)
  value, (changed, _) = penalised(kernels, {"vae": start}, BATCH, None, 0)
  assert value == 0
  tiny.assert_identical(changed["vae"]["spectral"], start["spectral"])
  later = {"first": {"kernel": jnp.array([[3.0, 4.0]] * 3)}}
  value, _ = penalised(later, {"vae": start | changed["vae"]}, BATCH, None, 1)
  assert float(value) == pytest.approx(0.5 * math.sqrt(75), rel=1e-5)


def test_the_penalty_changes_the_weights_and_its_vectors_move_on():
  args = tiny.ARGS["vae"] | {"network": "dense"}
  m = spectral_regularisation.regularise(METHODS["vae"](tiny.SPEC, **args), 1e3)
  before = tiny.state(m).nets["vae"]
  after = tiny.run(m, 20)[0].nets["vae"]
  largest = lambda w: np.linalg.svd(w, compute_uv=False)[0]  # noqa: E731
  sums = [sum(map(largest, spectral.kernels(net["params"]).values())) for net in (before, after)]
  assert sums[1] < 0.98 * sums[0]
  assert min(tiny.differences(before["spectral"], after["spectral"]).values()) > 0


def test_the_parameters_of_the_shallow_ladder_are_those_of_older_checkpoints():
  c = load("hierarchical_vae", "mnist")
  m = methods.build(c, Spec((28, 28, 1), 10))
  nets = jax.eval_shape(m.init, jax.random.key(0), Batch(jnp.zeros((1, 28, 28, 1)), jnp.zeros(1, jnp.int32)))
  assert set(nets) == {"vae"} and set(nets["vae"]) == {"params"} and set(nets["vae"]["params"]) == {"ladder"}
  conv = lambda k, n, m: {"kernel": (k, k, n, m), "bias": (m,)}  # noqa: E731
  residual = {"Conv_0": conv(3, 16, 16), "Conv_1": conv(3, 16, 16)}
  down = residual | {"Conv_2": conv(1, 16, 16)}

  def level(n):
    last = {"posterior": conv(3, 32, 2 * n), "prior": conv(1, 16, 2 * n), "told": conv(1, n, 16)}
    return {"before": residual} | last

  sides = {
    f"{block}_{i}": shapes for i in range(2) for block, shapes in (("Down", down), ("Residual", residual))
  }
  assert jax.tree.map(lambda x: x.shape, nets["vae"]["params"]["ladder"]) == {
    "gather": {"Conv_0": conv(3, 1, 16)} | sides,
    "top": {"kernel": (784, 32), "bias": (32,)},
    "start": {"kernel": (16, 784), "bias": (784,)},
    "level_2": level(2),
    "level_3": level(1),
    "up_1": conv(4, 16, 16),
    "up_2": conv(4, 16, 16),
    "out": conv(3, 16, 1),
  }


def test_a_method_with_the_penalty_keeps_its_vectors_and_has_a_code_of_all_levels():
  """Traces a step and an encoding; `test_hierarchical` trains a run of the same model."""
  m = tiny.method("deep_hierarchical_vae", spectral_weight=0.1, latents=(2, (1,)))
  state = jax.eval_shape(lambda: tiny.state(m))
  after, _ = jax.eval_shape(step.dispatch(m, batch_size=4), jnp.arange(1), np.uint32(0), state, tiny.data())
  assert set(after.nets["vae"]) == {"params", "spectral"}
  assert jax.tree.structure(after) == jax.tree.structure(state)
  for name in ("mean", "log_std", "code"):
    assert jax.eval_shape(m.represent[name], state.nets, BATCH.image).shape == (4, 2 + 16)


@pytest.mark.parametrize(
  ("args", "word"),
  [
    ({"latents": ()}, "latents is empty"),
    ({"latents": 4}, "latents is 4; it must be a list"),
    ({"latents": ((4, 4), 2)}, r"latents has \(4, 4\) in place 1, which is a vector"),
    ({"latents": (4, ())}, r"latents has \(\) in place 2, which names no level"),
    ({"latents": (4, (2, 0))}, "latents has 0; it must list whole numbers"),
    ({"latents": (4, (2, "2"))}, "latents has '2'; it must list whole numbers"),
    ({"latents": (4, (2, (1,)))}, r"latents has \(1,\); it must list whole numbers"),
    ({"latents": (4.0, 2)}, "latents has 4.0; it must list whole numbers"),
    ({"latents": (4, (2, 1), 1)}, "latents has 3 entries, and 8x8 images have 2 sizes"),
    ({"cells": 0}, "cells is 0; it must be a whole number of at least 1"),
    ({"cells": 1.5}, "cells is 1.5; it must be a whole number"),
    ({"free_bits": -1.0}, "free_bits is -1.0"),
    ({"spectral_weight": -0.1}, "spectral_weight is -0.1; it must be a number of at least 0"),
    ({"width": 0}, "width is 0"),
  ],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    METHODS["deep_hierarchical_vae"](tiny.SPEC, **(tiny.ARGS["deep_hierarchical_vae"] | args))
