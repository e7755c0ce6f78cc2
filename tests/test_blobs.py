"""Gaussian blobs: how they are drawn, and what is measured of them; the energy distance."""

import numpy as np
import pytest

from gengap import data
from gengap.data import blobs
from gengap.errors import InputError
from gengap.metrics import blobs as measures
from gengap.metrics import energy_distance


def test_blob_images_are_functions_of_their_index():
  few = data.load("blobs_multi", "train", validation_share=0, dataset_args={"num_train": 5})
  many = data.load("blobs_multi", "train", validation_share=0, dataset_args={"num_train": 1500})
  other = data.load("blobs_multi", "train", validation_share=0, dataset_args={"num_train": 5, "seed": 1})
  test = data.load("blobs_multi", "test", dataset_args={"num_test": 5})
  np.testing.assert_array_equal(few.image, many.image[:5])
  np.testing.assert_array_equal(few.truth["centre"], many.truth["centre"][:5])
  assert not np.array_equal(few.image, other.image)
  assert not np.array_equal(few.image, test.image)
  assert len(np.unique(many.truth["centre"].reshape(-1, 2), axis=0)) == 15000


@pytest.mark.parametrize(("name", "count"), [("blobs_single", 1), ("blobs_multi", 10)])
def test_blobs_equal_their_definition(name, count):
  d = data.load(name, "test", image_size=24, channels=3, dataset_args={"num_test": 20, "sigma": (1.0, 3.0)})
  y, x = np.mgrid[:24, :24]
  cx, cy, s = (a[..., None, None] for a in (*np.moveaxis(d.truth["centre"], -1, 0), d.truth["sigma"]))
  expected = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * s**2)).sum(1).clip(max=1)
  assert d.image.shape == (20, 24, 24, 3) and d.image.dtype == np.uint8
  np.testing.assert_allclose(d.image, 255 * expected[..., None].repeat(3, -1), atol=0.502)
  assert (d.truth["count"] == count).all() and d.truth["sigma"].shape == (20, count)
  low, high = d.truth["sigma"].min(), d.truth["sigma"].max()
  assert low >= 1
  assert low < 1.3
  assert high > 2.7
  assert high <= 3


def test_blob_centres_are_uniform_over_the_image():
  truth = blobs.draw(blobs.settings("blobs_single", 32, {}), 0, 20_000, 32)
  centre = truth["centre"].reshape(-1, 2)
  assert -0.5 <= centre.min() < -0.45 and 31.45 < centre.max() <= 31.5
  np.testing.assert_allclose(centre.mean(0), 15.5, atol=4 * 32 / np.sqrt(12 * 20_000))
  assert abs(np.corrcoef(centre.T)[0, 1]) < 4 / np.sqrt(20_000)
  assert (truth["sigma"] == 2).all()


def render(*centres, sigma=2.0, size=32):
  centre = np.array([centres], np.float32)
  return blobs.render(centre, np.full((1, len(centres)), sigma, np.float32), size)


def bar(rows, columns, value=255):
  image = np.zeros((1, 32, 32), np.uint8)
  image[:, slice(*rows), slice(*columns)] = value
  return image


def noisy(image, std, seed=0):
  noise = np.random.default_rng(seed).normal(0, std * 255, image.shape)
  return (image + noise).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0, 0.05])
@pytest.mark.parametrize(("sigma", "share"), [(1.0, 0.99), (2.0, 1.0), (4.0, 1.0)])
def test_one_blob_is_counted_as_one_everywhere(sigma, share, noise):
  d = data.load("blobs_single", "test", dataset_args={"num_test": 1500, "sigma": sigma})
  seen = measures.describe(noisy(d.image, noise))
  assert (seen["count"] == 1).mean() >= share
  assert not seen["streak"].any()
  assert np.nanmean(seen["radius"]) == pytest.approx(sigma, rel=0.05 if sigma > 1 else 0.1)
  assert np.nanmean(seen["roundness"]) > 0.8
  assert seen["background"].max() < 0.03


def test_blobs_at_the_border_are_counted_and_not_measured():
  for centre in [(-0.5, -0.5), (31.4, 15), (0, 20), (31.4, 31.4)]:
    seen = measures.describe(render(centre))
    assert seen["count"] == 1 and not seen["streak"] and np.isnan(seen["radius"])


def test_a_centre_is_that_of_a_pixel_in_shares_of_the_side():
  seen = measures.describe(render((20, 15)))
  np.testing.assert_allclose(seen["centre"], [[15.5 / 32, 20.5 / 32]])


@pytest.mark.parametrize("size", [16, 64])
def test_measures_scale_with_the_image(size):
  seen = measures.describe(render((size / 3, size / 2), sigma=size / 16, size=size))
  assert seen["count"] == 1 and seen["radius"] == pytest.approx(size / 16, rel=0.1)
  for distance, number in ((5, 1), (6, 2)):
    ends = (size / 2 - distance * size / 64, 9), (size / 2 + distance * size / 64, 9)
    assert measures.count(render(*ends, sigma=size / 16, size=size)) == number


@pytest.mark.parametrize(("distance", "count"), [(3, 1), (4, 1), (5, 1), (6, 2), (8, 2), (16, 2)])
def test_two_blobs_are_two_once_a_saddle_parts_them(distance, count):
  seen = measures.describe(render((16 - distance / 2, 15), (16 + distance / 2, 15)))
  assert seen["count"] == count and not seen["streak"]


def test_ten_blobs_are_undercounted_by_their_overlaps():
  d = data.load("blobs_multi", "test", dataset_args={"num_test": 2000})
  seen = measures.describe(d.image)
  assert seen["count"].mean() == pytest.approx(6.55, abs=0.1)  # the floor to compare samples with, not 10
  assert seen["count"].max() <= 10
  assert seen["streak"].mean() < 0.02  # rows of unresolved blobs


def test_nothing_is_counted_where_nothing_is():
  empty = bar((0, 0), (0, 0)).repeat(50, 0)
  point = bar((0, 1), (0, 1))
  assert measures.count(empty).tolist() == [0] * 50
  assert measures.count(noisy(empty + 100, 0.05)).sum() == 0
  assert measures.count(point) == 0  # a single pixel in the corner
  assert measures.describe(empty + 102)["background"] == pytest.approx(0.4)


STREAKS = {
  "across": bar((14, 17), (0, 32)),
  "down": bar((0, 32), (5, 7)),
  "short": bar((10, 12), (8, 24)),
  "at the border": bar((0, 2), (0, 32)),
  "diagonal": np.eye(32, dtype=np.uint8)[None] * 255,
  "two": bar((5, 8), (0, 32)) | bar((20, 23), (0, 32)),
  "beside a blob": bar((3, 5), (0, 32)) | render((16, 20))[..., 0],
}


@pytest.mark.parametrize("noise", [0, 0.05])
@pytest.mark.parametrize("name", STREAKS)
def test_a_bar_is_a_streak(name, noise):
  assert measures.streaks(noisy(STREAKS[name], noise))


def test_a_streak_is_not_one_blob():
  seen = measures.describe(STREAKS["short"])
  assert seen["count"] == 1
  assert (measures.summary(seen)["one_blob"], measures.summary(seen)["streaks"]) == (0, 1)


@pytest.mark.parametrize("image", [bar((10, 20), (10, 20)), bar((0, 32), (0, 32)), bar((8, 14), (8, 18))])
def test_a_patch_is_no_streak(image):
  assert not measures.streaks(image)


def test_bytes_floats_and_colours_are_measured_alike():
  image = data.load("blobs_multi", "test", dataset_args={"num_test": 300}).image
  expected = measures.describe(image)
  for other in (image[..., 0], image.repeat(3, -1), image / 127.5 - 1):
    for name, value in measures.describe(other).items():
      np.testing.assert_allclose(value, expected[name], atol=1e-5)
  parts = [measures.count(image[i : i + 7]) for i in range(0, 300, 7)]
  np.testing.assert_array_equal(np.concatenate(parts), expected["count"])


def test_measures_refuse_what_is_no_set_of_images():
  for shape in ((0, 32, 32), (32, 32)):
    with pytest.raises(InputError, match="shape"):
      measures.count(np.zeros(shape, np.uint8))
  with pytest.raises(InputError, match="not finite"):
    measures.count(np.full((1, 32, 32), np.nan))


def test_energy_distance_of_a_hand_computed_case():
  # E|X-Y| = (3+4+2+3)/4 = 3, E|X-X'| = 1, E|Y-Y'| = 1: 2 * 3 - 1 - 1
  assert energy_distance(np.array([[0.0], [1.0]]), np.array([[3.0], [4.0]])) == pytest.approx(4)


def test_energy_distance_is_unbiased_and_sees_a_difference():
  rng = np.random.default_rng(0)
  same = [energy_distance(rng.normal(size=(20, 2, 3)), rng.normal(size=(30, 2, 3))) for _ in range(400)]
  assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(400)
  assert min(same) < 0
  shifted = energy_distance(rng.normal(size=(200, 6)), rng.normal(size=(200, 6)) + 1)
  wider = energy_distance(rng.normal(size=(200, 6)), 2 * rng.normal(size=(200, 6)))
  assert min(shifted, wider) > 5 * np.std(same)


def test_energy_distance_does_not_depend_on_blocks():
  rng = np.random.default_rng(1)
  x, y = rng.integers(0, 256, (50, 8, 8, 1)), rng.integers(0, 256, (37, 8, 8, 1))
  expected = energy_distance(x, y)
  for block in (1, 7, 50):
    assert energy_distance(x, y, block=block) == pytest.approx(expected, rel=1e-9)
  assert energy_distance(y, x) == pytest.approx(expected, rel=1e-9)


def test_energy_distance_refuses_what_it_cannot_compare():
  for shape in ((1, 3), (5, 4)):
    with pytest.raises(InputError, match="energy_distance"):
      energy_distance(np.zeros((5, 3)), np.zeros(shape))


def test_the_class_of_a_single_blob_is_its_quarter():
  d = data.load("blobs_single", "test", image_size=16, dataset_args={"num_test": 200})
  for (x, y), label in zip(d.truth["centre"][:, 0], d.label, strict=True):
    assert d.classes[label] == f"{'lower' if y > 7.5 else 'upper'}_{'right' if x > 7.5 else 'left'}"
  assert np.bincount(d.label).min() > 30
  one = data.load("blobs_single/lower_left", "test", image_size=16, dataset_args={"num_test": 200})
  assert one.classes == ("lower_left",) and len(one.label) == (d.label == 2).sum()
  assert data.load("blobs_multi", "test", dataset_args={"num_test": 4}).classes == ("all",)
