"""Vendi score, clipped density, FD-infinity, FLD: by their definitions, and where they are known."""

import importlib
import math
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.spatial.distance
import scipy.stats

from gengap import metrics
from gengap.errors import InputError
from gengap.metrics import clipping, infinity, neighbours

FIXTURE = np.load(pathlib.Path(__file__).parent / "fixtures" / "metrics.npz")
REAL, FAKE = FIXTURE["real"], FIXTURE["fake"]


def rng(seed: Any = 0):
  return np.random.default_rng(seed)


# Vendi score


def test_vendi_counts_what_is_different():
  assert metrics.vendi(7 * np.eye(9)) == pytest.approx(9)
  assert metrics.vendi(np.ones((9, 4)) * np.arange(1, 10)[:, None]) == pytest.approx(1)
  assert metrics.vendi(np.repeat(np.eye(3, 5), 4, 0)) == pytest.approx(3)


@pytest.mark.parametrize("q", [1, 0.5, 2, math.inf])
@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_vendi_is_the_entropy_of_the_kernel(q, shape):
  """By the N x N kernel itself, whichever matrix is smaller."""
  x = rng().normal(size=shape) + 0.5
  unit = x / np.linalg.norm(x, axis=1, keepdims=True)
  p = np.linalg.eigvalsh(unit @ unit.T / len(x))
  p = p[p > 1e-12]
  shannon = -np.sum(p * np.log(p))
  renyi = {1: shannon, math.inf: -np.log(p.max())}.get(q) or np.log(np.sum(p**q)) / (1 - q)
  assert metrics.vendi(x, q) == pytest.approx(np.exp(renyi))
  assert metrics.vendi(1e100 * x, q) == pytest.approx(np.exp(renyi))


def test_vendi_refuses_what_has_no_direction():
  with pytest.raises(InputError, match="1 of 3 images are 0"):
    metrics.vendi(np.eye(3, 2))
  with pytest.raises(InputError, match="above 0"):
    metrics.vendi(np.eye(3), 0)
  with pytest.raises(InputError, match="not finite"):
    metrics.vendi(np.full((3, 2), np.nan))


# Clipped density and coverage


def clipped_by_definition(real, fake, k):
  """Salvy et al. (2025) by whole matrices in float64; the coverage as an inverse of its expectation."""
  own, between = scipy.spatial.distance.cdist(real, real), scipy.spatial.distance.cdist(real, fake)
  order = np.argsort(own, 1)[:, 1 : k + 1]
  near = np.take_along_axis(own, order, 1)
  radius = near[:, -1]
  shorter = np.minimum(radius, np.median(radius))
  of_real = np.zeros(len(real))
  np.add.at(of_real, order[near <= shorter[:, None]], 1)
  best = np.minimum(of_real / k, 1).mean()
  density = np.minimum((between <= shorter[:, None]).sum(0) / k, 1).mean() / best
  share = np.minimum((between < radius[:, None]).sum(1), k).mean() / k
  n, m = len(real), len(fake)
  j = np.arange(m + 1)
  expected = [
    np.sum(np.minimum(j, k) * scipy.stats.betabinom.pmf(j, good, k, n - k)) / k for good in range(m + 1)
  ]
  return {
    "clipped_density": min(density, 1),
    "clipped_coverage": np.interp(share, expected, np.arange(m + 1) / m),
  }


@pytest.mark.parametrize("scene", ["alike", "narrow", "half-far", "some-copies", "more-real"])
def test_clipped_numbers_are_those_of_the_definition(scene, monkeypatch):
  monkeypatch.setattr(neighbours, "BLOCK", 64)
  real, fake = rng(0).normal(size=(150, 6)), rng(1).normal(size=(140, 6))
  real, fake = {
    "alike": (real, fake),
    "narrow": (real, 0.6 * fake),
    "half-far": (real, fake + 100 * (np.arange(140) < 70)[:, None]),
    "some-copies": (real, np.concatenate([real[:70], 100 + fake[:70]])),
    "more-real": (real, fake[:60]),
  }[scene]
  for k in (3, 5):
    assert metrics.clipped(real, fake, k) == pytest.approx(clipped_by_definition(real, fake, k), abs=1e-12)


def test_clipped_numbers_are_shares_of_good_samples():
  """Real data have about 1; with samples from elsewhere both fall in proportion, down to 0."""
  real, fake = rng(0).normal(size=(800, 8)), rng(1).normal(size=(800, 8))
  for share in (0, 0.25, 0.5, 1):
    far = np.where((np.arange(800) < share * 800)[:, None], 50 + fake, fake)
    for value in metrics.clipped(real, far).values():
      assert value == pytest.approx(1 - share, abs=0.06) and 0 <= value <= 1


def test_an_outlier_among_real_images_moves_the_density_and_not_the_clipped_one():
  """Its ball holds all samples that are halfway to it."""
  real, between = rng(0).normal(size=(200, 4)), 20 + rng(1).normal(size=(200, 4))
  outlier = np.concatenate([real[1:], np.full((1, 4), 40.0)])
  assert metrics.prdc(outlier, between)["density"] == pytest.approx(0.2)
  assert metrics.clipped(outlier, between)["clipped_density"] == 0


def test_expected_coverage_of_few_samples():
  """One good sample is in a ball with the probability k / N."""
  found = clipping.expected_coverage(3, 10, 400)
  assert found[:2] == pytest.approx([0, 1 / 10]) and (np.diff(found) > 0).all() and found[-1] < 1


# FD-infinity


def gaussians(n, seed, width=16):
  """Samples of two Gaussians with decaying spectra, and their Frechet distance."""
  deviations = (1 + np.arange(width)) ** -0.5
  real, fake = (rng((seed, i)).normal(size=(n, width)) * deviations for i in (0, 1))
  return real, 1.1 * fake + 0.05, float(width * 0.05**2 + np.sum((0.1 * deviations) ** 2))


def test_fd_infinity_is_the_distance_of_the_distributions_and_that_of_samples_is_not():
  found, plain, true = [], [], gaussians(2, 0)[2]
  for seed in range(8):
    real, fake, _ = gaussians(400, seed)
    found.append(metrics.fd_infinity(real, fake).value)
    plain.append(metrics.frechet_from_features(real, fake))
  error = float(np.std(found, ddof=1)) / math.sqrt(8)
  assert np.mean(found) == pytest.approx(true, abs=3 * error) and error < 0.02
  assert np.mean(plain) > true + 0.04
  pairs = [(gaussians(400, seed)[0], gaussians(400, seed + 50)[0]) for seed in range(8)]
  alike = [metrics.fd_infinity(a, b).value for a, b in pairs]
  assert np.mean(alike) == pytest.approx(0, abs=0.02)


def test_fd_infinity_with_all_real_images_keeps_their_bias():
  both, fixed = [], []
  for seed in range(8):
    real, fake, _ = gaussians(400, seed)
    both.append(metrics.fd_infinity(real, fake).value)
    fixed.append(metrics.fd_infinity(real, fake, fixed_real=True).value)
  assert np.mean(fixed) > np.mean(both) + 0.02


def test_the_points_of_fd_infinity_are_mean_distances_of_disjoint_subsets():
  real, fake, _ = gaussians(100, 0, 3)
  line = metrics.fd_infinity(real, fake, points=4, seed=2)
  assert line.sizes == [10, 40, 70, 100]
  assert line.distances[-1] == pytest.approx(metrics.frechet_from_features(real, fake), rel=1e-9)
  order = np.random.default_rng(2)
  a, b = real[order.permutation(100)], fake[order.permutation(100)]
  parts = [metrics.frechet_from_features(a[i : i + 40], b[i : i + 40]) for i in (0, 40)]
  assert line.distances[1] == pytest.approx(np.mean(parts), rel=1e-9)


def test_the_line_and_its_error_are_those_of_least_squares():
  sizes, values = [10, 20, 40, 80], [3.0, 2.1, 1.4, 1.2]
  design = np.stack([np.ones(4), 1 / np.array(sizes)], 1)
  (value, slope), rest, *_ = np.linalg.lstsq(design, values, rcond=None)
  covariance = rest[0] / 2 * np.linalg.inv(design.T @ design)
  line = infinity.fit(sizes, values)
  assert line[:3] == pytest.approx((value, math.sqrt(covariance[0, 0]), slope))
  assert line.r2 == pytest.approx(np.corrcoef(1 / np.array(sizes), values)[0, 1] ** 2)


def test_fd_infinity_refuses_too_few_images_for_the_width():
  with pytest.raises(InputError, match=r"79 generated.*20 features needs at least 80 of each"):
    metrics.fd_infinity(rng().normal(size=(90, 20)), rng().normal(size=(79, 20)))
  with pytest.raises(InputError, match="at least 50 of each"):
    metrics.fd_infinity(REAL[:49, :2], FAKE[:, :2])
  with pytest.raises(InputError, match="2 points"):
    metrics.fd_infinity(REAL, FAKE, points=2)


# FLD


def fld_by_definition(train, test, fake):
  """Jiralerspong et al. (2023): the likelihood from its equation, its gradient by JAX, Adam by optax."""

  def log_normal(x, centres, log_variance):
    squares = jnp.sum((x[:, None] - centres) ** 2, -1)
    width = x.shape[1]
    return -squares / (2 * jnp.exp(log_variance)) - width / 2 * (log_variance + math.log(2 * math.pi))

  def log_mixture(x, centres, log_variances):
    return jax.nn.logsumexp(log_normal(x, centres, log_variances), 1) - math.log(len(centres))

  def variances(centres, x):
    def loss(logs):
      background = log_normal(0.9 * (x - x.mean(0)), jnp.zeros((1, x.shape[1])), logs["background"])[:, 0]
      return -jnp.mean(jnp.logaddexp(log_mixture(x, centres, logs["samples"]), background)) / x.shape[1]

    nearest = jnp.min(jnp.sum((x[:, None] - centres) ** 2, -1), 0)
    logs = {"samples": jnp.log((nearest + 1e-3) / x.shape[1]), "background": jnp.zeros(())}
    optimiser = optax.adam(0.5)
    state, slope = optimiser.init(logs), jax.jit(jax.grad(loss))
    for _ in range(50):
      change, state = optimiser.update(slope(logs), state)
      logs: Any = optax.apply_updates(logs, change)
    return logs["samples"]

  train, test, fake = (jnp.asarray((x - test.mean(0)) / test.std(0, ddof=1)) for x in (train, test, fake))
  half, width, logs = train[: len(train) // 2], test.shape[1], variances(fake, train)
  of_real = log_mixture(test, half, variances(half, train[len(half) :])).mean()
  of_train, of_test = log_mixture(train, fake, logs).mean(), log_mixture(test, fake, logs).mean()
  return {
    "fld": 100 * float(of_real - of_test) / width,
    "fld_gap": 100 * float(of_test - of_train) / width,
  }


@pytest.fixture(scope="module")
def three():
  """Training images, test images and samples of one distribution."""
  return [
    rng(seed).normal(size=(n, 20)) * (1 + np.arange(20)) ** -0.5 for seed, n in enumerate((300, 250, 200))
  ]


@pytest.mark.parametrize("scene", ["shifted", "half-copies"])
def test_fld_is_that_of_the_definition(scene, three, monkeypatch):
  monkeypatch.setattr(importlib.import_module("gengap.metrics.fld"), "BLOCK", 64)
  train, test, fake = three
  copied = np.concatenate([train[:100] + 0.05 * rng(7).normal(size=(100, 20)), fake[:100]])
  fake = {"shifted": fake + 0.5, "half-copies": copied}[scene]
  order = np.random.default_rng(0)
  shuffled = [x[order.permutation(len(x))] for x in (train, test, fake)]
  assert metrics.fld(train, test, fake) == pytest.approx(fld_by_definition(*shuffled), rel=2e-3, abs=2e-3)


def test_fld_rises_with_distance_and_with_copies(three):
  train, test, fake = three
  alike, shifted = metrics.fld(train, test, fake), metrics.fld(train, test, fake + 0.5)
  copies = metrics.fld(train, test, train[:200])
  assert abs(alike["fld"]) < 5 < shifted["fld"] < copies["fld"]
  assert copies["fld_gap"] < 1e3 * alike["fld_gap"] < 0
  part = metrics.fld(train, test, np.concatenate([train[:60], fake[:140]]))
  assert alike["fld"] < part["fld"] and part["fld_gap"] < 10 * alike["fld_gap"]


def test_fld_does_not_depend_on_units_and_takes_constant_features(three):
  train, test, fake = three
  plain = metrics.fld(train, test, fake)
  scale = 10.0 ** np.arange(-10, 10)
  scaled: Any = [x * scale + scale for x in three]
  assert metrics.fld(*scaled) == pytest.approx(plain, rel=1e-3)
  constant: Any = [np.concatenate([x, np.ones((len(x), 1))], 1) for x in three]
  wider = metrics.fld(*constant)
  assert wider["fld"] == pytest.approx(plain["fld"] * 20 / 21, abs=1)
  with pytest.raises(InputError, match="all test images are the same"):
    metrics.fld(train, np.ones_like(test), fake)


def test_fld_needs_three_sets_that_fit(three):
  train, test, fake = three
  spoilt = np.where(np.arange(len(test))[:, None] == 3, np.nan, test)
  for bad, words in (
    ((train[:3], test, fake), "3 training"),
    ((train, test[:1], fake), "1 real"),
    ((train, test[:, :4], fake), "shapes"),
    ((train, spoilt, fake), "not finite"),
    ((train, test, spoilt), "not finite"),
  ):
    with pytest.raises(InputError, match=words):
      metrics.fld(*bad)


def test_small_distances_are_exact():
  """Of images that are all but copies, far from 0."""
  x = 1e3 + rng(0).normal(size=(40, 12))
  y = np.concatenate([x[:5], x[5:10] + 1e-7, rng(1).normal(size=(7, 12))])
  found = importlib.import_module("gengap.metrics.fld").squared(x, y)
  want = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
  np.testing.assert_allclose(found, want, rtol=1e-6)
  assert (found[np.arange(5), np.arange(5)] == 0).all()


# All


@pytest.mark.parametrize("metric", [metrics.clipped, metrics.fd_infinity])
def test_features_that_cannot_be_compared_are_refused(metric):
  spoilt = np.where(np.arange(len(FAKE))[:, None] == 3, np.nan, FAKE)
  for bad, words in ((spoilt, "not finite"), (FAKE[:, :3], "shapes"), (FAKE[:4], "4 generated")):
    with pytest.raises(InputError, match=words):
      metric(REAL, bad)
