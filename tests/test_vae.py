"""Autoencoders: likelihoods that are probabilities, the KL and its price, and the loss by hand."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import tiny
from ml_collections import ConfigDict
from test_train import config

import gengap
from gengap.errors import InputError
from gengap.method import AXIS, Batch
from gengap.methods import METHODS, common, kl, likelihoods
from gengap.networks import NETWORKS, Family
from gengap.training import loop

KEYS = jax.random.split(jax.random.key(0), 4)
N = math.prod(tiny.SPEC.shape)
LEVELS = np.arange(256) / 127.5 - 1


class Linear(nn.Module):
  """An encoder to `slope` times the sum of the pixels."""

  outputs: int
  width: int = 1
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x, train, keys=None):
    slope = self.param("slope", nn.initializers.constant(0.5), ())
    return jnp.broadcast_to(slope * x.sum((1, 2, 3))[:, None], (len(x), self.outputs))


@pytest.fixture
def by_hand(monkeypatch):
  monkeypatch.setattr(common, "NETWORKS", {**NETWORKS, "by_hand": Family(tiny.Grey, Linear)})


def batch(value, n=4):
  return Batch(jnp.full((n, *tiny.SPEC.shape), value), jnp.zeros(n, jnp.int32))


def play(m, images, step=0, nets=None, keys=KEYS):
  """Returns the loss, its numbers and its gradient, as on one device."""
  nets = tiny.init(m, jax.random.key(0), images) if nets is None else nets
  (t,) = m.turns

  def once(_):
    def loss(params):
      return t.loss(params, nets, images, keys, jnp.int32(step))

    (value, (_, seen)), grads = jax.value_and_grad(loss, has_aux=True)(nets[t.player]["params"])
    return value, seen, grads

  value, seen, grads = jax.tree.map(lambda x: x[0], jax.vmap(once, axis_name=AXIS)(jnp.arange(1)))
  return float(value), {k: float(v) for k, v in seen.items()}, grads


def log_probs(p, numbers, values, log_scale=0.0):
  """Returns log p of one-pixel images, all under the same numbers of the decoder."""
  x = jnp.asarray(values, jnp.float32).reshape(-1, 1, 1, 1)
  numbers = jnp.broadcast_to(jnp.asarray(numbers, jnp.float32), (*x.shape[:3], p.each))
  return np.asarray(p.log_prob(numbers, jnp.float32(log_scale), x), np.float64) - p.constant


# name: (description, numbers of the decoder for a pixel, learned log scale)
DENSITIES = {
  "squared_error": ("squared_error", [0.3], 0.0),
  "gaussian": ({"likelihood": "gaussian", "scale": 0.2}, [-0.4], 0.0),
  "gaussian_global": ("gaussian_global", [0.1], -1.3),
  "gaussian_pixel": ("gaussian_pixel", [0.1, -2.0], 0.0),
  "floored": ("gaussian_pixel", [0.1, -50.0], 0.0),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_integrates_to_one(name):
  description, numbers, log_scale = DENSITIES[name]
  p = likelihoods.find(description)
  x = np.linspace(-8, 8, 400_001)
  density = np.exp(log_probs(p, numbers, x, log_scale))
  assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-4)
  assert np.trapezoid(density * x, x) == pytest.approx(numbers[0], abs=1e-4)
  assert p.density


def test_gaussians_have_the_scale_that_is_asked_for():
  x = np.linspace(-1, 1, 9)
  for description, scale in (("squared_error", math.sqrt(0.5)), ("gaussian", 1.0)):
    want = scipy.stats.norm.logpdf(x, 0.25, scale)
    np.testing.assert_allclose(log_probs(likelihoods.find(description), [0.25], x), want, atol=1e-5)
  for description, numbers, learned in (
    ("gaussian_global", [0.25], -0.7),
    ("gaussian_pixel", [0.25, -0.7], 9),
  ):
    got = log_probs(likelihoods.find(description), numbers, x, learned)
    scale = math.exp(-0.7) * (1 + math.exp(0.7) / 127.5)  # softplus above the floor
    np.testing.assert_allclose(got, scipy.stats.norm.logpdf(x, 0.25, scale), atol=1e-5)


def test_no_learned_scale_is_narrower_than_a_grey_level():
  peak = log_probs(likelihoods.find("gaussian_pixel"), [0.0, -50.0], [0.0])[0]
  assert peak == pytest.approx(math.log(127.5) - 0.5 * math.log(2 * math.pi), abs=1e-4)


@pytest.mark.parametrize("numbers", [[0.2, -1.0], [-1.5, -3.0], [0.9, -50.0], [0.0, 4.0]])
def test_the_probabilities_of_all_grey_levels_sum_to_one(numbers):
  p = likelihoods.find("discretised_logistic")
  log_p = log_probs(p, numbers, LEVELS)
  assert np.isfinite(log_p).all()
  assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-4)
  assert not p.density


def test_a_grey_level_has_the_mass_of_the_logistic_between_its_edges():
  cdf = scipy.stats.logistic(loc=0.2, scale=math.exp(-1.0) * (1 + math.exp(1.0) / 127.5)).cdf
  inner = LEVELS[1:-1]
  want = np.log(cdf(inner + 1 / 255) - cdf(inner - 1 / 255))
  got = log_probs(likelihoods.find("discretised_logistic"), [0.2, -1.0], LEVELS)
  np.testing.assert_allclose(got[1:-1], want, atol=1e-4)
  np.testing.assert_allclose(got[0], np.log(cdf(-1 + 1 / 255)), atol=1e-4)


def test_bernoulli_gives_a_bit_its_probability():
  p = likelihoods.find("bernoulli")
  np.testing.assert_allclose(
    np.exp(log_probs(p, [1.2], [1.0, -1.0])), [1 / (1 + math.exp(-1.2)), 1 / (1 + math.exp(1.2))], atol=1e-6
  )
  assert float(p.mean(jnp.array([1.2]))[0]) == pytest.approx(2 / (1 + math.exp(-1.2)) - 1, abs=1e-6)


def test_binarisations():
  image = jnp.array([-1.0, -0.2, 0.0, 0.4, 1.0]).reshape(1, 5, 1, 1).repeat(4000, 0)
  keys = jax.random.split(jax.random.key(0), len(image))
  drawn, static, none = (likelihoods.bernoulli(how).target for how in ("dynamic", "static", "none"))
  np.testing.assert_array_equal(static(image, keys)[0].ravel(), [-1, -1, -1, 1, 1])
  np.testing.assert_array_equal(none(image, keys), image)
  bits = np.asarray(drawn(image, keys))
  assert set(np.unique(bits)) == {-1.0, 1.0}
  np.testing.assert_allclose(bits.mean(0).ravel(), image[0].ravel(), atol=0.06)
  np.testing.assert_array_equal(drawn(image, None), image)
  assert likelihoods.find("bernoulli").target is drawn


def test_bits_of_a_density_are_those_of_its_grey_levels():
  """A broad Gaussian over 8-bit levels: the sum over levels of p(level), by its density, is 1."""
  p = likelihoods.find({"likelihood": "gaussian", "scale": 0.15})
  log_p = log_probs(p, [0.0], LEVELS)
  bits = np.asarray(p.bits(jnp.asarray(log_p), 1))
  assert (2.0**-bits).sum() == pytest.approx(1, abs=1e-3)
  q = likelihoods.find("bernoulli")
  assert float(q.bits(jnp.float32(-3 * math.log(2)), 3)) == pytest.approx(1, abs=1e-6)


def test_one_samples_kl_is_the_closed_form_in_the_mean():
  mean, log_std = jnp.array([[0.7, -1.2]]), jnp.array([[-0.5, 0.3]])
  noise = jax.random.normal(jax.random.key(0), (400_000, 2))
  z = mean + jnp.exp(log_std) * noise
  samples = np.asarray(kl.of_sample(log_std, noise, z, jnp.zeros(len(z))), np.float64)
  ratio = scipy.stats.norm.logpdf(z, mean, np.exp(log_std)) - scipy.stats.norm.logpdf(z)
  np.testing.assert_allclose(samples, ratio.sum(1), atol=1e-4)
  error = samples.std() / math.sqrt(len(samples))
  assert abs(float(kl.to_prior(mean, log_std).sum()) - samples.mean()) < 4 * error
  assert float(kl.to_prior(jnp.zeros(()), jnp.zeros(()))) == 0


# name: (description, {step: (cost of a rate of 2 nats)})
WEIGHTS = {
  "number": (3.0, {0: 6, 99: 6}),
  "zero": (0, {0: 0, 99: 0}),
  "constant": ({"schedule": "constant", "value": 0.5}, {0: 1, 99: 1}),
  "linear": ({"schedule": "linear", "start": 1.0, "stop": 2.0, "steps": 10}, {0: 2, 5: 3, 10: 4, 99: 4}),
  "warmup": ({"schedule": "warmup", "steps": 10}, {0: 0, 5: 1, 10: 2, 99: 2}),
  "cyclical": ({"schedule": "cyclical", "steps": 10}, {0: 0, 2: 0.8, 5: 2, 9: 2, 10: 0, 12: 0.8}),
  "sawtooth": ({"schedule": "cyclical", "steps": 4, "rising": 1.0, "stop": 4.0}, {0: 0, 1: 2, 3: 6, 4: 0}),
  "capacity": ({"schedule": "capacity", "steps": 10, "stop": 5.0, "weight": 3.0}, {0: 6, 4: 0, 6: 3, 99: 9}),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weighted_kl_at_its_corners(name):
  description, want = WEIGHTS[name]
  weight = kl.weight(description)
  got = {step: float(weight(jnp.float32(2.0), jnp.int32(step))[0]) for step in want}
  assert got == pytest.approx(want, abs=1e-5)


def test_free_bits_at_their_corners():
  units = jnp.array([0.1, 0.5, 2.0])
  assert float(kl.with_free_bits(units, 0.0)) == pytest.approx(2.6)
  assert float(kl.with_free_bits(units, 0.5)) == pytest.approx(3.0)
  np.testing.assert_array_equal(jax.grad(kl.with_free_bits)(units, 1.0), [0, 0, 1])


def test_free_bits_are_of_the_batch_and_not_of_an_image(by_hand):
  """Images of KL 0 and of a large one: their mean is above what is free, so all of it is paid for."""
  m = METHODS["vae"](tiny.SPEC, network="by_hand", latent_dim=2, free_bits=0.1)
  free = METHODS["vae"](tiny.SPEC, network="by_hand", latent_dim=2)
  mixed = Batch(jnp.concatenate([batch(0.0, 2).image, batch(0.02, 2).image]), jnp.zeros(4, jnp.int32))
  assert play(m, mixed)[0] == pytest.approx(play(free, mixed)[0], rel=1e-6)
  loss, seen, _ = play(m, batch(0.0))
  assert seen["kl"] == 0
  assert loss == pytest.approx(2 * 0.1, rel=1e-5)


def test_active_units_by_hand():
  """The means of three latents over four images: constant, barely moving, moving."""
  means = np.array([[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [1.0, 0.0, 1.0], [1.0, 0.1, 1.0]])
  assert float(kl.active_units(jnp.asarray(means))) == 1


def test_active_units_need_two_images_and_an_unbiased_variance():
  """The unbiased variance of 0 and 0.15 is 0.01125, and half of that if divided by n."""
  assert np.isnan(kl.active_units(jnp.ones((1, 3))))
  assert float(kl.active_units(jnp.array([[0.0], [0.15]]))) == 1
  assert float(kl.active_units(jnp.array([[0.0], [0.13]]))) == 0


def test_the_kl_of_every_latent_by_hand():
  mean, log_std = jnp.array([[1.0, 0.0, 0.1]]), jnp.log(jnp.array([[0.5, 1.0, 1.0]]))
  want = [[0.5 * (1 + 0.25 - 2 * math.log(0.5) - 1), 0, 0.5 * 0.01]]
  np.testing.assert_allclose(kl.to_prior(mean, log_std), want, rtol=1e-6)


def test_the_loss_of_a_known_autoencoder(by_hand):
  """The encoder says mean = log variance = 0.5 sum(x) = s; the decoder says 0."""
  m = METHODS["vae"](tiny.SPEC, network="by_hand", latent_dim=2, beta=3.0)
  loss, seen, _ = play(m, batch(0.01))
  s = 0.5 * 0.01 * N
  rate = 2 * 0.5 * (s**2 + math.exp(s) - s - 1)
  squared = 0.01**2 * N
  assert seen["kl"] == pytest.approx(rate, rel=1e-4)
  assert seen["reconstruction"] == pytest.approx(squared, rel=1e-4)
  assert loss == pytest.approx(squared + 3.0 * rate, rel=1e-4)
  # log N(x; 0, 1/2) over N pixels, with all its constants
  elbo = -squared - 0.5 * N * math.log(math.pi) - rate
  assert seen["elbo"] == pytest.approx(elbo, rel=1e-4)
  assert seen["bits"] == pytest.approx((-elbo / N + math.log(127.5)) / math.log(2), rel=1e-4)


def test_a_likelihood_is_in_the_loss_with_its_constants(by_hand):
  m = METHODS["vae"](tiny.SPEC, network="by_hand", latent_dim=2, beta=0.0, likelihood="bernoulli")
  loss, seen, _ = play(m, batch(1.0))
  assert loss == seen["reconstruction"] == pytest.approx(N * math.log(2), rel=1e-5)


def test_a_vae_without_kl_and_sampling_is_an_autoencoder():
  """Bit for bit, with the weights of its means and whatever weights of its variances."""
  args = tiny.ARGS["vae"] | {"clip_norm": 0.0}
  vae, ae = METHODS["vae"](tiny.SPEC, beta=0.0, sample=False, **args), METHODS["ae"](tiny.SPEC, **args)
  images = Batch(tiny.data()[0][:4] / 127.5 - 1, jnp.zeros(4, jnp.int32))
  nets = tiny.init(vae, jax.random.key(0), images)
  head = nets["vae"]["params"]["encoder"]["Dense_0"]
  half = jax.tree.map(lambda x: x[..., :4], head)
  params = nets["vae"]["params"]
  small = {"ae": {"params": params | {"encoder": params["encoder"] | {"Dense_0": half}}}}
  whole_loss, _, whole = play(vae, images, nets=nets)
  loss, _, grads = play(ae, images, nets=small)
  assert whole_loss == loss
  got = whole["encoder"].pop("Dense_0")
  want = grads["encoder"].pop("Dense_0")
  tiny.assert_identical(whole, grads)
  tiny.assert_identical(jax.tree.map(lambda x: x[..., :4], got), want)
  assert not any(np.any(x[..., 4:]) for x in jax.tree.leaves(got))


@pytest.mark.parametrize("name", likelihoods.LIKELIHOODS)
def test_every_likelihood_trains(name):
  m = tiny.method("vae", likelihood=name, learning_rate=1e-2)
  _, seen = tiny.run(m, 60)
  losses = [float(x["vae/loss"][0]) for x in seen]
  assert np.isfinite(losses).all()
  assert np.mean(losses[-10:]) < np.mean(losses[:5])
  assert m.generate
  images = m.generate(tiny.run(m, 1)[0].nets, jnp.zeros((2, m.latent_dim)), jnp.zeros(2, jnp.int32))
  assert images.shape == (2, *tiny.SPEC.shape)


def test_a_learned_scale_moves():
  m = tiny.method("vae", likelihood="gaussian_global", learning_rate=1e-2)
  state, _ = tiny.run(m, 5)
  assert float(state.nets["vae"]["params"]["log_scale"]) != 0


def test_a_tanh_is_of_the_mean():
  p = likelihoods.find({"likelihood": "squared_error", "tanh": True})
  want = scipy.stats.norm.logpdf([0.3], np.tanh(0.8), math.sqrt(0.5))
  np.testing.assert_allclose(log_probs(p, [0.8], [0.3]), want, rtol=1e-5)
  np.testing.assert_allclose(p.mean(jnp.array([0.8])), np.tanh(0.8), rtol=1e-6)


@pytest.mark.parametrize("name", ["vae", "ae"])
def test_skips_and_attention_reach_the_networks(name):
  m = METHODS[name](tiny.SPEC, **tiny.ARGS[name], skips=[2], attention=True)
  state, seen = tiny.run(m, 2)
  params = state.nets[name]["params"]
  assert params["decoder"]["Skips_0"]["stage_0"]["kernel"].shape == (4, 2)
  assert "Attention_0" in params["decoder"] and "Attention_0" in params["encoder"]
  assert np.isfinite(seen[-1][f"{name}/loss"]).all()


def test_images_are_clipped():
  m = METHODS["vae"](tiny.SPEC, **tiny.ARGS["vae"])
  nets = tiny.init(m, jax.random.key(0), batch(0.0))
  loud = jax.tree.map(lambda x: 100 * x, nets)
  assert m.generate
  images = m.generate(loud, jnp.ones((4, 4)), jnp.zeros(4, jnp.int32))
  assert float(jnp.abs(images).max()) <= 1


def test_an_autoencoder_reconstructs_and_has_no_posterior(tmp_path):
  loop.train(config("ae", steps=4, best="valid/ae/loss"), tmp_path)
  run = gengap.load(tmp_path)
  images = run.sample(jax.random.key(0), 3)
  np.testing.assert_allclose(run.reconstruct(images), run.generate(run.represent("code", images)), atol=1e-6)
  with pytest.raises(InputError, match="no q"):
    run.encode(images)


@pytest.mark.parametrize(
  ("args", "word"),
  [
    ({"beta": -1.0}, "beta is -1.0; it must be a number of at least 0"),
    ({"beta": float("nan")}, "beta is nan"),
    ({"beta": "warmup"}, "beta: .*missing.*'steps'"),
    ({"beta": {"schedule": "cosine"}}, "beta.schedule is 'cosine', which is none of constant, linear"),
    ({"beta": {"schedule": "linear", "start": 0.0, "end": 1.0}}, "beta: .*unexpected keyword argument 'end'"),
    ({"beta": {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 0}}, "beta.steps is 0"),
    ({"beta": {"schedule": "linear", "start": -1.0, "stop": 1.0, "steps": 5}}, "beta.start is -1.0"),
    ({"beta": {"schedule": "cyclical", "steps": 5, "rising": 0.0}}, "beta.rising is 0.0"),
    ({"beta": {"schedule": "capacity", "steps": 5}}, "beta: .*missing.*'stop'"),
    ({"free_bits": -0.5}, "free_bits is -0.5"),
    ({"latent_dim": 0}, "latent_dim is 0"),
    ({"skips": (1.5,)}, "skips has 1.5; it must list whole numbers of at least 0"),
    ({"network": "dense", "attention": True}, "attention is True, which network 'dense' does not have"),
    ({"flow": "planer"}, "flow is 'planer'.*did you mean 'planar'"),
    ({"flow": {"flow": "planar", "layers": 0}}, "flow.layers is 0"),
    ({"flow": {"flow": "planar", "width": 8}}, "flow: .*'width'"),
    ({"flow": "iaf", "free_bits": 0.5}, "flow: with a flow the KL is known from samples alone"),
    ({"flow": "iaf", "sample": False}, "flow: with a flow"),
    ({"likelihood": "gausian"}, "likelihood is 'gausian'.*did you mean 'gaussian'"),
    ({"likelihood": {"likelihood": "gaussian", "scale": 0.0}}, "likelihood.scale is 0.0"),
    ({"likelihood": {"likelihood": "bernoulli", "scale": 1.0}}, "likelihood: .*'scale'"),
    (
      {"likelihood": {"likelihood": "bernoulli", "binarisation": "soft"}},
      "likelihood.binarisation is 'soft'",
    ),
  ],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    METHODS["vae"](tiny.SPEC, **(tiny.ARGS["vae"] | args))


class Affine(nn.Module):
  """x W + b of the flattened input."""

  outputs: int = 0
  shape: tuple = ()
  width: int = 1
  dtype: str = "float32"

  @nn.compact
  def __call__(self, x, train, keys=None):
    y = nn.Dense(self.outputs or math.prod(self.shape))(x.reshape(len(x), -1))
    return y.reshape(-1, *self.shape) if self.shape else y


@pytest.fixture
def linear(monkeypatch):
  """A linear-Gaussian VAE, p(x | z) = N(W z + b, 1/2), whose q is the exact posterior; and the exact log p.

  The columns of W are orthogonal, so that the posterior is a product over latents (Tipping and Bishop 1999).
  """
  monkeypatch.setattr(common, "NETWORKS", {**NETWORKS, "affine": Family(Affine, Affine)})
  d, s, rng = 3, math.sqrt(0.5), np.random.default_rng(0)
  w = np.linalg.qr(rng.normal(size=(N, d)))[0] * [2.0, 1.0, 0.3]
  b = rng.normal(size=N)
  precision = 1 + (w**2).sum(0) / s**2
  to_mean = w / s**2 / precision
  encoder = {
    "kernel": np.concatenate([to_mean, np.zeros((N, d))], 1),
    "bias": np.concatenate([-b @ to_mean, -np.log(precision)]),
  }
  params = {"encoder": {"Dense_0": encoder}, "decoder": {"Dense_0": {"kernel": w.T, "bias": b}}}
  m = METHODS["vae"](tiny.SPEC, network="affine", latent_dim=d, likelihood="squared_error")
  nets = {"vae": {"params": jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), params)}}
  run = gengap.Run(ConfigDict({"method": "vae"}), 0, tiny.SPEC, m, nets)
  x = rng.normal(size=(6, N))
  density: Any = scipy.stats.multivariate_normal  # whose `cov` is typed as a number
  exact = density.logpdf(x, b, w @ w.T + s**2 * np.eye(N))
  return run, jnp.asarray(x.reshape(6, *tiny.SPEC.shape), jnp.float32), exact


def worse(run):
  """The same model under a posterior that is too wide and has the wrong mean."""
  head = run.nets["vae"]["params"]["encoder"]["Dense_0"]
  head = head | {"bias": head["bias"] + 0.4}
  return run._replace(nets={"vae": {"params": run.nets["vae"]["params"] | {"encoder": {"Dense_0": head}}}})


def test_one_sample_of_the_exact_posterior_gives_the_exact_likelihood(linear):
  run, x, exact = linear
  for key in range(3):
    np.testing.assert_allclose(run.log_likelihood(jax.random.key(key), x, 1), exact, atol=2e-3)


def test_importance_weights_lift_the_elbo_to_the_likelihood(linear):
  run, x, exact = linear
  run = worse(run)
  few = [
    np.mean([run.log_likelihood(jax.random.key(i), x, k) for i in range(40)], 0) - exact for k in (1, 4, 32)
  ]
  assert (few[0] < few[1]).all() and (few[1] < few[2]).all() and (few[2] < 0.02).all()
  assert few[0].max() < -0.1
  np.testing.assert_allclose(run.log_likelihood(jax.random.key(0), x, 3000), exact, atol=0.15)


def test_the_elbo_of_training_is_that_of_one_sample(linear):
  """In the mean over draws; both count every constant."""
  run, x, _ = linear
  run = worse(run)
  images = Batch(x, jnp.zeros(6, jnp.int32))
  keys = [jax.random.split(jax.random.key(i), 6) for i in range(300)]
  elbos = [play(run.method, images, nets=run.nets, keys=k)[1]["elbo"] for k in keys[:40]]
  ones = [float(run.log_likelihood(jax.random.key(i), x, 1).mean()) for i in range(300)]
  error = math.hypot(np.std(elbos) / math.sqrt(40), np.std(ones) / math.sqrt(300))
  assert abs(np.mean(elbos) - np.mean(ones)) < 4 * error


def test_what_has_no_likelihood_says_so(linear):
  run, x, _ = linear
  with pytest.raises(InputError, match="samples is 0"):
    run.log_likelihood(jax.random.key(0), x, 0)
  with pytest.raises(InputError, match="images have shape"):
    run.log_likelihood(jax.random.key(0), x[:, :3], 1)
  ae = METHODS["ae"](tiny.SPEC, **tiny.ARGS["ae"])
  with pytest.raises(InputError, match="'ae' has no likelihood"):
    run._replace(method=ae, config=ConfigDict({"method": "ae"})).log_likelihood(jax.random.key(0), x, 1)


def test_bits_are_drawn_once_for_each_image():
  """With a decoder that ignores z, every importance weight of an image is the same."""
  m = METHODS["vae"](tiny.SPEC, **(tiny.ARGS["vae"] | {"likelihood": "bernoulli"}))
  images = jnp.zeros((3, *tiny.SPEC.shape))
  nets = tiny.init(m, jax.random.key(0), Batch(images, jnp.zeros(3, jnp.int32)))
  encoder = jax.tree.map(jnp.zeros_like, nets["vae"]["params"]["encoder"])
  nets = {"vae": {"params": jax.tree.map(lambda v: 3 * v, nets["vae"]["params"]) | {"encoder": encoder}}}
  decoder = nets["vae"]["params"]["decoder"]
  first = decoder["Dense_0"] | {"kernel": 0 * decoder["Dense_0"]["kernel"]}
  nets["vae"]["params"]["decoder"] = decoder | {"Dense_0": first}
  last = decoder["Conv_0"] | {"bias": decoder["Conv_0"]["bias"] + 1.0}
  nets["vae"]["params"]["decoder"]["Conv_0"] = last
  run = gengap.Run(ConfigDict({"method": "vae"}), 0, tiny.SPEC, m, nets)
  one, many = (np.asarray(run.log_likelihood(jax.random.key(0), images, k)) for k in (1, 8))
  np.testing.assert_allclose(one, many, rtol=1e-5)
  assert np.ptp(one) > 0
