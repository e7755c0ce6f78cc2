"""Vendi score, clipped density and coverage, FD-infinity: by their definitions, and where they are known."""

import math
import pathlib

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

from gengap import metrics
from gengap.errors import InputError
from gengap.metrics import clipping, infinity, neighbours

FIXTURE = np.load(pathlib.Path(__file__).parent / "fixtures" / "metrics.npz")
REAL, FAKE = FIXTURE["real"], FIXTURE["fake"]


def rng(seed=0):
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


@pytest.mark.parametrize("scene", ["alike", "narrow", "half far", "copies", "more real"])
def test_clipped_numbers_are_those_of_the_definition(scene, monkeypatch):
  monkeypatch.setattr(neighbours, "BLOCK", 64)
  real, fake = rng(0).normal(size=(150, 6)), rng(1).normal(size=(140, 6))
  real, fake = {
    "alike": (real, fake),
    "narrow": (real, 0.6 * fake),
    "half far": (real, fake + 100 * (np.arange(140) < 70)[:, None]),
    "copies": (real, real[:140]),
    "more real": (real, fake[:60]),
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
  return real, 1.1 * fake + 0.05, width * 0.05**2 + np.sum((0.1 * deviations) ** 2)


def test_fd_infinity_is_the_distance_of_the_distributions_and_that_of_samples_is_not():
  found, plain = [], []
  for seed in range(8):
    real, fake, true = gaussians(400, seed)
    found.append(metrics.fd_infinity(real, fake).value)
    plain.append(metrics.frechet_from_features(real, fake))
  error = np.std(found, ddof=1) / math.sqrt(8)
  assert np.mean(found) == pytest.approx(true, abs=3 * error) and error < 0.02
  assert np.mean(plain) > true + 0.04
  alike = [
    metrics.fd_infinity(*(x[0] for x in (gaussians(400, s), gaussians(400, s + 50)))).value for s in range(8)
  ]
  assert np.mean(alike) == pytest.approx(0, abs=0.02)


def test_fd_infinity_with_all_real_images_keeps_their_bias():
  found = [
    [metrics.fd_infinity(*gaussians(400, s)[:2], fixed_real=fixed).value for s in range(8)]
    for fixed in (0, 1)
  ]
  assert np.mean(found[1]) > np.mean(found[0]) + 0.02


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


# All


@pytest.mark.parametrize("metric", [metrics.clipped, metrics.fd_infinity])
def test_features_that_cannot_be_compared_are_refused(metric):
  spoilt = np.where(np.arange(len(FAKE))[:, None] == 3, np.nan, FAKE)
  for bad, words in ((spoilt, "not finite"), (FAKE[:, :3], "shapes"), (FAKE[:4], "4 generated")):
    with pytest.raises(InputError, match=words):
      metric(REAL, bad)
