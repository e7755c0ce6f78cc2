"""R1 and R2 against Mescheder et al. (2018), equations 8 and 9, in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from test_gan import batch, play

from gengap.errors import InputError
from gengap.methods import METHODS, r1

SHAPE = (5, 4, 4, 1)


@pytest.mark.parametrize("penalty", ["r1", "r2", "r1r2"])
def test_penalties_are_the_papers(penalty):
  """A critic sum_k tanh(x . w_k), whose gradient is sum_k (1 - tanh^2) w_k; both sides in float64."""
  rng, gamma = np.random.default_rng(0), 3.0
  w, images = rng.normal(size=(16, 3)), {"r1": rng.normal(size=SHAPE), "r2": rng.normal(size=SHAPE)}
  squares = {
    name: np.sum(((1 - np.tanh(x.reshape(5, -1) @ w) ** 2) @ w.T) ** 2, 1) for name, x in images.items()
  }
  want = {name: squares[name].mean() for name in ("r1", "r2") if name in penalty}
  with jax.enable_x64(True):
    critic = lambda x: jnp.sum(jnp.tanh(x.reshape(len(x), -1) @ jnp.asarray(w)), -1)  # noqa: E731
    cost, metrics = r1.squared_norm_penalty(penalty, gamma)(critic, *map(jnp.asarray, images.values()), None)  # pyright: ignore[reportCallIssue]
    assert float(cost) == pytest.approx(gamma / 2 * sum(want.values()), rel=1e-12)
    assert {name: float(value) for name, value in metrics.items()} == pytest.approx(want, rel=1e-12)


def test_the_critic_pays_for_its_gradients():
  """With gamma = 10 and 2010, its losses differ by 1000 E |grad|^2."""
  args = dict(network="dense", width=4, latent_dim=4, penalty="r1r2")
  few, many = (
    play(METHODS["r1_gan"](tiny.SPEC, gamma=gamma, **args), 0, batch()) for gamma in (10.0, 2010.0)
  )
  assert many[0] - few[0] == pytest.approx(1000 * (few[1]["r1"] + few[1]["r2"]), rel=1e-4)


@pytest.mark.parametrize(
  ("args", "word"), [({"gamma": 0.0}, "gamma"), ({"penalty": "r3"}, "penalty is 'r3'")]
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=word):
    r1.r1_gan(**args)
