"""The relativistic pairing GAN against its papers, in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_gan import KEYS, batch, play

from gengap.methods import METHODS, common, relativistic


def softplus(t):
  return np.log1p(np.exp(-np.abs(t))) + np.maximum(t, 0)


def test_losses_are_the_papers():
  """R3GAN: E f(D(G(z)) - D(x)) for the critic and E f(D(x) - D(G(z))) for the generator; both in float64."""
  real, fake = np.random.default_rng(0).normal(0, 3, (2, 50))
  objective = relativistic.relativistic_gan()
  with jax.enable_x64(True):
    losses = [float(f(jnp.asarray(real), jnp.asarray(fake))) for f in (objective.critic, objective.generator)]
  assert losses == pytest.approx([softplus(fake - real).mean(), softplus(real - fake).mean()], rel=1e-12)


def test_the_generator_is_compared_with_the_real_images_of_its_batch():
  """Also R1 and R2 are logged, as in R3GAN. In float32, so to 1e-5."""
  m, x = METHODS["relativistic_gan"](tiny.SPEC, network="dense", width=4, latent_dim=4), batch()
  loss, _, _, nets = play(m, 1, x)
  image = m.generate(nets, common.normal(common.split(KEYS)[0], 4), x.label)  # pyright: ignore[reportOptionalCall]
  real, fake = (np.asarray(m.represent["critic"](nets, v), np.float64)[:, 0] for v in (x.image, image))
  assert loss == pytest.approx(softplus(real - fake).mean(), rel=1e-5)
  assert {"r1", "r2"} <= set(play(m, 0, x)[1])
