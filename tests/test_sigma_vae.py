"""The optimal variance of Rybkin et al. (2021): its loss by hand, and which variance is used where."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import tiny
from test_vae import KEYS, Linear, N, play

from gengap.errors import InputError
from gengap.method import Batch, Spec
from gengap.methods import METHODS, build, common, likelihoods
from gengap.networks import NETWORKS, Family

IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, *tiny.SPEC.shape)).astype(np.float32)
BATCH = Batch(jnp.asarray(IMAGES), jnp.zeros(4, jnp.int32))


@pytest.fixture
def grey(monkeypatch):
  """A VAE whose decoder says 0.1 for every pixel."""
  monkeypatch.setattr(common, "NETWORKS", {**NETWORKS, "by_hand": Family(tiny.Grey, Linear)})
  m = METHODS["vae"](tiny.SPEC, network="by_hand", latent_dim=2, likelihood="gaussian_optimal")
  nets = m.init(jax.random.key(0), BATCH)
  nets["vae"]["params"]["decoder"]["value"] = jnp.float32(0.1)
  return m, nets


def kept(nets, variance):
  """Returns the variables with another kept variance."""
  statistics = {**nets["vae"]["batch_stats"], "variance": jnp.float32(variance)}
  return {"vae": {**nets["vae"], "batch_stats": statistics}}


def test_the_loss_is_that_of_the_best_variance_of_the_batch(grey):
  m, nets = grey
  _, seen, grads = play(m, BATCH, nets=nets)
  residuals = IMAGES.astype(np.float64) - 0.1
  variance = np.mean(residuals**2)
  assert seen["scale"] == pytest.approx(math.sqrt(variance), rel=1e-5)
  want = N / 2 * (math.log(variance) + 1 + math.log(2 * math.pi))
  assert seen["reconstruction"] == pytest.approx(want, rel=1e-5)
  of_scipy = -scipy.stats.norm.logpdf(residuals, 0, math.sqrt(variance)).sum((1, 2, 3)).mean()
  assert want == pytest.approx(of_scipy, rel=1e-9)
  # The derivative by the decoder's value, also through the variance: N / 2 d log(variance).
  slope = -N * residuals.mean() / variance
  assert float(grads["decoder"]["value"]) == pytest.approx(slope, rel=1e-4)


def test_the_kept_variance_is_a_moving_average(grey):
  m, nets = grey
  variance = np.mean((IMAGES - 0.1) ** 2)

  def after(step):
    run = lambda _: m.turns[0].loss(nets["vae"]["params"], nets, BATCH, KEYS, jnp.int32(step))[1][0]  # noqa: E731
    changed = jax.vmap(run, axis_name="devices")(jnp.arange(1))
    return float(changed["vae"]["batch_stats"]["variance"][0])

  assert nets["vae"]["batch_stats"]["variance"] == 1
  assert after(0) == pytest.approx(0.1 + 0.9 * variance, rel=1e-5)
  assert after(10**6) == pytest.approx(0.99 + 0.01 * variance, rel=1e-5)


def test_evaluation_uses_the_kept_variance(grey):
  m, nets = grey
  at = {v: play(m, BATCH, nets=kept(nets, v)) for v in (0.04, 0.09)}
  assert at[0.04][0] == at[0.09][0]  # the loss does not use it
  keys, z = jax.random.split(jax.random.key(1), 4), jnp.zeros((4, 2))
  for variance, (_, seen, _) in at.items():
    scale, now = math.sqrt(variance), kept(nets, variance)
    log_p = scipy.stats.norm.logpdf(IMAGES, 0.1, scale).sum((1, 2, 3))
    elbo = log_p.mean() - seen["kl"]
    assert seen["elbo"] == pytest.approx(elbo, rel=1e-4)
    assert seen["bits"] == pytest.approx((-elbo / N + math.log(127.5)) / math.log(2), rel=1e-4)
    np.testing.assert_allclose(m.density.elbo_terms(now, BATCH.image, keys)[0], log_p, rtol=1e-4)
    prior = scipy.stats.norm.logpdf(np.zeros(2)).sum()
    np.testing.assert_allclose(m.density.log_joint(now, BATCH.image, z), log_p + prior, rtol=1e-4)
    drawn = np.asarray(m.density.draw(now, z, keys)) - 0.1
    assert drawn.std() == pytest.approx(scale, rel=0.2)


def test_the_variance_is_at_least_that_of_a_grey_level():
  p, x = likelihoods.find("gaussian_optimal"), jnp.zeros((2, 4, 4, 1))
  once = lambda _: p.best_variance(x + 1e-6, x)  # noqa: E731  # pyright: ignore[reportOptionalCall]
  assert float(jax.vmap(once, axis_name="devices")(jnp.arange(1))[0]) == pytest.approx(127.5**-2)


@pytest.mark.parametrize("name", ["ae", "vae", "mmd_vae", "hierarchical_vae", "deep_hierarchical_vae"])
def test_every_autoencoder_takes_it(name):
  m = tiny.method(name, likelihood="gaussian_optimal")
  (turn,) = m.turns

  def once(_):
    nets = m.init(jax.random.key(0), BATCH)
    _, (changed, seen) = turn.loss(nets[turn.player]["params"], nets, BATCH, KEYS, jnp.int32(0))
    return nets, changed, seen

  nets, changed, seen = jax.eval_shape(jax.vmap(once, axis_name="devices"), jnp.arange(1))
  assert set(changed[turn.player]["batch_stats"]) == set(nets[turn.player]["batch_stats"])
  assert {"scale", "reconstruction"} <= set(seen)


def test_a_vae_gan_has_no_likelihood_of_pixels():
  from gengap.config import base

  c = base("vae_gan", likelihood="gaussian_optimal")
  with pytest.raises(InputError, match=r"config.method_args.likelihood is not an argument of 'vae_gan'"):
    build(c, Spec((8, 8, 1), 2))
