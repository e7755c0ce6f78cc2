"""Probes of generators whose answers are known in closed form, and of small trained runs."""

import dataclasses
import json
import math
import pickle
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.text import Text
from scipy import stats

from gengap.errors import InputError
from gengap.evaluation.quantities import find
from gengap.metrics import estimate
from gengap.probes import (
  PROBES,
  Examples,
  Options,
  ProbeResult,
  Subject,
  disentanglement,
  dynamics,
  interpolation,
  inversion,
  latent_paths,
  latents,
  ood,
  prober,
  probing,
  realism,
  result,
  sensitivity,
  traversal,
)
from gengap.probes.figures import layout, names
from gengap.probes.settings import Settings

SIDE, DIM = 4, 3
RNG = np.random.default_rng(0)
MATRIX = RNG.standard_normal((SIDE * SIDE, DIM)) / 40  # of a linear generator whose images stay in [-1, 1]
OPTIONS = Options(number=200)


def linear_subject(matrix=MATRIX, shift=0.0, **rest):
  """G(z) = A z + shift, seen as pixels; its encoder is the pseudo-inverse, its classes are signs of z_0."""
  dim = matrix.shape[1]
  inverse = np.linalg.pinv(matrix)

  def generate(z, label):
    del label
    return (z @ matrix.T + shift).reshape(-1, SIDE, SIDE, 1)

  def flat(images):
    return images.reshape(len(images), -1)

  def encode(images, label):
    del label
    return (flat(images) - shift) @ inverse.T

  def examples(seed):
    z = np.random.default_rng(seed).standard_normal((300, dim))
    return Examples(generate(z, None), (z[:, 0] > 0).astype(int))

  fields = dict(
    latent_dim=dim,
    classes=("low", "high"),
    conditional=False,
    generate=generate,
    features=flat,
    classify=lambda images: 20 * encode(images, None)[:, :1] * np.array([-1.0, 1.0]),
    class_counts=np.array([1, 1]),
    test=examples(1),
    train=examples(2),
    own_encoder=True,
    encode=encode,
    refine=lambda image, label, z: encode(image, label),
    history=lambda: iter([(0, generate)]),
  )
  return Subject(**fields | rest)


def taken(name, subject, options=OPTIONS):
  """Takes a probe."""
  return prober.take(PROBES[name], subject, options, {})


def linear_in(value, within):
  """Whether a closed form lies in an interval."""
  return within.low <= value <= within.high


# Intervals


def test_intervals_hold_the_truth_as_often_as_they_say():
  rng, held = np.random.default_rng(1), {"mean": 0, "median": 0, "share": 0, "jackknife": 0}
  for _ in range(200):
    x = rng.exponential(size=60)
    found = {
      "mean": (estimate.bootstrap(np.mean, x, resamples=200), 1.0),
      "median": (estimate.bootstrap(np.median, x, resamples=200), math.log(2)),
      "share": (estimate.share(x < 0.1), 1 - math.exp(-0.1)),
      "jackknife": (estimate.jackknife(np.mean, x), 1.0),
    }
    for name, (seen, truth) in found.items():
      held[name] += linear_in(truth, seen)
  assert all(175 <= n <= 200 for n in held.values()), held


def test_corners_of_intervals():
  assert estimate.share(np.zeros(20, bool)).high == pytest.approx(0.161, abs=0.001)  # Wilson's for 0 of 20
  assert np.isnan(estimate.mean([np.nan, np.nan])[0])
  assert estimate.mean([np.nan, 2.0])[::3] == (2, 1)  # and says how many it leaves out
  assert str(estimate.median([np.nan, 2.0])) == "2 (1 left out)"
  assert estimate.mean([1.0, np.inf]).value == np.inf  # an infinite KL is not left out of the mean
  assert np.isnan(estimate.share([])[0])
  x = np.arange(40.0)
  seen = estimate.jackknife(np.mean, x, groups=20)  # of means it is the standard error of groups' means
  wanted = stats.t.ppf(0.975, 19) * stats.sem(x.reshape(2, 20).mean(0))
  assert seen.high - seen.value == pytest.approx(wanted)
  assert str(estimate.Estimate(1.5, 1.0, 2.0)) == "1.5 [1, 2]"
  assert str(estimate.NONE) == "none"
  few = estimate.jackknife(np.mean, np.arange(8.0))  # four groups of two
  assert few.high - few.value == pytest.approx(stats.t.ppf(0.975, 3) * stats.sem([2.0, 3, 4, 5]))
  assert np.isnan(estimate.jackknife(np.mean, np.arange(3.0)).low)


def test_an_interval_of_95_percent_is_as_wide_as_that():
  """Of a mean of 2,000 numbers it reaches 1.96 standard errors either way."""
  x = np.random.default_rng(3).standard_normal(2000)
  seen = estimate.bootstrap(np.mean, x, resamples=4000)
  assert seen.high - seen.low == pytest.approx(2 * 1.96 * x.std() / math.sqrt(2000), rel=0.06)


def test_an_interval_holds_its_own_value():
  """The largest number of a sample: no resample exceeds it, and most fall below."""
  x = np.random.default_rng(2).standard_normal(50)
  seen = estimate.bootstrap(np.max, x)
  assert seen.low < seen.value == seen.high
  spread = estimate.bootstrap(lambda x: len(np.unique(x)), x)  # resamples have 63 % of the rows
  assert spread.high == spread.value == 50


# Interpolation


def test_paths_lead_from_end_to_end():
  a, b = RNG.standard_normal((2, 5, 7))
  t = np.linspace(0, 1, 9)
  for path in (latent_paths.linear, latent_paths.spherical):
    z = path(a, b, t)
    np.testing.assert_allclose(z[:, 0], a, atol=1e-12)
    np.testing.assert_allclose(z[:, -1], b, atol=1e-12)
  np.testing.assert_allclose(latent_paths.linear(a, b, t)[:, 4], (a + b) / 2)


def test_spherical_paths_keep_the_radius_and_the_angular_speed():
  a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in RNG.standard_normal((2, 5, 7)))
  z = latent_paths.spherical(a, b, np.linspace(0, 1, 9))
  np.testing.assert_allclose(np.linalg.norm(z, axis=2), 1)
  steps = np.arccos(np.clip(np.sum(z[:, 1:] * z[:, :-1], 2), -1, 1))
  np.testing.assert_allclose(steps, steps.mean(1, keepdims=True).repeat(8, 1), rtol=1e-6)
  still = latent_paths.spherical(a, 2 * a, np.array([0.25]))  # on one line
  np.testing.assert_allclose(still[:, 0], 1.25 * a)


def test_a_straight_path_is_even_and_a_jump_is_not():
  straight = latent_paths.linear(np.zeros((1, 4)), np.ones((1, 4)), np.linspace(0, 1, 9))
  assert interpolation.largest_over_mean_step(interpolation.step_lengths(straight)) == pytest.approx(1)
  assert interpolation.relative_length(straight) == pytest.approx(1)
  jump = np.zeros((1, 9, 4))
  jump[:, 5:] = 1
  assert interpolation.largest_over_mean_step(interpolation.step_lengths(jump)) == pytest.approx(8)
  there_and_back = np.concatenate([straight, straight[:, -2:2:-1]], 1)
  assert interpolation.relative_length(there_and_back)[0] > 2
  still = np.zeros((1, 9, 4))
  assert np.isnan(interpolation.largest_over_mean_step(interpolation.step_lengths(still)))
  assert np.isnan(interpolation.relative_length(still))


def test_a_linear_generator_has_the_speed_of_its_matrix():
  """|A (b - a)|^2 of every path, and 2 |A|_F^2 in the mean over the prior."""
  one_class = linear_subject(classes=("all",), classify=None, class_counts=np.array([1]))
  found = taken("interpolation", one_class, OPTIONS._replace(number=6000)).numbers
  assert linear_in(2 * np.sum(MATRIX**2), found["random linear/squared_speed"])
  assert found["random linear/detour"].value == pytest.approx(1, abs=1e-6)
  assert found["random linear/abruptness"].value == pytest.approx(1, abs=1e-6)
  assert found["random spherical/detour"].value > 1.05


def test_the_classifier_is_unsure_between_two_classes_only():
  who = linear_subject()
  two = who.classify
  named = lambda images: np.pad(two(images) / 10, [(0, 0), (0, 1)], constant_values=0.5)  # noqa: E731  # pyright: ignore[reportOptionalCall]
  who = who._replace(classes=("low", "high", "neither"), classify=named, class_counts=np.array([4, 4, 2]))
  found = taken("interpolation", who, OPTIONS._replace(number=2000)).numbers
  assert found["across linear/unsure"].low > found["within linear/unsure"].high
  x = np.abs(2 * who.encode(who.test.image, None)[:, 0])  # pyright: ignore[reportArgumentType, reportOptionalCall]
  top = np.maximum(np.exp(x), np.exp(0.5)) / (np.exp(x) + np.exp(-x) + np.exp(0.5))
  assert found["real/unsure"].value == np.mean(top < 0.5) > 0.1
  assert found["within linear/elsewhere"].high < found["across linear/elsewhere"].low < 0.7


def test_distance_to_the_data_is_relative_to_real_images():
  real = RNG.standard_normal((500, 3))
  own = realism.distance_to_data(RNG.standard_normal((500, 3)), real)
  assert np.median(own) == pytest.approx(1, rel=0.15)
  far = realism.distance_to_data(np.array([[100.0, 0, 0]]), real)
  assert far[0] > 100


def measured(distance, logits=None):
  """Paths at these distances from the data."""
  features = RNG.standard_normal((*distance.shape, 2))
  return interpolation.PathMeasurements(features, features, logits, features[:, :2], distance, None)  # pyright: ignore[reportArgumentType]


def test_ends_and_middles_are_medians_over_single_points():
  """Of distances that are exponential at every point, so that the median of a mean of two would be larger."""
  away = np.random.default_rng(13).exponential(size=(2000, interpolation.STEPS + 1))
  for name in ("off_data", "off_data_ends"):
    assert linear_in(math.log(2), interpolation.score_paths(measured(away))[name]), name


def test_the_middle_is_the_middle():
  """Of paths that are far, unsure and elsewhere at their middle only."""
  away, named = np.ones((5, interpolation.STEPS + 1)), np.zeros((5, interpolation.STEPS + 1, 3))
  middle = away.shape[1] // 2
  assert middle * 2 + 1 == away.shape[1]
  away[:, middle] = 9
  named[..., 0] = 9
  named[:, middle] = [0, 0.1, 0]
  found = interpolation.score_paths(measured(away, named))
  assert found["off_data"].value == 9
  assert found["off_data_ends"].value == 1
  assert found["unsure"].value == found["elsewhere"].value == 1


def test_what_is_no_number_is_neither_sure_nor_near():
  assert realism.low_confidence_share(np.array([[np.nan, 1.0], [9.0, 0.0]])).value == 0.5
  copies = np.zeros((4, 2))
  assert np.isnan(realism.distance_to_data(np.ones((1, 2)), copies)).all()  # real images have no distance
  seen = estimate.bootstrap(lambda x: 1.0 if len(np.unique(x)) == 3 else np.nan, np.arange(3.0), resamples=0)
  assert np.isnan(seen.low)


def test_ends_are_of_the_classes_that_are_asked_for():
  label = np.repeat([0, 1, 2, -1], 10)
  for across in (False, True):
    chosen = label[latent_paths.pairs(label, (0, 2), across, 50, np.random.default_rng(0))]
    assert set(chosen.ravel()) == {0, 2}
    assert ((chosen[:, 0] != chosen[:, 1]) == across).all()
  assert not len(latent_paths.pairs(label[:10], (), True, 5, np.random.default_rng(0)))


def test_a_generator_of_one_class_has_no_paths_across():
  one = linear_subject(own_encoder=False, classify=lambda images: np.tile([9.0, -9.0], (len(images), 1)))
  found = interpolation.measure(one, OPTIONS)
  assert not [name for name in found.paths if name.startswith("across")]
  assert any("across classes" in note and "low" in note for note in found.notes)
  blind = interpolation.measure(one._replace(classify=None), OPTIONS)
  assert any("a classifier" in note for note in blind.notes)
  numbers = interpolation.score(blind, OPTIONS).numbers
  assert "random linear/squared_speed" in numbers
  assert "random linear/unsure" not in numbers


def test_a_conditional_generator_changes_class_at_one_latent():
  """G(z, y) = z_0 + 3 y_1 at every pixel: across, only the class moves, and by the same each step."""
  asked = []

  def generate(z, label):
    asked.append((z, label))
    return np.broadcast_to((z[:, 0] + 3 * label[:, 1])[:, None, None, None] / 10, (len(z), SIDE, SIDE, 1))

  who = linear_subject(conditional=True, generate=generate)
  found = taken("interpolation", who).numbers
  assert {name.partition("/")[0] for name in found} >= {"across linear", "within spherical"}
  assert "across spherical/squared_speed" not in found
  assert found["across linear/squared_speed"].value == pytest.approx(16 * 0.3**2, rel=1e-3)
  assert found["across linear/squared_speed"].low == pytest.approx(found["across linear/squared_speed"].high)
  for _, label in asked[:-1]:
    np.testing.assert_allclose(label.sum(1), 1)


# Traversal


def test_effects_on_a_linear_generator_are_shares_of_its_columns():
  who = linear_subject()
  z, again = np.random.default_rng(3).standard_normal((2, 6000, DIM))
  seen = sensitivity.measure_effects(who, z, again, np.zeros(len(z), int))
  ranks, numbers = sensitivity.mean_effects(seen), sensitivity.score_effects(seen)
  columns = np.sum(MATRIX**2, 0)
  np.testing.assert_allclose(ranks["image"], columns / columns.sum(), atol=0.02)
  assert numbers["interaction"].value == pytest.approx(1, abs=0.04)
  assert ranks["class"][0] == pytest.approx(0.5, abs=0.03)  # the sign of z_0, drawn again
  assert ranks["class"][1:].max() == 0


def test_latents_that_do_nothing_are_counted_out():
  ignored = np.concatenate([MATRIX, np.zeros_like(MATRIX)], 1)
  found = taken("traversal", linear_subject(ignored))
  assert found.numbers["active_dims"].value == DIM
  assert found.numbers["effective_dims"].value <= DIM
  assert set(found.detail["dims"][:DIM]) == set(range(DIM))
  assert found.detail["image"][DIM:] == [0] * DIM


def test_a_generator_that_ignores_its_latent_has_no_dimensions():
  found = taken("traversal", linear_subject(0 * MATRIX)).numbers
  assert np.isnan(found["effective_dims"].value)
  assert found["active_dims"].value == 0
  assert np.isnan(found["effective_directions"].value)


def test_products_of_latents_interact():
  """f = z_0 z_1: each latent alone explains nothing, and either of them all: the effects sum to 2."""
  image = lambda z, label: np.broadcast_to((z[:, 0] * z[:, 1])[:, None, None, None], (len(z), SIDE, SIDE, 1))  # noqa: E731
  z, again = np.random.default_rng(3).standard_normal((2, 6000, DIM))
  seen = sensitivity.measure_effects(linear_subject(generate=image), z, again, np.zeros(len(z), int))
  assert sensitivity.score_effects(seen)["interaction"].value == pytest.approx(2, abs=0.25)


def test_of_many_latents_some_are_measured_and_stand_for_the_rest():
  """G(z) = A z with 600 columns of one length, of which those from 300 on do nothing."""
  matrix = np.zeros((SIDE * SIDE, 600))
  matrix[np.arange(300) % SIDE**2, np.arange(300)] = 0.01
  who = linear_subject(matrix, blob_centre=lambda images: np.zeros((len(images), 2)))
  found = taken("traversal", who, OPTIONS._replace(dims=(599, 301)))
  assert len(found.detail["measured"]) == len(set(found.detail["measured"])) == sensitivity.MOST
  assert set(found.detail["measured"]) >= {*range(sensitivity.FIRST), 301, 599}
  assert found.numbers["interaction"].value == pytest.approx(1, abs=0.15)
  assert found.numbers["effective_dims"].value == pytest.approx(300, rel=0.25)  # not all have the same draws
  assert found.numbers["mean_dim"].value == pytest.approx(1 / 600, rel=0.15)
  assert f"{sensitivity.MOST} of 600 latents were measured" in str(found.notes)
  assert "at most 256 of them, and there are 600" in str(found.notes)
  assert taken("traversal", linear_subject()).detail.get("measured") is None


def test_a_generator_that_is_too_deep_to_be_searched_has_the_residual_of_its_own_latents():
  who = linear_subject(refine=None, not_searched="it is too deep")
  found = taken("inversion", who)
  assert found.numbers["test/guessed"].value == pytest.approx(0, abs=1e-9)
  assert not any(name.endswith("/reached") for name in found.numbers)
  assert any(name.startswith("class ") for name in found.numbers)
  assert found.notes[0] == "no search: it is too deep"


def test_a_piecewise_constant_generator_has_effects_but_no_directions():
  smooth = linear_subject()
  steps = smooth._replace(
    generate=lambda z, label: smooth.generate(np.round(z), label), piecewise_constant=True
  )
  numbers = taken("traversal", steps).numbers
  assert numbers["effective_dims"].value > 1 and not {"effective_directions", "top_axes"} & numbers.keys()
  measurements = PROBES["traversal"].measure(steps, OPTIONS)
  assert any("no directions" in note for note in PROBES["traversal"].score(measurements, OPTIONS).notes)


def test_the_jacobian_and_its_directions():
  jac = sensitivity.measure_jacobians(linear_subject(), RNG.standard_normal((4, DIM)), np.zeros(4, int))
  np.testing.assert_allclose(jac, np.broadcast_to(MATRIX, (4, *MATRIX.shape)), atol=1e-6)
  values, vectors = sensitivity.principal_directions(MATRIX.T @ MATRIX)
  np.testing.assert_allclose(values, np.linalg.svd(MATRIX)[1] ** 2)
  np.testing.assert_allclose(MATRIX.T @ MATRIX @ vectors, vectors * values, atol=1e-12)


def test_turned_axes_are_told_from_straight_ones():
  """Strengths 3 and 1 along the axes, and turned by 45 degrees, where both axes have (9 + 1) / 2."""
  straight = np.diag([9.0, 1.0])
  turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
  turned = turn @ straight @ turn.T
  found = {
    name: sensitivity.score_metric(np.stack([m, m]))
    for name, m in (("straight", straight), ("turned", turned))
  }
  effective = 10**2 / 82
  for name, axes, top in (("straight", effective, 0.9), ("turned", 2, 0.5)):
    assert found[name]["effective_directions"].value == pytest.approx(effective)
    assert found[name]["effective_axes"].value == pytest.approx(axes)
    assert found[name]["top_directions"].value == pytest.approx(0.9)
    assert found[name]["top_axes"].value == pytest.approx(top)


def test_a_map_has_the_first_latent_to_the_right_and_the_second_upwards():
  z = traversal.latents_of_map(np.array([9.0, 9.0, 0.8]), (0, 1), np.array([-1.0, 1.0]))
  assert z.tolist() == [[-1, 1, 0.8], [1, 1, 0.8], [-1, -1, 0.8], [1, -1, 0.8]]  # the top row first


# Disentanglement


def test_scores_of_importances_by_hand():
  one_to_one = np.eye(3)
  assert disentanglement.disentanglement(one_to_one) == pytest.approx(1)
  assert disentanglement.completeness(one_to_one) == pytest.approx(1)
  even = np.ones((3, 3))
  assert disentanglement.disentanglement(even) == pytest.approx(0, abs=1e-12)
  assert disentanglement.completeness(even) == pytest.approx(0, abs=1e-12)
  uneven = np.array([[1.0, 1], [6, 0]])  # one latent tells both facts alike, and has 2 of the 8 parts
  assert disentanglement.disentanglement(uneven) == pytest.approx(0.75)
  split = np.array([[1.0, 0], [1, 0], [0, 2]])  # two latents for a fact: still one fact for each latent
  assert disentanglement.disentanglement(split) == pytest.approx(1)
  assert disentanglement.completeness(split) == pytest.approx((1 - math.log(2) / math.log(3) + 1) / 2)


def test_straight_latents_are_disentangled_and_turned_ones_are_not():
  z = np.random.default_rng(4).standard_normal((1000, 2))
  turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
  straight, _ = disentanglement.score(z, z[:, ::-1], 0)
  turned, _ = disentanglement.score(z, z @ turn, 0)
  for found in (straight, turned):
    assert found["linear_r2"].value == pytest.approx(1)
    assert found["informativeness"].value > 0.85
  for name, high, low in (("disentanglement", 0.9, 0.2), ("completeness", 0.9, 0.2), ("mig", 0.8, 0.05)):
    assert straight[name].value > high, name
    assert turned[name].value < low, name


def test_facts_that_latents_tell_in_part():
  """Fact = z_0 + noise of the same variance: half of its variance can be explained."""
  rng = np.random.default_rng(5)
  z = rng.standard_normal((4000, 2))
  found, _ = disentanglement.score(z, (z[:, 0] + rng.standard_normal(4000))[:, None], 0)
  assert linear_in(0.5, found["linear_r2"])


def test_the_gap_of_mutual_information_is_that_to_the_second_best():
  """Two latents tell the fact alike and the third nothing: no gap, whatever the third tells."""
  z = np.random.default_rng(6).standard_normal((2000, 2))
  assert disentanglement.mig(z[:, [0, 0, 1]], z[:, :1]) == pytest.approx(0, abs=1e-9)
  assert disentanglement.mig(z, z[:, :1]) > 0.8


def test_few_images_with_facts_are_said_to_be_few():
  facts = np.full((500, 2), np.nan)
  facts[:20] = 0.5
  found, notes = disentanglement.score(np.zeros((500, 2)), facts, 0)
  assert set(found) == {"valid"}
  assert "20 of 500" in notes[0]


# Other priors


def test_priors_are_what_they_are_called():
  rng, n, d = np.random.default_rng(6), 20_000, 4
  for name, draw in ood.PRIORS.items():
    z = draw(rng, n, d)
    scale = float(name.partition("_")[2]) if name.startswith("normal_") else 1
    assert z.std() == pytest.approx(scale, rel=0.03), name
    assert z.mean() == pytest.approx(1 if name == "exponential" else 0, abs=0.05), name
  assert ood.PRIORS["exponential"](rng, n, d).min() >= 0
  norms = np.linalg.norm(ood.sphere(1.5)(rng, 10, 16), axis=1)
  np.testing.assert_allclose(norms, 1.5 * 4)


def test_the_prior_is_nearest_and_what_is_beyond_it_is_farther():
  measurements = ood.measure(linear_subject(), OPTIONS._replace(number=600))
  priors = ("normal", "exponential", "normal_2", "radius_0")
  few = {name: measurements.images[name] for name in (*priors, "radius_1", "radius_3", "real")}
  found = ood.score(measurements._replace(images=few), OPTIONS).numbers
  distance = {name: found[f"{name}/frechet"] for name in priors}
  assert distance["normal"].value == min(x.value for x in distance.values())
  assert distance["normal_2"].low > distance["normal"].high
  assert distance["exponential"].low > distance["normal"].high
  assert found["radius_0/contrast"].value == pytest.approx(0)
  assert all(math.isnan(value.low) for name, value in found.items() if name.startswith("radius_0/"))
  assert (
    0 < found["real/frechet"].value <= found["real/frechet"].high < distance["exponential"].low
  )  # of training images: the floor
  assert found["normal/frechet"].low >= 0
  assert found["normal/contrast"].value == pytest.approx(found["real/contrast"].value, rel=0.15)
  assert found["radius_3/off_data"].value > 2 * found["radius_1/off_data"].value


def test_images_of_other_data_are_told_from_those_of_the_model():
  who = linear_subject(
    outside=np.random.default_rng(7).uniform(-1, 1, (100, SIDE, SIDE, 1)),
    elbo=lambda images: -np.mean((images - who.generate(who.encode(images, None), None)) ** 2, (1, 2, 3)),  # pyright: ignore[reportArgumentType, reportOptionalCall]
  )
  inside, outside = (ood.reconstruct(who, images) for images in (who.test.image, who.outside))  # pyright: ignore[reportArgumentType]
  found = ood.score_reconstructions(inside, outside)
  np.testing.assert_allclose(inside.reconstructed, inside.image, atol=1e-9)
  assert np.abs(outside.reconstructed - who.outside).max() > 0.1
  assert found["auroc"].value == found["auroc_error"].value == 1
  assert found["pixel_error_inside"].value == pytest.approx(0, abs=1e-12)
  noise = iter(np.random.default_rng(12).standard_normal((2, 300)))
  unsure = who._replace(elbo=lambda images: next(noise))
  alike = ood.score_reconstructions(*(ood.reconstruct(unsure, x.image) for x in (who.test, who.train)))
  assert linear_in(0.5, alike["auroc"])
  without = ood.measure(who._replace(own_encoder=False), Options(number=20))
  assert not without.reconstructions
  assert any("no encoder of its own" in note for note in without.notes)


# Codes


def gaussians(apart, n=400):
  label = np.arange(n) % 2
  return np.random.default_rng(8).standard_normal((n, 3)) + apart * label[:, None], label


def test_separable_gaussians_are_separated():
  found = latents.separation(*gaussians(6.0))
  assert found["linear_probe"].value == found["knn"].value == 1
  assert found["silhouette"].low > 0.6
  mixed = latents.separation(*gaussians(0.0))
  for name in ("linear_probe", "knn"):
    assert linear_in(0.5, mixed[name]), name
  assert linear_in(0, mixed["silhouette"])
  overlapping = latents.separation(*gaussians(1.0, 4000))
  assert linear_in(stats.norm.cdf(math.sqrt(3) / 2), overlapping["linear_probe"])  # Bayes: Phi(|shift| / 2)


def test_samples_of_one_distribution_are_not_told_apart():
  rng = np.random.default_rng(9)
  chance = [latents.two_sample(*rng.standard_normal((2, 60, 2)), rng)[1] for _ in range(20)]  # pyright: ignore[reportCallIssue]
  assert stats.kstest(chance, "uniform").pvalue > 0.01
  energy, p = latents.two_sample(rng.standard_normal((60, 2)) + 1, rng.standard_normal((60, 2)), rng)
  assert p == pytest.approx(1 / (1 + latents.PERMUTATIONS))
  assert energy > 0.3
  x, y = np.array([[0.0], [1.0]]), np.array([[3.0], [5.0]])  # 2 * 3.5 - 1 - 2
  assert latents.two_sample(x, y, rng)[0] == pytest.approx(4)


def test_codes_of_the_prior_are_where_it_is():
  found = taken("latents", linear_subject()).numbers
  assert found["p_value"].value > 0.01
  assert linear_in(1, found["variance"])
  assert found["mean_norm_prior"].value == pytest.approx(math.sqrt(DIM / 300), rel=0.8)
  assert found["linear_probe"].low > 0.9
  away = taken(
    "latents",
    linear_subject(
      encode=lambda images, label: 3 + 0 * label[:, None] + RNG.standard_normal((len(images), DIM))
    ),
    OPTIONS,
  )
  assert away.numbers["p_value"].value < 0.01
  assert linear_in(math.sqrt(9 * DIM), away.numbers["mean_norm"])
  assert away.numbers["mean_norm_prior"].value < 0.5


def test_a_vae_tells_its_kl_and_its_active_units():
  def told(images):
    mean = np.concatenate([images.reshape(len(images), -1)[:, :1] * 100, np.zeros((len(images), 2))], 1)
    return mean, mean**2 / 2  # of a variance of 1

  found = taken("latents", linear_subject(posterior=told))
  assert found.numbers["active_units"].value == 1
  assert found.detail["kl_per_unit"][1:] == [0, 0]
  assert found.numbers["kl"].value == pytest.approx(found.detail["kl_per_unit"][0], abs=1e-3)


def test_active_units_of_one_image_are_not_known():
  means = np.random.default_rng(0).standard_normal((500, 2)) * [1, 0]
  assert latents.active_units(means) == 1
  assert np.isnan(latents.active_units(means[:1]))


def test_codes_that_teach_one_class_only_have_no_linear_probe():
  z, label = RNG.standard_normal((10, 3)), np.repeat([0, 1], [8, 2])
  found = latents.separation(z, label)
  assert "linear_probe" not in found and found["chance"].value == 0.6
  assert np.isnan(latents.silhouette(z, np.arange(10)))


# Inversion


def test_what_is_out_of_reach_is_the_part_outside_of_the_image_of_the_generator():
  who = linear_subject()
  image = np.random.default_rng(10).uniform(-0.5, 0.5, (300, SIDE, SIDE, 1))
  image += np.linspace(-0.5, 0.5, SIDE)[:, None, None]
  flat = image.reshape(len(image), -1)
  left = flat - flat @ np.linalg.pinv(MATRIX).T @ MATRIX.T
  other = Examples(image, who.test.label)
  found = taken("inversion", who._replace(train=other), OPTIONS._replace(number=1500)).numbers
  assert found["test/reached"].value == pytest.approx(0, abs=1e-12)
  wanted = np.mean(left**2) / np.mean(flat.var(0))
  assert found["train/reached"].value == pytest.approx(wanted, rel=1e-2)
  assert found["test/size"].value == pytest.approx(math.sqrt(1) * 0.92, abs=0.06)  # mean of |z| / sqrt(3)


def test_a_class_that_cannot_be_made_shows():
  who = linear_subject()
  image, label = who.test.image.copy(), who.test.label
  image[label == 1] += np.random.default_rng(11).standard_normal(image[label == 1].shape)
  found = taken("inversion", who._replace(test=Examples(image, label))).numbers
  assert found["class low/reached"].value == pytest.approx(0, abs=1e-9)
  assert found["class high/reached"].low > 0.5


def test_a_search_begins_at_the_nearest_draw_where_the_encoder_is_lost():
  """Where nothing is refined and all guesses are 0, what is reached is the nearest image that was drawn."""
  who = linear_subject()
  lost = who._replace(encode=lambda image, label: np.zeros((len(image), DIM)), refine=lambda x, y, z: z)
  found = taken("inversion", lost).numbers
  assert found["test/reached"].value == found["test/drawn"].value < 0.3 * found["test/guessed"].value
  assert taken("inversion", who).numbers["test/reached"].value == pytest.approx(0, abs=1e-12)


def test_the_nearest_draw_by_hand():
  z = np.arange(12.0).reshape(6, 2)
  who = linear_subject(generate=lambda z, label: (z[:, :1] + 100 * label[:, None])[..., None, None])
  image, label = np.array([3.6, 102.4])[:, None, None, None], np.array([0, 1])
  assert inversion.closest_draws(who, image, label, z).tolist() == [[4, 5], [10, 11]]
  classes = inversion.closest_draws(who._replace(conditional=True), image, label, z)
  assert classes.tolist() == [[4, 5], [2, 3]]


def test_classes_are_balanced():
  label = np.array([0] * 50 + [1] * 3 + [2] * 9)
  chosen = label[inversion.balanced(label, 15)]
  assert np.bincount(chosen).tolist() == [5, 3, 5]


# Through training


def test_onsets_by_hand():
  steps = [0, 10, 20, 30, 40]
  assert dynamics.onset(steps, [1, -1, 1, 1, 1])[:3] == (20, 10, 20)
  assert np.isnan(dynamics.onset(steps, [1, 1, 1, 1, -1]).value)
  assert np.isnan(dynamics.onset(steps, [1, 1, 1, 1, 0]).value)  # the last cannot tell
  assert dynamics.onset(steps, [1] * 5)[:3] == (0, 0, 0)
  assert dynamics.onset(steps, [-1, 0, 0, 1, 1])[:3] == (30, 0, 30)
  assert dynamics.onset(steps, [-1, -1, 1, 0, 1])[:3] == (20, 10, 20)


def test_a_class_is_dropped_only_where_the_samples_tell():
  steps, even = [0, 10, 20, 30], np.array([0.9, 0.1])
  counts = np.array([[900, 100], [880, 120], [1000, 0], [999, 1]])
  found, gone = dynamics.dropping(steps, counts, even)
  assert found[:3] == gone[1][:3] == (20, 10, 20)
  assert np.isnan(dynamics.dropping(steps, counts // 50, even)[0].value)  # 20 samples of which none is of it
  assert np.isnan(dynamics.dropping(steps, counts[::-1], even)[0].value)  # never there, then there
  rare = np.array([[970, 30], [985, 15], [960, 40], [975, 25]])  # about a quarter of its share: not told
  assert np.isnan(dynamics.dropping(steps, rare, even)[0].value)
  n = dynamics.samples_needed(0.1)
  assert estimate.wilson(0, n)[1] < 0.25 * 0.1 <= estimate.wilson(0, n - 1)[1]
  (note,) = dynamics.too_few(20, even)
  assert "1 of 2 classes" in note and f"--num_samples={2 * n}" in note
  assert not dynamics.too_few(n, even)


def test_collapse_needs_an_interval_below_the_threshold():
  wide, low, high = (
    estimate.Estimate(0.3, 0.1, 0.5),
    estimate.Estimate(0.3, 0.25, 0.35),
    estimate.Estimate(1.0, 0.9, 1.1),
  )
  assert dynamics.collapse([0, 1, 2], [high, wide, low])[:3] == (2, 0, 2)
  assert np.isnan(dynamics.collapse([0, 1, 2], [high, wide, wide]).value)
  assert np.isnan(dynamics.collapse([0], [estimate.Estimate(0.0)]).value)  # too few images for an interval


def test_diversity_is_the_distance_of_two_images():
  images = np.zeros((2, SIDE, SIDE, 1))
  images[0, 0, 0], images[1, 1, 1] = 3, 4
  assert dynamics.diversity(images) == pytest.approx(5)


def test_a_collapse_is_found_where_it_begins():
  def at(scale):
    who = linear_subject()
    return lambda z, label: who.generate(np.concatenate([scale * z[:, :1], z[:, 1:] * scale], 1) + 1, label)

  stages = {0: at(0.1), 10: at(1.0), 20: at(0.9), 30: at(0.3), 40: at(0.05)}
  found = taken("dynamics", linear_subject(history=lambda: iter(stages.items())))
  assert found.numbers["collapse"].value == 30
  assert found.numbers["step 10/classes"].value == 2
  assert found.numbers["step 40/classes"].value == 1
  assert found.numbers["dropping"].value == 30 or found.numbers["dropping"].value == 40
  assert found.numbers["step 10/diversity"].value == pytest.approx(1, abs=0.1)
  assert found.numbers["real/diversity"].value == pytest.approx(1, abs=0.1)
  assert found.numbers["real/coverage"].value > 2 * found.numbers["step 40/coverage"].value


def test_a_run_with_few_checkpoints_is_told_so():
  found = taken("dynamics", linear_subject())
  assert any("keep_checkpoints" in note for note in found.notes)


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_answers_of_a_collapsed_generator(name):
  """One image whatever the latent: no error, and a figure."""

  def generate(z, label):
    del label
    return np.full((len(z), SIDE, SIDE, 1), 0.5)

  def encode(images, label):
    del label
    return np.zeros((len(images), DIM))

  still = {"generate": generate, "encode": encode, "history": lambda: iter([(0, generate), (1, generate)])}
  found = taken(name, linear_subject(**still))
  assert found.numbers
  assert found.figure().get_size_inches().min() > 0


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_is_a_function_of_its_seed_and_scores_leave_the_measurements_as_they_are(name):
  probe, numbers = PROBES[name], []
  for seed in (0, 0, 1):
    options = Options(number=40, seed=seed)
    measurements = probe.measure(cut(40), options)
    before = pickle.dumps(measurements)
    found = probe.score(measurements, options).numbers
    assert all(find(probe.quantities, row) for row in found)
    numbers.append(str(found))
    assert pickle.dumps(measurements) == before
  assert numbers[0] == numbers[1]
  if name != "inversion":  # which draws nothing
    assert numbers[0] != numbers[2]


def test_a_distance_to_the_data_needs_real_images():
  with pytest.raises(InputError):
    realism.distance_to_data(np.zeros((3, 2)), np.zeros((1, 2)))


# What does not suit a run, and pictures


def cut(number, **rest):
  who = linear_subject()
  few = {name: Examples(*(x[:number] for x in getattr(who, name))) for name in ("test", "train")}
  return who._replace(**few | rest)


def refused(who):
  return {name for name, probe in PROBES.items() if probe.requirements(who)}


def test_probes_that_do_not_suit_the_run_are_left_out_with_their_reasons(capsys):
  assert not refused(linear_subject())
  assert refused(cut(300, encode=None)) == {"latents", "inversion"}
  assert refused(cut(1)) == {"interpolation", "ood", "latents", "inversion", "dynamics"}
  grey = Examples(np.zeros((40, SIDE, SIDE, 1)), np.arange(40) % 2)
  assert refused(cut(40, test=grey)) == {"inversion", "dynamics"}
  chosen, skipped = probing.choose(cut(2), (), "gan")
  assert chosen == ("interpolation", "traversal", "ood", "inversion")
  assert skipped["latents"] == "it needs 8 test images"
  assert "without latents: it needs 8 test images" in capsys.readouterr().err
  with pytest.raises(InputError, match="--probes=latents is not for this run of 'gan': it needs 8 test"):
    probing.choose(cut(2), ("traversal", "latents"), "gan")


@pytest.mark.parametrize("number", [2, 8])
def test_few_images_of_one_class_and_one_latent_are_probed(number):
  """Every probe that says it suits the run does."""
  one = linear_subject(MATRIX[:, :1])
  who = cut(
    number, **{k: getattr(one, k) for k in ("latent_dim", "generate", "encode", "refine", "classify")}
  )
  who = who._replace(history=lambda: iter([(4, one.generate)]))
  for name in set(PROBES) - refused(who):
    assert taken(name, who, Options(number=20)).numbers


def test_a_figure_that_fails_leaves_the_numbers(capsys, tmp_path):
  found = taken("traversal", cut(40), Options(number=20))
  (tmp_path / "traversal.png").write_bytes(b"of an earlier result")
  result.save(dataclasses.replace(found, draw=lambda: 1 / 0), tmp_path)
  assert {p.name for p in tmp_path.iterdir()} == {"traversal.json"}
  assert "traversal.png is not drawn: ZeroDivisionError" in capsys.readouterr().err


def test_figures_are_written_in_every_format_that_is_asked_for(tmp_path):
  found = dataclasses.replace(taken("traversal", cut(40), Options(number=20)), draw=small_figure)
  result.save(found, tmp_path, ("pdf", "svg"))
  starts = {p.suffix: p.read_bytes()[:5] for p in tmp_path.iterdir() if p.suffix != ".json"}
  assert starts == {".pdf": b"%PDF-", ".svg": b"<?xml"}
  result.save(found, tmp_path)
  assert {p.name for p in tmp_path.iterdir()} == {"traversal.json", "traversal.png"}
  with pytest.raises(InputError, match="--figures=gif is none of png, pdf, svg"):
    Settings(figures=("png", "gif"))


def small_figure():
  sheet, _ = layout.plots(1, "title")
  layout.caption(sheet, "words " * 40)
  return sheet


def test_a_result_survives_its_file(tmp_path):
  detail = {"values": [1, float("nan")], "name": "x"}
  numbers = {"a": estimate.Estimate(1.5, 1, 2, left_out=3), "b": estimate.NONE}
  found = ProbeResult("ood", numbers, detail, ("a note",), {"step": 4}, "python -m gengap.probe")
  result.save(found, tmp_path)
  text = (tmp_path / "ood.json").read_text()
  read = ProbeResult.from_json("ood", text)
  assert read.to_json() == text == found.to_json()
  assert str(read.numbers) == str(found.numbers)
  assert json.loads(text)["detail"] == {"values": [1, None], "name": "x"}
  with pytest.raises(InputError, match="holds no images"):
    read.figure()
  for damaged in ("", "[]", '{"numbers": 1}'):
    with pytest.raises(InputError, match="no file of a probe"):
      ProbeResult.from_json("ood", damaged)


NAMES = (
  "$x^$",
  "_hidden",
  "w" * 120,
  "w" * 119 + "v",
  "two\nlines",
  "\u732b",
  "\\frac{1}",
  "a_b",
  " ",
  "$",
  "x",
  "y",
)


@pytest.mark.parametrize("name", PROBES)
def test_any_class_names_are_drawn_as_text_within_the_figure(name):
  k = len(NAMES)
  who = cut(48, classes=NAMES, class_counts=np.ones(k, int))
  label = np.arange(48) % k
  who = who._replace(
    test=who.test._replace(label=label),
    train=who.train._replace(label=label),
    classify=lambda images: np.eye(k)[np.arange(len(images)) % k] * 20,
  )
  found = taken(name, who, Options(number=20)).figure()
  assert found.get_size_inches()[0] * found.get_dpi() >= 600
  found.set_dpi(50)
  FigureCanvasAgg(found).draw()
  shown = {t.get_text() for axis in found.axes for t in (axis.xaxis.label, axis.yaxis.label)}
  assert not [text for text in shown if re.search("[a-z]_[a-z]", text.replace("a_b", ""))]  # no code names
  texts = [t for t in found.findobj(Text) if t.get_visible() and re.search("[a-z$]", t.get_text())]
  assert not [t.get_text() for t in texts if is_math_text(t.get_text()) and t.get_parse_math()]
  box = found.bbox.padded(1)
  over = [
    t.get_text()
    for t in texts
    if not box.contains(*t.get_window_extent().min) or not box.contains(*t.get_window_extent().max)
  ]
  assert not over
  if name == "latents":
    (legend,) = found.legends
    shown = [t.get_text() for t in legend.get_texts()]
    assert len(set(shown)) == k and all(text.strip() for text in shown)
    assert {r"\$x^\$", " _hidden", "x"} <= set(shown)
    assert max(map(len, shown)) <= 24


def test_names_that_would_be_drawn_alike_are_numbered():
  assert names.distinct(["a", "b"]) == ["a", "b"]
  assert names.distinct(["", "long" * 9, "long" * 9 + "er"], 10) == ["0: ", "1: long…", "2: long…"]


def test_a_legend_of_many_classes_makes_room():
  sheet, axes = layout.plots(3, "title")
  classes = [f"class {i}" for i in range(120)]
  for name in classes:
    axes[0].plot(0, 0, ".", label=name)
  names.legend_below(sheet, axes[0], classes)
  sheet.set_dpi(50)
  FigureCanvasAgg(sheet).draw()
  extent = sheet.legends[0].get_window_extent()
  assert sheet.bbox.padded(1).contains(*extent.min) and sheet.bbox.padded(1).contains(*extent.max)
  assert axes[0].get_window_extent().height > 80  # of 3.8 inches
  assert len({names.colour_and_marker(i) for i in range(100)}) == 100
