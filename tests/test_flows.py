"""Flows: what they say of their determinant, their inverses, and how a VAE uses them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import tiny

from gengap.methods import kl, likelihoods, posteriors, vae
from gengap.networks import NETWORKS, flows

NAMES = [name for name in posteriors.FLOWS if name != "none"]
CASES = [(name, dim) for name in NAMES for dim in (1, 2, 5)]


def build(name, dim, layers=3, loud=3.0):
  """Returns a flow, its weights, three latents and as many contexts; nothing of it is near the identity."""
  flow: Any = posteriors.find({"flow": name, "layers": layers})(dim)
  key = jax.random.key(1)
  z, context = jax.random.normal(key, (3, dim)), jax.random.normal(jax.random.key(2), (3, 4))
  weights = jax.tree.map(lambda x: loud * x + 0.1, flow.init(key, z, context))
  return flow, weights, z, context


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_the_log_determinant_is_that_of_the_jacobian(name, dim):
  with jax.enable_x64(True):
    flow, weights, z, context = build(name, dim)
    y, log_det = flow.apply(weights, z, context)

    def one(z, context):
      return flow.apply(weights, z[None], context[None])[0][0]

    jacobian = np.asarray(jax.vmap(jax.jacfwd(one))(z, context))
  np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], atol=1e-5)
  assert np.abs(np.asarray(y - z)).max() > 0.1
  assert np.abs(np.asarray(log_det)).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_has_the_number_of_layers_that_is_asked_for(name):
  flow: Any = posteriors.find({"flow": name, "layers": 3})(2)
  assert len(flow.layers) == 3


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_inverses_invert(name, dim):
  flow, weights, z, context = build(name, dim)
  y, _ = flow.apply(weights, z, context)
  np.testing.assert_allclose(flow.apply(weights, y, context, method="inverse"), z, atol=1e-3)


def test_planar_stays_invertible_where_u_points_against_w():
  """Along w, f rises everywhere, however strongly the context says otherwise."""
  layer: Any = flows.Planar(1)
  z, context = jnp.linspace(-4, 4, 400)[:, None], jnp.ones((400, 1))
  weights = layer.init(jax.random.key(0), z, context)
  kernel = jnp.array([[-5.0, 3.0, 0.2]])  # u, w, b: w.u is -15
  weights = {"params": {"numbers": weights["params"]["numbers"] | {"kernel": kernel}}}
  y, log_det = layer.apply(weights, z, context)
  assert (np.diff(np.asarray(y)[:, 0]) > 0).all()
  assert np.isfinite(np.asarray(log_det)).all()


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_an_autoregressive_layer_sees_only_what_comes_before(dim):
  layer = flows.Autoregressive(dim, width=16)
  z, context = jnp.ones((1, dim)), jnp.ones((1, 4))
  weights = layer.init(jax.random.key(0), z, context)
  f = functools.partial(layer.apply, weights, method="parameters")
  for numbers in jax.jacfwd(f)(z, context):
    seen = np.asarray(numbers)[0, :, 0] != 0
    np.testing.assert_array_equal(seen, np.tril(np.ones((dim, dim), bool), -1))
  for numbers in jax.jacfwd(lambda c: f(z, c))(context):
    assert (np.asarray(numbers) != 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_vae_counts_the_density_of_its_z(name):
  """With an image's z as a map of its noise, log q(z) is log N(noise) minus log |det dz / dnoise|."""
  pair = NETWORKS["dense"]
  model: Any = vae.Autoencoder(
    encoder=pair.encoder(outputs=2 * 3 + posteriors.CONTEXT, width=4),
    decoder=pair.decoder(shape=tiny.SPEC.shape, width=4),
    latent_dim=3,
    likelihood=likelihoods.find("squared_error"),
    flow=posteriors.find(name)(3),
  )
  image, noise = tiny.data()[0][:1] / 127.5 - 1, jnp.array([[0.7, -1.1, 0.2]])
  nets = model.init(jax.random.key(0), image, noise, train=False)
  q, sample, _ = model.apply(nets, image, noise, train=False)
  jacobian = jax.jacfwd(lambda e: model.apply(nets, image, e[None], train=False)[1].z[0])(noise[0])
  log_q = scipy.stats.norm.logpdf(noise).sum() - np.linalg.slogdet(jacobian)[1]
  want = log_q - scipy.stats.norm.logpdf(sample.z).sum()
  assert float(kl.of_sample(q.log_std, *sample)[0]) == pytest.approx(want, abs=1e-4)
  assert abs(float(sample.log_det[0])) > 0.01
  still = model.apply(nets, image, 0 * noise, train=False)[1].z
  np.testing.assert_array_equal(model.apply(nets, image, train=False, method="code"), still)


@pytest.mark.parametrize("name", NAMES)
def test_a_vae_with_a_flow_trains(name):
  m = tiny.method("vae", flow=name, learning_rate=1e-2)
  state, seen = tiny.run(m, 40)
  assert np.isfinite([x["vae/loss"][0] for x in seen]).all()
  assert np.mean([x["vae/loss"][0] for x in seen[-8:]]) < np.mean([x["vae/loss"][0] for x in seen[:4]])
  assert seen[0]["vae/kl"] == seen[0]["vae/kl_sample"]
  moved = tiny.differences(tiny.state(m).nets["vae"]["params"]["flow"], state.nets["vae"]["params"]["flow"])
  assert min(moved.values()) > 0


def test_an_autoregressive_flow_starts_near_the_identity():
  """Numbers of 0 scale by sigmoid(1), so that a new flow keeps most of z."""
  flow: Any = flows.Autoregressive(3)
  z, context = jnp.ones((2, 3)), jnp.zeros((2, 5))
  zeros = jax.tree.map(jnp.zeros_like, flow.init(jax.random.key(0), z, context))
  y, log_det = flow.apply(zeros, z, context)
  np.testing.assert_allclose(y, np.full((2, 3), 1 / (1 + np.exp(-1))), rtol=1e-6)
  np.testing.assert_allclose(log_det, np.full(2, -3 * np.log1p(np.exp(-1))), rtol=1e-6)
