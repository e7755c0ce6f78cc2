"""Metrics of features, against reference numbers, against brute force, and where the answer is known."""

import importlib
import math
import pathlib

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance

from gengap import metrics
from gengap.errors import InputError
from gengap.metrics import frechet, neighbours

FIXTURE = np.load(pathlib.Path(__file__).parent / "fixtures" / "metrics.npz")
REAL, FAKE = FIXTURE["real"], FIXTURE["fake"]


def rng(seed=0):
  return np.random.default_rng(seed)


def test_frechet_equals_the_reference():
  np.testing.assert_allclose(metrics.frechet_from_features(REAL, FAKE), FIXTURE["fid/full"], rtol=1e-9)
  got = metrics.frechet_from_features(REAL[:40], FAKE[:40])  # 40 images span less than 64 dimensions
  np.testing.assert_allclose(got, FIXTURE["fid/rank_deficient"], rtol=2e-6)
  assert got == pytest.approx(FIXTURE["fid/rank_deficient"][2], rel=1e-10)
  assert metrics.frechet_from_features(REAL, REAL) == pytest.approx(0, abs=1e-9)


def test_frechet_of_gaussians_that_commute():
  """With diagonal covariances it is the distance of means and standard deviations."""
  a, b = np.array([1.0, 4.0, 0.0]), np.array([9.0, 0.0, 0.0])
  got = metrics.frechet_distance([1.0, 0, 0], np.diag(a), [0.0, 0, 2], np.diag(b))
  assert got == pytest.approx(5 + 4 + 4)


def test_frechet_equals_the_root_of_the_product():
  a, b = (np.cov(rng(i).normal(size=(50, 8)) @ rng(i + 2).normal(size=(8, 8)), rowvar=False) for i in (0, 1))
  want = np.trace(a) + np.trace(b) - 2 * np.trace(scipy.linalg.sqrtm(a @ b)).real
  assert metrics.frechet_distance(np.zeros(8), a, np.zeros(8), b) == pytest.approx(want)


def test_moments_do_not_depend_on_the_batches():
  x = rng().normal(size=(100, 5)) + 1e4
  whole = frechet.moments(x)
  for cuts in ([50], [1, 2, 97], [99]):
    parts = [frechet.moments(part) for part in np.split(x, cuts)]
    merged = parts[0]
    for part in parts[1:]:
      merged = frechet.merge(merged, part)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-9, atol=1e-9)
  np.testing.assert_allclose(whole.covariance, np.cov(x, rowvar=False), rtol=1e-9, atol=1e-9)


def test_kid_equals_the_reference():
  subsets = zip(FIXTURE["kid/idx_real"], FIXTURE["kid/idx_fake"], strict=True)
  values = [metrics.mmd2_unbiased(REAL[i], FAKE[j]) for i, j in subsets]
  np.testing.assert_allclose(values, FIXTURE["kid/subset_mmd2"], rtol=1e-9)
  np.testing.assert_allclose([np.mean(values), np.std(values)], FIXTURE["kid/mean_std"], rtol=1e-9)
  assert metrics.mmd2_unbiased(REAL[:500], FAKE) == pytest.approx(FIXTURE["kid/full_500v500"], rel=1e-9)
  assert metrics.mmd2_unbiased(REAL, FAKE) == pytest.approx(FIXTURE["kid/full_600v500"], rel=1e-9)


def test_kid_is_about_the_same_over_subsets_and_repeats_itself():
  mean, std = metrics.kid(REAL, FAKE, subsets=50, subset_size=200)
  assert mean == pytest.approx(FIXTURE["kid/full_600v500"], abs=3 * std / math.sqrt(50) + 0.01)
  assert std > 0
  assert (mean, std) == metrics.kid(REAL, FAKE, subsets=50, subset_size=200)
  assert mean != metrics.kid(REAL, FAKE, subsets=50, subset_size=200, seed=1)[0]
  whole, none = metrics.kid(
    REAL[:500], FAKE, subsets=3, subset_size=500
  )  # without replacement: all, each time
  assert (whole, none) == (pytest.approx(FIXTURE["kid/full_500v500"]), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize("subsets", [2, 30])  # fewer and more pairs than there are in all
def test_kid_is_that_of_its_subsets_however_it_is_summed(subsets):
  rng = np.random.default_rng(5)
  draws = [[x[rng.choice(len(x), 300, replace=False)] for x in (REAL, FAKE)] for _ in range(subsets)]
  values = [metrics.mmd2_unbiased(*draw) for draw in draws]
  found = metrics.kid(REAL, FAKE, subsets=subsets, subset_size=300, seed=5)
  np.testing.assert_allclose(found, [np.mean(values), np.std(values)], rtol=1e-9)


def test_kid_by_blocks_is_kid(monkeypatch):
  want = metrics.mmd2_unbiased(REAL, FAKE)
  monkeypatch.setattr(importlib.import_module("gengap.metrics.kid"), "BLOCK", 37)
  assert metrics.mmd2_unbiased(REAL, FAKE) == pytest.approx(want, rel=1e-12)


def test_inception_score_equals_the_reference():
  logits = FIXTURE["isc/logits"]
  np.testing.assert_allclose(metrics.inception_score(logits), FIXTURE["isc/splits10_noshuffle"], rtol=1e-9)
  shuffled = metrics.inception_score(logits[FIXTURE["isc/perm2020"]])
  np.testing.assert_allclose(shuffled, FIXTURE["isc/splits10_shuffle2020"], rtol=1e-9)
  assert metrics.inception_score(logits, 1) == (pytest.approx(FIXTURE["isc/splits1"][0], rel=1e-9), 0)


def test_inception_score_of_sure_and_of_unsure_classes():
  assert metrics.inception_score(100 * np.eye(7), 1)[0] == pytest.approx(7)
  assert metrics.inception_score(np.zeros((7, 7)), 1)[0] == pytest.approx(1)


@pytest.mark.parametrize("k", [3, 5])
def test_prdc_equals_the_reference(k):
  got = metrics.prdc(REAL, FAKE, k)
  want = dict(zip(("precision", "recall", "density", "coverage"), FIXTURE[f"prdc/k{k}"], strict=True))
  density = got.pop("density"), want.pop("density")
  assert got == pytest.approx(want, abs=1e-9)
  assert density[0] == pytest.approx(density[1], abs=1 / (k * 500))


def brute(real, fake, k):
  """PRDC by its definition, in float64."""
  real, fake = real.astype(np.float64), fake.astype(np.float64)
  own, other, between = (
    scipy.spatial.distance.cdist(a, b) for a, b in ((real, real), (fake, fake), (real, fake))
  )
  inside, outside = np.sort(own, 1)[:, k], np.sort(other, 1)[:, k]
  within = between < inside[:, None]
  return {
    "precision": within.any(0).mean(),
    "recall": (between < outside).any(1).mean(),
    "density": within.sum(0).mean() / k,
    "coverage": within.any(1).mean(),
  }


@pytest.mark.parametrize("scene", ["apart", "far from 0", "collapsed", "copies", "grid"])
def test_prdc_is_exact_where_float32_is_not(scene, monkeypatch):
  """More rows than a block; a mean that eats digits; points that are all but one; ties and copies."""
  for name, value in {"BLOCK": 64, "TILE": 48, "MANY": 8 if scene == "collapsed" else 128}.items():
    monkeypatch.setattr(neighbours, name, value)
  real, fake = rng(0).normal(size=(150, 20)), rng(1).normal(size=(170, 20))
  if scene == "far from 0":
    real, fake = real + 300, fake + 300
  elif scene == "collapsed":
    fake = real[0] + 1e-5 * fake
  elif scene == "copies":
    fake = np.concatenate([real[:100], real[:70]])
  elif scene == "grid":  # distances that are equal, and must not count as below
    real, fake = (rng(i).integers(0, 2, (n, 6)) for i, n in ((0, 150), (1, 170)))
  real, fake = real.astype(np.float32), fake.astype(np.float32)
  assert metrics.prdc(real, fake, 4) == pytest.approx(brute(real, fake, 4), abs=1e-12)
  own = scipy.spatial.distance.cdist(fake.astype(np.float64), fake.astype(np.float64), "sqeuclidean")
  np.testing.assert_allclose(neighbours.kth(fake, 4)[0], np.sort(own, 1)[:, 4], rtol=1e-6, atol=1e-12)


def test_prdc_of_the_same_of_far_and_of_repeated_images():
  x = rng(0).normal(size=(100, 4))
  assert metrics.prdc(x, x) == pytest.approx(
    {"precision": 1, "recall": 1, "density": 1.2, "coverage": 1}, abs=1
  )
  assert metrics.prdc(x, x + 100) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}
  one = metrics.prdc(x, np.repeat(x[:1], 50, 0))
  assert one["precision"] == 1
  assert (one["recall"], one["coverage"] < 0.2) == (0, True)


def test_neighbours_are_those_of_brute_force(monkeypatch):
  monkeypatch.setattr(neighbours, "TILE", 16)
  x, y = rng(0).normal(size=(40, 7)), rng(1).normal(size=(90, 7))
  between = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
  for k in (1, 3, 90):
    distance, index = neighbours.kth(x, k, y)
    np.testing.assert_allclose(distance, np.sort(between, 1)[:, k - 1], rtol=1e-12)
    np.testing.assert_array_equal(index, np.argsort(between, 1)[:, k - 1])


@pytest.mark.parametrize(("n", "k"), [(6, 5), (20, 5), (40, 3), (100, 8), (200, 150)])
def test_an_item_is_no_neighbour_of_its_own(n, k):
  """Of few items too, where all of them have to be looked at."""
  x = rng(n).normal(size=(n, 4))
  own = scipy.spatial.distance.cdist(x, x, "sqeuclidean")
  distance, index = neighbours.kth(x, k)
  np.testing.assert_allclose(distance, np.sort(own, 1)[:, k], rtol=1e-12)
  np.testing.assert_array_equal(index, np.argsort(own, 1)[:, k])


def test_copies_are_known_and_strangers_are_not():
  train, held_out, more = (rng(i).normal(size=(300, 5)) for i in range(3))
  copied = metrics.memorisation(train, held_out, train[:100])
  assert (copied["nearer_train"], copied["distance_ratio"], copied["authentic"]) == (1, 0, 0)
  honest = metrics.memorisation(train, held_out, more)
  assert honest["nearer_train"] == pytest.approx(0.5, abs=0.1)
  assert honest["distance_ratio"] == pytest.approx(1, abs=0.1)
  assert honest["authentic"] == pytest.approx(0.5, abs=0.1)
  assert metrics.memorisation(train, held_out, more + 100)["authentic"] == 1


def test_diversity_is_the_distance_between_two():
  x = rng(0).normal(size=(30, 4))
  assert frechet.moments(x).diversity == pytest.approx(np.sqrt(np.mean(scipy.spatial.distance.pdist(x) ** 2)))
  assert frechet.moments(np.ones((5, 4))).diversity == 0


def test_classes_that_are_dropped():
  logits = 10 * np.eye(4)[[0, 0, 1, 1, 1, 1, 1, 1]]
  got = metrics.class_coverage(logits, [1, 1, 1, 1])
  assert (got["classes"], got["least"]) == (2, 0)
  assert got["entropy"] == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
  assert got["kl"] == pytest.approx(math.log(4) - got["entropy"])
  assert got["unsure"] == 0
  few = metrics.class_coverage(10 * np.eye(2)[[0] * 19 + [1]], [1, 1])  # 5 %, of 50: errors may be as many
  assert (few["classes"], few["least"]) == (1, pytest.approx(0.1))
  like = metrics.class_coverage(logits, [25, 75, 1e-12, 1e-12])
  assert like["kl"] == pytest.approx(0, abs=1e-9)
  assert metrics.class_coverage(np.zeros((3, 4)), np.ones(4))["unsure"] == 1


def test_a_classifier_that_is_too_sure():
  """Sure to 0.9 of its class, and right in half: off by 0.4."""
  logits = np.log(np.tile([0.9, 0.1], (10, 1)))
  assert metrics.calibration_error(logits, [0, 1] * 5) == pytest.approx(0.4)
  assert metrics.calibration_error(logits, [0] * 9 + [1]) == pytest.approx(0, abs=1e-9)


NAN = np.where(np.arange(50)[:, None] == 3, np.nan, REAL[:50])


@pytest.mark.parametrize(
  ("call", "words"),
  [
    (lambda: metrics.prdc(REAL[:5], FAKE), "5 real and 500 generated"),
    (lambda: metrics.prdc(REAL, FAKE[:, :3]), "shapes"),
    (lambda: metrics.prdc(REAL, NAN), "1 of 50 generated images are not finite"),
    (lambda: metrics.kid(REAL, FAKE), "500 generated"),
    (lambda: metrics.mmd2_unbiased(REAL[:1], FAKE), "1 real"),
    (lambda: metrics.frechet_from_features(REAL[:1], FAKE), "at least 2"),
    (lambda: metrics.frechet_from_features(NAN, FAKE), "1 of 50 images are not finite"),
    (lambda: metrics.frechet_from_features(REAL[0], FAKE), "shape"),
    (lambda: metrics.frechet_distance([0.0], [[1.0]], [0.0, 0.0], np.eye(2)), "do not go with"),
    (lambda: metrics.frechet_distance([0, 0], [[1, 2], [0, 1]], [0, 0], np.eye(2)), "not symmetric"),
    (lambda: metrics.frechet_distance([0, 0], np.full((2, 2), np.nan), [0, 0], np.eye(2)), "finite"),
    (lambda: metrics.inception_score(np.zeros((5, 3))), "split in 10"),
    (lambda: metrics.inception_score(NAN), "finite"),
    (lambda: metrics.class_coverage(np.zeros((5, 3)), [1, 1]), "classes"),
    (lambda: metrics.class_coverage(np.zeros((5, 2)), [1, 0]), "every class"),
    (lambda: metrics.memorisation(REAL, REAL[:5], FAKE), "as many of both"),
    (lambda: neighbours.kth(REAL[:5], 5), "from 1 to 4"),
  ],
)
def test_bad_input(call, words):
  with pytest.raises(InputError, match=words):
    call()


def test_what_is_compared_is_left_alone():
  """Features are centred in memory of their own."""
  real, fake = REAL.copy(), FAKE.copy()
  metrics.prdc(real, fake)
  np.testing.assert_array_equal(real, REAL)
  np.testing.assert_array_equal(fake, FAKE)
