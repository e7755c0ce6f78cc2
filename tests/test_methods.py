"""Losses against what their papers say, on networks small enough to compute by hand."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from gengap.errors import InputError
from gengap.method import Batch
from gengap.methods import METHODS, parts
from gengap.methods.vae import kl_to_prior
from gengap.networks import NETWORKS, Family

KEYS = jax.random.split(jax.random.key(0), 4)
N = math.prod(tiny.SPEC.shape)


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
  monkeypatch.setattr(parts, "NETWORKS", NETWORKS | {"by_hand": Family(tiny.Grey, Linear)})


def batch(value, n=4):
  return Batch(jnp.full((n, *tiny.SPEC.shape), value), jnp.zeros(n, jnp.int32))


def play(m, turn, value, step=0):
  """Returns a turn's loss and numbers on images of one grey value."""
  nets = m.init(jax.random.key(0), batch(value))
  t = m.turns[turn]
  loss, (_, seen) = t.loss(nets[t.player]["params"], nets, batch(value), KEYS, jnp.int32(step))
  return float(loss), {k: float(v) for k, v in seen.items()}


def test_kl_to_prior_is_the_mean_of_log_ratios():
  mean, log_std = jnp.array([[0.7, -1.2]]), jnp.array([[-0.5, 0.3]])
  e = jax.random.normal(jax.random.key(0), (400_000, 2))
  z = mean + jnp.exp(log_std) * e
  log_q = -0.5 * e**2 - log_std
  log_p = -0.5 * z**2
  samples = np.asarray((log_q - log_p).sum(1), np.float64)
  error = samples.std() / math.sqrt(len(samples))
  assert abs(float(kl_to_prior(mean, log_std)[0]) - samples.mean()) < 4 * error
  assert float(kl_to_prior(jnp.zeros((1, 3)), jnp.zeros((1, 3)))[0]) == 0


def test_vae_loss_of_a_known_autoencoder(by_hand):
  """The encoder says mean = log variance = 0.5 sum(x) = s; the decoder says 0; real images are 0.3."""
  m = METHODS["vae"](tiny.SPEC, network="by_hand", latent_dim=2, beta=3.0)
  loss, seen = play(m, 0, 0.01)
  s = 0.5 * 0.01 * N
  kl = 2 * 0.5 * (s**2 + math.exp(s) - s - 1)
  squared = 0.01**2 * N
  assert seen["kl"] == pytest.approx(kl, rel=1e-4)
  assert seen["reconstruction"] == pytest.approx(squared, rel=1e-4)
  assert loss == pytest.approx(squared + 3.0 * kl, rel=1e-4)
  # log N(x; 0, 1/2) over N pixels, with all its constants
  assert seen["elbo"] == pytest.approx(-squared - 0.5 * N * math.log(math.pi) - kl, rel=1e-4)


def test_linear_beta_at_its_corners():
  ramp = {"schedule": "linear", "start": 0.0, "stop": 2.0, "steps": 10}
  m = METHODS["vae"](tiny.SPEC, **(tiny.ARGS["vae"] | {"beta": ramp}))
  seen = [play(m, 0, 0.0, step)[1]["beta"] for step in (0, 5, 10, 1000)]
  np.testing.assert_allclose(seen, [0, 1, 2, 2], atol=1e-6)


def test_learning_rates_decay_linearly_to_zero():
  tx = parts.adam(0.1, decay_steps=10)
  params = jnp.ones(())
  opt, moves = tx.init(params), []
  for _ in range(12):
    move, opt = tx.update(jnp.ones(()), opt, params)
    moves.append(float(move))
  np.testing.assert_allclose(moves[:10], [-0.1 * (1 - k / 10) for k in range(10)], rtol=1e-3)
  assert moves[10] == moves[11] == 0


@pytest.mark.parametrize("b1", [0.0, 0.5])
def test_adam_is_adam_with_and_without_a_first_moment(b1):
  """Kingma and Ba (2015), algorithm 1, in float64."""
  tx, rng = parts.adam(0.1, b1, 0.9), np.random.default_rng(0)
  w, m, v = jnp.ones(5), np.zeros(5), np.zeros(5)
  opt, want = tx.init(w), np.ones(5)
  for t in range(1, 6):
    g = rng.normal(size=5).astype(np.float32)
    move, opt = tx.update(jnp.asarray(g), opt, w)
    w = optax.apply_updates(w, move)
    m, v = b1 * m + (1 - b1) * g, 0.9 * v + 0.1 * g.astype(np.float64) ** 2
    want -= 0.1 * (m / (1 - b1**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
  np.testing.assert_allclose(w, want, rtol=1e-5)


def test_gradients_are_clipped_by_their_global_norm():
  """Adam's first moment after one update is (1 - b1) times the gradient that came through."""
  tx = parts.adam(1.0, b1=0.5, clip_norm=1.0)
  for gradient, expected in (([30.0, 40.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])):
    tree = {"a": jnp.array(gradient[:1]), "b": jnp.array(gradient[1:])}
    _, state = tx.update(tree, tx.init(tree), tree)
    found = [float(x[0]) for x in jax.tree.leaves(optax.tree.get(state, "mu"))]
    np.testing.assert_allclose(found, 0.5 * np.array(expected), rtol=1e-5)


@pytest.mark.parametrize("name", tiny.KINDS)
def test_bfloat16_computes_near_float32_and_keeps_float32_parameters(name):
  exact, fast = (
    METHODS[name](tiny.SPEC._replace(dtype=dtype), **tiny.ARGS[name]) for dtype in ("float32", "bfloat16")
  )
  key = jax.random.key(0)
  nets = exact.init(key, batch(0.5))
  assert {x.dtype for x in jax.tree.leaves(fast.init(key, batch(0.5)))} == {jnp.dtype("float32")}
  z = jax.random.normal(key, (4, exact.latent_dim))
  a, b = (np.asarray(m.generate(nets, z, jnp.zeros(4, jnp.int32))) for m in (exact, fast))
  assert b.dtype == np.float32
  assert 0 < np.abs(a - b).max() < 0.1


def test_images_are_clipped():
  m = METHODS["vae"](tiny.SPEC, **tiny.ARGS["vae"])
  nets = m.init(jax.random.key(0), batch(0.0))
  loud = jax.tree.map(lambda x: 100 * x, nets)
  images = m.generate(loud, jnp.ones((4, 4)), jnp.zeros(4, jnp.int32))
  assert float(jnp.abs(images).max()) <= 1


@pytest.mark.parametrize(
  ("name", "args", "word"),
  [
    ("vae", {"scale": -1.0}, "scale"),
    ("vae", {"beta": {"schedule": "cosine"}}, "beta.schedule"),
    ("vae", {"beta": {"schedule": "linear", "start": 0.0, "end": 1.0}}, "beta"),
    ("vae", {"beta": {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 0}}, "steps"),
  ],
)
def test_bad_arguments(name, args, word):
  with pytest.raises(InputError, match=word):
    METHODS[name](tiny.SPEC, **(tiny.ARGS[name] | args))
