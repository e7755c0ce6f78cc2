"""How samples are drawn: the text form, codes of each origin, draws of p(x | z), and refusals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict
from test_vae import DENSITIES, LEVELS, linear, log_probs  # noqa: F401

from gengap.data import Dataset
from gengap.errors import InputError
from gengap.evaluation import sampler as samplers
from gengap.evaluation.sampler import Sampler, fit_mixture, sample_likelihood, sample_posterior
from gengap.evaluation.sampling import Sampling
from gengap.method import Batch, draw_prior
from gengap.methods import likelihoods
from gengap.run import Run

KEY = jax.random.key(0)


def run_of(name, **changes):
  """An untrained run without weights."""
  method = tiny.method(name)._replace(**changes)
  return Run(ConfigDict({"method": name, "dataset": "blobs_single"}), 0, tiny.SPEC, method, {})


def training(n=200):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (n, *tiny.SPEC.shape), np.uint8)
  return Dataset(images, rng.integers(0, 2, n).astype(np.int32), ("a", "b"), {})


@pytest.mark.parametrize(
  ("text", "canonical", "suffix", "words"),
  [
    ("prior,mean,temperature=1", "prior", "", ""),
    ("mixture", "mixture:10", "_mixture-10", "mixture of 10"),
    (
      "draw,temperature=.80",
      "temperature=0.8,draw",
      "_temperature-0.8_draw",
      "temperature 0.8, draws of p(x|z)",
    ),
    (
      "temperature=2,aggregate",
      "aggregate,temperature=2",
      "_aggregate_temperature-2",
      "aggregate posterior, temperature 2",
    ),
  ],
)
def test_a_sampling_has_one_text_one_file_and_one_name(text, canonical, suffix, words):
  found = Sampling.of(text)
  assert (str(found), found.suffix, found.words) == (canonical, suffix, words)
  assert Sampling.of(canonical) == found == Sampling.of(found)
  assert found.default == (not suffix) == (not found.origin)


@pytest.mark.parametrize(
  ("text", "word"),
  [
    ("mixtures:3", "did you mean 'mixture'"),
    ("mixture:0", "at least 1"),
    ("mixture:10001", "cannot have more components"),
    ("mixture:x", "needs a number of components"),
    ("prior:3", "is none of prior"),
    ("temperature=0", "above 0"),
    ("temperature=nan", "above 0"),
    ("temperature", "needs a number"),
    ("temperatur=1", "did you mean 'temperature'"),
    ("draw,mean", "draw is given twice"),
    ("mixture,aggregate", "codes is given twice"),
    ("mixture,truncation=1", "truncation is of the prior"),
    ("truncation=1,temperature=2", "give one of them"),
    ("", "is none of prior"),
  ],
)
def test_a_wrong_text_is_refused_in_one_line(text, word):
  with pytest.raises(InputError, match=word) as error:
    Sampling.of(text)
  assert str(error.value).startswith("--sampling") and "\n" not in str(error.value)


@pytest.mark.parametrize(
  ("name", "text", "word"),
  [
    ("wgan_gp", "mixture", "has no encoder"),
    ("wgan_gp", "draw", r"has no p\(x\|z\)"),
    ("vae_gan", "draw", r"has no p\(x\|z\)"),
    ("ae", "draw", r"has no p\(x\|z\)"),
    ("ae", "aggregate,temperature=0.5", "codes without noise"),
    ("classifier", "temperature=0.5", "cannot be sampled"),
  ],
)
def test_a_method_that_cannot_be_sampled_so_is_refused_before_data_are_read(name, text, word, monkeypatch):
  monkeypatch.setattr(samplers, "load_data", None)
  with pytest.raises(InputError, match=word):
    Sampler(run_of(name), text)


def test_a_mixture_of_thousands_of_latents_is_refused():
  run = run_of("diffusion")
  Sampling.of("mixture:2").check(run)
  with pytest.raises(InputError, match="3072 latents here, and full covariances are fitted to 2048 at most"):
    Sampling.of("mixture:2").check(run._replace(method=run.method._replace(latent_dim=3072)))


def test_images_and_a_curve_over_temperatures_have_their_own_refusals():
  with pytest.raises(InputError, match="images cannot be sampled"):
    Sampling.of("draw").check(None)
  Sampling().check(None)
  for text, word in (("truncation=1", "leave out temperature"), ("aggregate", "codes without noise")):
    with pytest.raises(InputError, match=word):
      Sampling.of(text).check_varied(run_of("ae"))
  Sampling.of("mixture,draw").check_varied(run_of("vae"))
  conditional = run_of("vae", conditional=True)
  Sampling.of("aggregate").check(conditional)
  with pytest.raises(InputError, match="no classes"):
    Sampling.of("mixture").check(conditional)


def test_the_default_is_what_the_run_samples_bit_for_bit(linear):  # noqa: F811
  run, *_ = linear
  sampler = Sampler(run)
  assert sampler.protocol == {}
  np.testing.assert_array_equal(sampler.images(KEY, 9), run.sample(KEY, 9))
  np.testing.assert_array_equal(sampler.images(KEY, 9, 0.5), run.sample(KEY, 9, temperature=0.5))
  cold = np.asarray(Sampler(run, "temperature=1e-9").images(KEY, 9))
  np.testing.assert_allclose(cold, np.broadcast_to(run.generate(np.zeros((1, 3))), cold.shape), atol=1e-6)


def test_truncated_latents_follow_the_truncated_normal():
  z, label = draw_prior(KEY, 4000, 3, (1, 3), truncation=0.7)
  assert np.abs(z).max() <= 0.7 and label.mean() == pytest.approx(0.75, abs=0.03)
  normal = np.random.default_rng(0).standard_normal(400_000)
  want = normal[np.abs(normal) <= 0.7]
  assert np.std(z) == pytest.approx(np.std(want), rel=0.01)
  assert np.abs(np.mean(z)) < 0.02
  assert (np.asarray(Sampler(run_of("wgan_gp"), "truncation=0.7").codes(KEY, 50)[0]) <= 0.7).all()


def test_aggregate_codes_are_draws_of_q_for_training_images(linear):  # noqa: F811
  run, x, _ = linear
  mean, log_std = (np.asarray(part) for part in run.encode(x))
  repeated = jnp.repeat(x, 4000, 0)
  for temperature in (1.0, 0.5):
    z = np.asarray(sample_posterior(run, KEY, repeated, temperature)).reshape(len(x), 4000, -1)
    np.testing.assert_allclose(z.mean(1), mean, atol=0.06)
    np.testing.assert_allclose(z.std(1), temperature * np.exp(log_std), rtol=0.06)
  data = training()
  z, label = Sampler(run, "aggregate,temperature=1e-9", data).codes(KEY, 40)
  known = np.asarray(run.encode(data.image / 127.5 - 1)[0])
  gaps = np.abs(np.asarray(z)[:, None] - known).max(-1)
  assert gaps.min(1).max() < 1e-5
  np.testing.assert_array_equal(data.label[gaps.argmin(1)], label)
  assert len(set(gaps.argmin(1))) > 25


def weights(m):
  """Small random weights of a method, without running its initialisation."""
  example = Batch(jnp.zeros((1, *tiny.SPEC.shape)), jnp.zeros(1, jnp.int32))
  rng = np.random.default_rng(0)

  def of(shape):
    return jnp.asarray(0.1 * rng.standard_normal(shape) if len(shape) > 1 else np.ones(shape), jnp.float32)

  return jax.tree.map(lambda x: of(x.shape), jax.eval_shape(m.init, KEY, example))


@pytest.mark.parametrize(
  ("name", "args"),
  [("vae", {"network": "dense", "flow": "planar"}), ("hierarchical_vae", {}), ("vae_gan", {})],
)
def test_a_posterior_without_noise_is_the_code_and_with_noise_is_not(name, args):
  m = tiny.method(name, **args)
  nets, x, keys = weights(m), tiny.data(2)[0] / 127.5 - 1, jax.random.split(KEY, 2)
  assert m.sample_posterior

  @jax.jit
  def both(temperature):
    assert m.sample_posterior
    return m.sample_posterior(nets, x, keys, temperature), m.represent["code"](nets, x)

  (none, code), (one, _), (half, _) = (map(np.asarray, both(jnp.float32(t))) for t in (0.0, 1.0, 0.5))
  np.testing.assert_allclose(none, code, rtol=1e-4, atol=1e-5)
  assert (np.abs(one - code) > 1e-4).mean() > 0.9 and not np.allclose(one, half)


def test_a_mixture_is_recovered_and_its_temperature_scales_each_component():
  rng = np.random.default_rng(0)
  means, factor = np.array([[-4.0, 0.0], [3.0, 2.0]]), np.array([[0.5, 0.0], [0.4, 0.2]])
  which = rng.random(4000) < 0.25
  codes = means[which.astype(int)] + rng.standard_normal((4000, 2)) @ factor.T
  found = fit_mixture(codes, 2)
  order = np.argsort(found.means[:, 0])
  np.testing.assert_allclose(found.weights[order], [0.75, 0.25], atol=0.02)
  np.testing.assert_allclose(found.means[order], means, atol=0.05)
  for temperature in (1.0, 0.3):
    z = np.asarray(found.sample(KEY, 8000, temperature))
    for mean, share, part in zip(means, (0.75, 0.25), (z[z[:, 0] < 0], z[z[:, 0] > 0]), strict=True):
      assert len(part) / len(z) == pytest.approx(share, abs=0.02)
      np.testing.assert_allclose(part.mean(0), mean, atol=0.05)
      np.testing.assert_allclose(np.cov(part.T), temperature**2 * factor @ factor.T, atol=0.02)
  with pytest.raises(InputError, match="there are 3 training images"):
    fit_mixture(codes[:3], 4)


def test_a_mixture_of_one_has_the_moments_of_the_codes(linear):  # noqa: F811
  run, *_ = linear
  sampler = Sampler(run, "mixture:1", training())
  assert sampler.protocol == {"sampling": {"text": "mixture:1", "training_codes": 200, "seed": 0}}
  codes = np.asarray(sample_posterior(run, KEY, training().image / 127.5 - 1))
  z = np.asarray(sampler.codes(KEY, 8000)[0])
  np.testing.assert_allclose(z.mean(0), codes.mean(0), atol=0.4)
  np.testing.assert_allclose(np.log(z.std(0)), np.log(codes.std(0)), atol=0.1)


DISCRETE = {"logistic": ("discretised_logistic", [0.2, -1.0]), "wide": ("discretised_logistic", [0.9, 1.0])}
DISCRETE |= {"bernoulli": ("bernoulli", [1.2])}


@pytest.mark.parametrize("name", [*DENSITIES, *DISCRETE])
def test_a_draw_has_the_mean_and_the_variance_that_log_p_implies(name):
  description, numbers, *scale = DENSITIES.get(name) or DISCRETE[name]
  p, log_scale = likelihoods.find(description), scale[0] if scale else 0.0
  grid = np.linspace(-8, 8, 40_001) if name in DENSITIES else [-1.0, 1.0] if name == "bernoulli" else LEVELS
  weight = np.exp(log_probs(p, numbers, grid, log_scale))
  weight = weight / weight.sum()
  mean = (weight * grid).sum()
  std = math.sqrt((weight * (grid - mean) ** 2).sum())
  outputs = jnp.broadcast_to(jnp.asarray(numbers, jnp.float32), (20_000, 1, 1, len(numbers)))
  x = np.asarray(p.draw(outputs, jnp.float32(log_scale), jax.random.split(KEY, 20_000))).ravel()
  assert x.mean() == pytest.approx(mean, abs=4 * std / math.sqrt(len(x)))
  assert x.std() == pytest.approx(std, rel=0.03)
  if name in DISCRETE:
    assert np.abs(x[:, None] - np.asarray(grid)).min(1).max() < 1e-6


def test_draws_have_the_noise_of_p_about_the_decoders_mean(linear):  # noqa: F811
  run, *_ = linear
  z = jnp.zeros((4000, 3))
  mean = np.asarray(run.nets["vae"]["params"]["decoder"]["Dense_0"]["bias"]).reshape(tiny.SPEC.shape)
  x = np.asarray(run.density().draw(run.nets, z, jax.random.split(KEY, len(z))))
  np.testing.assert_allclose(x.mean(0), mean, atol=0.06)
  np.testing.assert_allclose(x.std(0), math.sqrt(0.5), rtol=0.07)
  shown = np.asarray(sample_likelihood(run, KEY, z[:50]))
  assert np.abs(shown).max() == 1.0 and len(np.unique(shown)) > 1000
  one, two = (np.asarray(Sampler(run, text).images(KEY, 20)) for text in ("draw", "prior"))
  assert one.std() > two.std() and np.abs(one - two).mean() > 0.1
