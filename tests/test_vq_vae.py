"""VQ-VAE: both losses, the prior over the codes, the bound, and codes as a function of Gaussian latents."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict
from scipy.special import log_softmax, logsumexp
from test_train import config

import gengap
from gengap.errors import InputError
from gengap.evaluation import autoencoders, diagnostics
from gengap.method import AXIS, Batch
from gengap.methods import METHODS, inverse_transform
from gengap.methods.codebook import Codebook
from gengap.networks.causal_transformer import CausalTransformer
from gengap.probes import subject
from gengap.run import Run
from gengap.training import loop, step

CODES, LENGTH = 8, 4  # of tiny.SPEC: a grid of 2x2


def random_nets(m, scale=0.3):
  """Variables far from those of the start, and a codebook of vectors that are near the encoder's outputs."""
  nets = jax.jit(m.init)(jax.random.key(0), Batch(images(1), jnp.zeros(1, jnp.int32)))
  leaves, tree = jax.tree.flatten(nets)
  keys = jax.random.split(jax.random.key(1), len(leaves))
  nets = jax.tree.unflatten(
    tree, [x + scale * jax.random.normal(key, x.shape) for x, key in zip(leaves, keys, strict=True)]
  )
  vectors = 0.3 * jax.random.normal(jax.random.key(2), (CODES, 3))
  counts = jnp.arange(1.0, CODES + 1)
  nets["vq_vae"]["codebook"] = Codebook(counts, counts[:, None] * vectors)._asdict()
  return nets


def images(n):
  return jax.random.uniform(jax.random.key(3), (n, *tiny.SPEC.shape), minval=-1)


class Functions:
  """The functions that a method consists of, compiled."""

  def __init__(self, m):
    self.whole, self.of = m.generate.__self__, {}

  def __getattr__(self, name):
    return self.of.setdefault(name, jax.jit(getattr(self.whole, name)))


@pytest.fixture(scope="module")
def made():
  m = tiny.method("vq_vae")
  return m, random_nets(m), Functions(m)


def run_loss(turn, nets, x, devices=1, params=None):
  """Returns loss, changed variables and metrics of a turn, and the gradient; the mean over devices."""
  batch = Batch(x, jnp.zeros(len(x), jnp.int32))
  slices = jax.tree.map(
    lambda v: v.reshape(devices, -1, *v.shape[1:]), (batch, jax.random.split(jax.random.key(4), len(x)))
  )

  def one(batch, keys):
    def loss(params):
      return turn.loss(params, nets, batch, keys, jnp.int32(0))

    found = jax.value_and_grad(loss, has_aux=True)(nets[turn.player]["params"])
    return step.mean_over_devices(found)

  return jax.tree.map(lambda v: v[0], jax.jit(jax.vmap(one, axis_name=AXIS))(*slices))


def test_the_losses_are_those_of_the_paper(made):
  """Equation 3 of van den Oord et al. (2017), beside float64."""
  m, nets, whole = made
  prior, autoencoder = m.turns
  x = images(6)
  vectors, codes = map(np.asarray, whole.encode(nets, x))
  book = np.asarray(nets["vq_vae"]["codebook"]["sums"] / np.arange(1, CODES + 1)[:, None], np.float64)
  distance = ((vectors[:, :, None].astype(np.float64) - book) ** 2).sum(-1)
  np.testing.assert_array_equal(codes, distance.argmin(-1))
  assert len(set(codes.flat)) > 1
  outputs, _ = whole.decode(nets, jnp.float32(book[codes]))
  squares = ((np.asarray(outputs, np.float64) - np.asarray(x)) ** 2).sum((1, 2, 3)).mean()
  commitment = distance.min(-1).sum(1).mean()
  log_p = log_softmax(np.asarray(whole.logits(nets, codes), np.float64), -1)
  cross_entropy = -np.take_along_axis(log_p, codes[..., None], -1).sum((1, 2)).mean()

  (value, (changed, numbers)), _ = run_loss(autoencoder, nets, x)
  assert float(value) == pytest.approx(squares + 0.25 * commitment, rel=1e-5)
  assert float(numbers["commitment"]) == pytest.approx(commitment, rel=1e-5)
  assert float(numbers["kl"]) == pytest.approx(cross_entropy, rel=1e-4)
  elbo = -squares - 64 * 0.5 * np.log(np.pi) - cross_entropy
  assert float(numbers["elbo"]) == pytest.approx(elbo, rel=1e-5)
  assert float(numbers["bits"]) == pytest.approx((-elbo / 64 + np.log(127.5)) / np.log(2), rel=1e-5)
  share = np.bincount(codes.flat, minlength=CODES) / codes.size
  entropy = -sum(p * np.log(p) for p in share if p)
  assert float(numbers["perplexity"]) == pytest.approx(np.exp(entropy), rel=1e-5)
  assert set(changed["vq_vae"]) == {"codebook"}
  (value, _), _ = run_loss(prior, nets, x)
  assert float(value) == pytest.approx(cross_entropy, rel=1e-4)


def test_the_gradient_passes_through_the_codes_and_never_reaches_the_codebook(made):
  """That by the encoder's outputs is the decoder's gradient at the codes, and 2 beta (z - e)."""
  m, nets, whole = made
  x = images(3)
  _, gradient = run_loss(m.turns[1], nets, x)
  vectors, codes = whole.encode(nets, x)
  e = whole.book(nets).lookup(codes)

  def reconstruction(e):
    return jnp.sum((whole.decode(nets, e)[0] - x) ** 2) / len(x)

  upstream = jax.grad(reconstruction)(e) + 0.25 * 2 * (vectors - e) / len(x)
  params = nets["vq_vae"]["params"]
  _, back = jax.vjp(lambda p: whole.encode(nets | {"vq_vae": nets["vq_vae"] | {"params": p}}, x)[0], params)
  expected = back(upstream)[0]["encoder"]
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), gradient["encoder"], expected
  )
  assert "codebook" not in gradient


def test_codebook_and_metrics_are_of_the_whole_batch():
  """On eight devices as on one, restarts included."""
  m = tiny.method("vq_vae")
  nets = random_nets(m)
  nets["vq_vae"]["codebook"] = jax.tree.map(lambda v: 1e-6 * v, nets["vq_vae"]["codebook"])
  one, eight = (run_loss(m.turns[1], nets, images(16), devices)[0][1] for devices in (1, 8))
  assert one[1]["dead_codes"] > 0
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), one, eight)


@pytest.fixture(scope="module")
def prior():
  model = CausalTransformer(codes=3, length=4, width=64, layers=2)
  variables = model.init(jax.random.key(0), jnp.zeros((1, 4), jnp.int32))
  variables = jax.tree.map(lambda x: x + 0.2 * jax.random.normal(jax.random.key(x.size), x.shape), variables)
  return jax.jit(model.apply, static_argnames="method"), variables, model.no_past


SEQUENCES = jnp.array(list(itertools.product(range(3), repeat=4)))


def test_a_code_changes_the_logits_of_later_codes_alone(prior):
  apply, variables, _ = prior
  codes = SEQUENCES[5]
  logits = apply(variables, codes[None])[0]
  for j in range(4):
    other = apply(variables, codes.at[j].set((codes[j] + 1) % 3)[None])[0]
    np.testing.assert_array_equal(other[: j + 1], logits[: j + 1])
    assert j == 3 or np.abs(other[j + 1 :] - logits[j + 1 :]).max(-1).min() > 1e-3


def test_one_code_after_another_is_the_whole_sequence_and_all_have_probability_one(prior):
  apply, variables, no_past = prior
  whole = apply(variables, SEQUENCES)
  past, before = no_past(len(SEQUENCES)), jnp.zeros(len(SEQUENCES), jnp.int32)
  for i in range(4):
    logits, past = apply(variables, before, past, jnp.int32(i), method="step")
    np.testing.assert_allclose(logits, whole[:, i], atol=2e-5)
    before = SEQUENCES[:, i]
  log_p = np.asarray(inverse_transform.log_prob(whole, SEQUENCES).sum(-1), np.float64)
  assert logsumexp(log_p) == pytest.approx(0, abs=1e-5)
  assert log_p.std() > 0.1


def test_latents_of_the_prior_give_codes_with_their_probabilities(made):
  _, nets, whole = made
  z = jax.random.normal(jax.random.key(5), (20_000, LENGTH))
  codes = np.asarray(whole.codes(nets, z))
  number = codes @ (CODES ** np.arange(LENGTH))
  found = np.bincount(number, minlength=CODES**LENGTH)
  every = np.array(list(itertools.product(range(CODES), repeat=LENGTH)))[:, ::-1]
  expected = len(z) * np.exp(np.float64(whole.log_prior(nets, jnp.asarray(every))))
  assert expected.sum() == pytest.approx(len(z), rel=1e-4)
  common = expected > 5
  assert common.sum() > 200
  deviation = (found - expected)[common] / np.sqrt(expected[common])
  assert np.mean(deviation**2) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0])
def test_codes_of_images_decode_to_their_reconstructions(made, scale):
  """generate(code(x)) = decode(quantise(encode(x))), with priors from flat to peaked."""
  m = made[0]
  whole, nets, x = made[2], random_nets(m, scale), images(16)
  codes = whole.encode(nets, x)[1]
  z = whole.code(nets, x)
  np.testing.assert_array_equal(whole.codes(nets, z), codes)
  outputs, _ = whole.decode_codes(nets, codes)
  np.testing.assert_allclose(whole.generate(nets, z, 0), jnp.clip(outputs, -1, 1), atol=1e-5)
  drawn = whole.sample_posterior(nets, x, jax.random.split(jax.random.key(6), 16), 1.0)
  assert np.mean(whole.codes(nets, drawn) == codes) > 0.99
  assert np.abs(drawn - z).mean() > 0.1


def test_the_elbo_is_a_bound_on_the_likelihood_and_logged(made):
  """log p(x) is the sum over all 4,096 sequences of codes; the ELBO is the term of the codes of x."""
  _, nets, whole = made
  x = images(3)
  every = jnp.asarray(list(itertools.product(range(CODES), repeat=LENGTH)))
  outputs, _ = whole.decode_codes(nets, every)
  squares = ((np.asarray(outputs, np.float64)[None] - np.asarray(x)[:, None]) ** 2).sum((2, 3, 4))
  joint = np.asarray(whole.log_prior(nets, every)) - squares - 32 * np.log(np.pi)
  exact = logsumexp(joint, 1)
  log_p, ratio, z = whole.elbo_terms(nets, x, jax.random.split(jax.random.key(0), 3))
  elbo = np.asarray(log_p + ratio)
  assert np.all(elbo < exact)
  codes = np.asarray(whole.encode(nets, x)[1])
  at = codes @ (CODES ** np.arange(LENGTH)[::-1])
  np.testing.assert_allclose(elbo, joint[np.arange(3), at], rtol=1e-5)
  log_normal = -0.5 * np.sum(np.float64(z) ** 2 + np.log(2 * np.pi), -1)
  np.testing.assert_allclose(whole.log_joint(nets, x, z), log_p + log_normal, rtol=1e-5)
  assert whole.draw(nets, z, jax.random.split(jax.random.key(0), 3)).shape == x.shape


def test_it_trains_resumes_and_is_evaluated(tmp_path):
  """A run that stops and goes on is the run that did not stop; what needs a Gaussian is left out."""
  settings = config("vq_vae", steps=2, checkpoint_every=2, ema=0.9, best="valid/vq_vae/bits")
  loop.train(settings, tmp_path / "parts")
  (tmp_path / "parts" / "config.json").unlink()
  settings.steps = 4
  for name in ("parts", "whole"):
    loop.train(settings, tmp_path / name)
  run, again = gengap.load(tmp_path / "whole"), gengap.load(tmp_path / "parts")
  tiny.assert_identical(run.nets, again.nets)
  x = np.asarray(run.sample(jax.random.key(0), 6))
  key = jax.random.key(1)
  found = autoencoders.posterior(run, key, x)
  assert np.isfinite(found["elbo"]) and found["latents"] == run.method.latent_dim
  assert not {"active_units", "kl_per_unit"} & set(found)
  bound = autoencoders.likelihood(run, key, x, 2)
  assert bound["nll"] == pytest.approx(-found["elbo"], rel=1e-4)
  assert np.isfinite(autoencoders.pixel_errors(run, x)).all()
  assert not diagnostics.DIAGNOSTICS["amortisation"].suits(run)


@pytest.mark.parametrize(
  ("args", "word"),
  [
    ({"codes": 1}, "codes is 1; it must be from 2 to 4096"),
    ({"codes": 5000}, "codes is 5000"),
    ({"width": 0}, "width is 0; it must be a whole number of at least 1"),
    ({"halvings": 4}, "halvings is 4, and 8x8 cannot be halved so often"),
    ({"code_dim": 2.5}, "code_dim is 2.5"),
    ({"prior_layers": 0}, "prior_layers is 0"),
    ({"prior_width": 65}, "prior_width is 65; it must be a multiple of 32, or less than 64"),
    ({"prior_width": 70}, "prior_width is 70; it must be a multiple of 32, or less than 64"),
    ({"commitment": -1.0}, "commitment is -1.0"),
    ({"decay": 1.0}, "decay is 1.0"),
    ({"prior_learning_rate": 0.0}, "prior_learning_rate is 0.0"),
    ({"likelihood": "gausian"}, "likelihood is 'gausian'"),
    ({"likelihood": "gaussian_optimal"}, "likelihood is 'gaussian_optimal'.*use 'gaussian_global'"),
  ],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    METHODS["vq_vae"](tiny.SPEC, **(tiny.ARGS["vq_vae"] | args))


@pytest.mark.parametrize(
  ("name", "why"),
  [("vq_vae", "images of 'vq_vae' are piecewise constant in z"), ("diffusion", "'diffusion' .* an ODE")],
)
def test_no_encoder_is_fitted_where_there_is_no_gradient_to_follow(name, why):
  def run(name):
    config = ConfigDict({"method": name, "dataset": "blobs_single"})
    return Run(config, 0, tiny.SPEC, tiny.method(name), {})

  nothing: Any = None  # is read before it is refused
  with pytest.raises(InputError, match=f"--encoder=fitted: {why}"):
    subject.of_run(run(name), nothing, nothing, nothing, fitted=True)
  assert not subject.without_gradient(run("vae"))
