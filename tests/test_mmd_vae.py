"""MMD-VAE against Zhao et al. (2017), in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gengap.errors import InputError
from gengap.method import AXIS
from gengap.methods import common, mmd_vae
from gengap.methods.posteriors import Gaussian, Sample

N, D = 6, 3


def squared_mmd(x, y, bandwidth):
  """The biased V-statistic, pair by pair."""
  kernel = lambda a, b: np.exp(-np.sum((a - b) ** 2) / (2 * bandwidth * D))  # noqa: E731
  mean = lambda a, b: np.mean([[kernel(u, v) for v in b] for u in a])  # noqa: E731
  return mean(x, x) + mean(y, y) - 2 * mean(x, y)


@pytest.mark.parametrize(
  ("alpha", "weight", "bandwidth"), [(1.0, 10.0, 1.0), (0.25, 3.0, 0.5), (0.0, 1.0, 1.0)]
)
def test_the_regulariser_is_the_papers(alpha, weight, bandwidth):
  """(1 - alpha) KL + (alpha + lambda - 1) MMD, in float64 except the draws of the prior."""
  rng = np.random.default_rng(0)
  mean, log_std, noise = rng.normal(size=(3, N, D))
  z, keys = mean + np.exp(log_std) * noise, jax.random.split(jax.random.key(0), N)
  with jax.enable_x64(True):
    q, sample = Gaussian(mean, log_std, mean[:, :0]), Sample(noise, z, np.zeros(N))  # pyright: ignore[reportArgumentType]
    regulariser = mmd_vae.mmd_vae(alpha, weight, bandwidth)
    on_one_device = jax.vmap(lambda _: regulariser(q, sample, keys, jnp.int32(0)), axis_name=AXIS)
    (cost,), metrics = on_one_device(jnp.arange(1))
    prior = np.asarray(common.normal(keys, D), np.float64)
  kl = np.mean(np.sum(0.5 * (mean**2 + np.exp(2 * log_std) - 2 * log_std - 1), 1))
  mmd = squared_mmd(z, prior, bandwidth)
  assert float(metrics["kl"][0]) == pytest.approx(kl, rel=1e-12)
  assert float(metrics["mmd"][0]) == pytest.approx(mmd, rel=1e-12)
  assert float(cost) == pytest.approx((1 - alpha) * kl + (alpha + weight - 1) * mmd, rel=1e-12)


@pytest.mark.parametrize(
  ("args", "word"),
  [({"alpha": 1.5}, "alpha"), ({"alpha": 0.0, "weight": 0.5}, "weight"), ({"bandwidth": 0.0}, "bandwidth")],
)
def test_bad_arguments(args, word):
  with pytest.raises(InputError, match=f"config.method_args.{word}"):
    mmd_vae.mmd_vae(**args)
