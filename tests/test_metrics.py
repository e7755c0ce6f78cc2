"""Metrics of features, against reference numbers, against brute force, and where the answer is known."""

import fractions
import importlib
import math
import pathlib
import warnings

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


def test_memorisation_by_hand():
  """Squared distances to training images 0.25, 1, 36, and to those held out 0.25, 16, 4."""
  sets = ([0.0, 4.0, 70.0, 90.0], [1.0, 12.0, 60.0, 80.0], [0.5, 5.0, 10.0])
  samples, train, held_out = (np.array(x)[:, None] for x in sets)
  found = metrics.memorisation(samples, train, held_out)
  wanted = {"nearer_train": 0.5, "distance_ratio": 0.5, "authentic": 1 / 3}
  assert {name: found[name] for name in wanted} == pytest.approx(wanted)


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
  assert metrics.class_coverage(10 * np.eye(2)[[0] * 7 + [1]], [1, 1])["classes"] == 2  # 1/4 of 1/2: enough
  like = metrics.class_coverage(logits, [25, 75, 1e-12, 1e-12])
  assert like["kl"] == pytest.approx(0, abs=1e-9)
  assert metrics.class_coverage(np.zeros((3, 4)), np.ones(4))["unsure"] == 1


def test_a_classifier_that_is_too_sure():
  """Sure to 0.9 of its class, and right in half: off by 0.4."""
  logits = np.log(np.tile([0.9, 0.1], (10, 1)))
  assert metrics.calibration_error(logits, [0, 1] * 5) == pytest.approx(0.4)
  assert metrics.calibration_error(logits, [0] * 9 + [1]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
  "scene", ["1e20", "1e-20", "offset", "outlier", "two clusters", "float16", "columns"]
)
@pytest.mark.parametrize("many", [0, 128])  # 0: everything doubtful is computed again in float64
def test_prdc_is_exact_whatever_the_size_and_the_place(scene, many, monkeypatch):
  for name, value in {"BLOCK": 64, "TILE": 48, "MANY": many}.items():
    monkeypatch.setattr(neighbours, name, value)
  real, fake = rng(0).normal(size=(150, 20)), rng(1).normal(size=(170, 20))
  apart = np.where(np.arange(170)[:, None] < 70, 0, 1e3)
  real, fake = {
    "1e20": lambda: (1e20 * real, 1e20 * fake),
    "1e-20": lambda: (1e-20 * real, 1e-20 * fake),
    "offset": lambda: (1e6 + 0.01 * real, 1e6 + 0.01 * fake),
    "outlier": lambda: (np.concatenate([real, real[:1] + 1e10]), fake),
    "two clusters": lambda: (apart[:150] + 1e-6 * real, apart + 1e-6 * fake),
    "float16": lambda: (real.astype(np.float16), fake.astype(np.float16)),
    "columns": lambda: (real * 10.0 ** np.arange(-10, 10), fake * 10.0 ** np.arange(-10, 10)),
  }[scene]()
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    found = metrics.prdc(real, fake, 4)
  assert found == pytest.approx(brute(real, fake, 4), abs=1e-12)
  own = scipy.spatial.distance.cdist(fake.astype(np.float64), fake.astype(np.float64), "sqeuclidean")
  np.testing.assert_allclose(neighbours.kth(fake, 4)[0], np.sort(own, 1)[:, 4], rtol=1e-9)


def exact_mmd2(real, fake):
  """By its definition, in whole numbers: of integers, without the division by D."""
  real, fake = (np.array(x.tolist(), object) for x in (real, fake))
  d = real.shape[1]
  kernel = lambda x, y: (x @ y.T + d) ** 3  # noqa: E731, d^3 times the kernel
  n, m = len(real), len(fake)
  within = [kernel(x, x).sum() - sum(kernel(x, x).diagonal()) for x in (real, fake)]
  whole = fractions.Fraction(within[0], n * (n - 1)) + fractions.Fraction(within[1], m * (m - 1))
  return float((whole - fractions.Fraction(2 * kernel(real, fake).sum(), n * m)) / d**3)


@pytest.mark.parametrize("offset", [0, 10**6, 10**9])
def test_kid_does_not_lose_its_digits_far_from_zero(offset):
  real, fake = (offset + rng(i).integers(-3, 4, (40 + i, 5)) for i in (0, 1))
  want = exact_mmd2(real, fake)
  assert metrics.mmd2_unbiased(real, fake) == pytest.approx(want, rel=1e-8)
  assert metrics.kid(real, fake, subsets=2, subset_size=40)[0] == pytest.approx(want, rel=0.5)


def scale_of(function, power, *args):
  """What a number is multiplied by where features are 1e20 times as large, as a power of it."""
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    small, large = (function(*(scale * np.asarray(x, np.float64) for x in args)) for scale in (1, 1e20))
  assert large == pytest.approx(np.multiply(small, 1e20**power), rel=1e-6)


def test_numbers_of_huge_features_are_those_of_small_ones():
  real, fake, more = REAL[:60], FAKE[:60], REAL[60:120]
  scale_of(metrics.frechet_from_features, 2, real, fake)
  scale_of(metrics.energy_distance, 1, real, fake)
  scale_of(lambda *x: list(metrics.memorisation(*x).values()), 0, more, real, fake)
  scale_of(lambda x: frechet.moments(x).diversity, 1, real)
  huge = [
    1e20 * x.astype(np.float64) for x in (real, fake)
  ]  # the constant 1 of the kernel is nothing beside it
  assert metrics.mmd2_unbiased(*huge) == pytest.approx(
    1e60 * metrics.mmd2_unbiased(*(x / 1e10 for x in huge))
  )


@pytest.mark.parametrize(
  "call",
  [
    lambda x: metrics.prdc(x, FAKE[: len(x)]),
    lambda x: metrics.mmd2_unbiased(FAKE[: len(x)], x),
    lambda x: metrics.frechet_from_features(x, FAKE[: len(x)]),
    lambda x: metrics.memorisation(x, FAKE[: len(x)], REAL),
    lambda x: metrics.energy_distance(x, FAKE[: len(x)]),
    metrics.aggregate,
  ],
)
def test_what_no_distance_can_be_computed_of_is_refused(call):
  """NaN, infinity, what float64 cannot square, and no numbers; without a warning of NumPy."""
  good = REAL[:80].astype(np.float64)
  row = np.arange(80)[:, None] == 3
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    call(good)
    for bad in (np.where(row, np.nan, good), np.where(row, np.inf, good), 1e200 * good, good.astype(str)):
      with pytest.raises(InputError):
        call(bad)


def test_real_images_that_are_all_the_same_have_no_neighbourhood():
  with pytest.raises(InputError, match="all real images are the same"):
    metrics.prdc(np.ones((50, 4)), rng(0).normal(size=(50, 4)))
  same = metrics.frechet_from_features(np.ones((50, 4)), 1 + np.eye(50, 4))
  assert same == pytest.approx(np.trace(np.cov(np.eye(50, 4), rowvar=False)) + 4 / 50**2)
  moments = metrics.aggregate(np.ones((50, 4)))  # of a posterior without variance
  assert (moments["kl"], moments["mean_norm"], moments["variance"]) == (math.inf, 2.0, 0.0)


def test_the_spread_of_memorisation_is_that_over_other_references():
  """Samples that are far from most of the data depend on few references, and so on their draw."""
  narrow = np.concatenate([rng(99).normal(size=(200, 3)), np.zeros((200, 17))], 1)
  draws = [rng(i).normal(size=(2, 100, 20)) for i in range(20)]
  found = [metrics.memorisation(a, b, narrow) for a, b in draws]
  for name in ("nearer_train", "distance_ratio", "authentic"):
    over_draws = np.std([x[name] for x in found], ddof=1)
    assert np.mean([x[f"{name}_spread"] for x in found]) == pytest.approx(over_draws, rel=0.5), name
  assert np.mean([x["nearer_train_spread"] for x in found]) > 3 * np.sqrt(0.25 / 200)  # the binomial one
  assert found[0] == metrics.memorisation(draws[0][0], draws[0][1], narrow)


def test_as_many_held_out_images_as_training_ones_are_taken():
  """Else the nearest of many would be nearer."""
  train, held_out, fake = (rng(i).normal(size=(n, 5)) for i, n in ((0, 400), (1, 40), (2, 300)))
  assert metrics.memorisation(train, held_out, fake)["nearer_train"] == pytest.approx(0.5, abs=0.15)
  assert metrics.memorisation(held_out, train, fake)["nearer_train"] == pytest.approx(0.5, abs=0.15)


def test_classes_that_the_data_lack_are_left_out():
  """Of four classes the data have 0 and 2, and six of eight images are of those."""
  logits = 10 * np.eye(4)[[0, 0, 2, 2, 2, 2, 1, 3]]
  got = metrics.class_coverage(logits, [5, 0, 5, 0])
  assert {name for name in got if name.startswith("share_")} == {"share_0", "share_2"}
  assert (got["classes"], got["elsewhere"]) == (2, 0.25)
  assert (got["share_0"], got["share_2"]) == pytest.approx((2 / 3, 4 / 3))
  assert got["kl"] == pytest.approx(math.log(2) - got["entropy"])
  with pytest.raises(InputError, match="no image is of a class that occurs"):
    metrics.class_coverage(10 * np.eye(2)[[1, 1]], [1, 0])


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
    (lambda: metrics.class_coverage(np.zeros((5, 2)), [0, 0]), "one is above 0"),
    (lambda: metrics.class_coverage(NAN, np.ones(NAN.shape[1])), "must be finite"),
    (lambda: metrics.calibration_error(np.zeros((5, 2)), [0, 1]), "must be alike"),
    (lambda: metrics.memorisation(REAL, REAL[:3], FAKE), "4 of each"),
    (lambda: metrics.sharpness(np.full((1, 4, 4, 1), np.nan)), "not finite"),
    (lambda: metrics.sharpness(np.zeros((1, 2, 4, 1))), "3 by 3"),
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


def test_a_kernel_far_beyond_float64_is_refused():
  far = np.full((4, 2), 1e100) + np.eye(4, 2)
  with pytest.raises(InputError, match="so large that the kernel"):
    metrics.mmd2_unbiased(far, far)
  with pytest.raises(InputError, match="cannot be split"):
    metrics.inception_score(np.zeros((20, 0)))
