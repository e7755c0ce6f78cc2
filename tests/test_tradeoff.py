"""The fidelity-coverage curve: its area by hand, its interval, and the curve of a run."""

import io
import json
import pathlib
import types
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gengap import metrics
from gengap.errors import InputError
from gengap.evaluation import Evaluation, Options, curve, curve_figure
from gengap.evaluation.curve import RealImages
from gengap.evaluation.extractors import Extractors
from gengap.evaluation.quantities import find
from gengap.features import FeatureExtractor
from gengap.metrics.tradeoff import Hits, Manifold, area, estimate
from results.evaluator import sampling


@pytest.mark.parametrize(
  ("points", "want"),
  [
    ([(0.5, 0.4)], 0.2),
    ([(0.9, 0.2), (0.4, 0.5)], 0.9 * 0.2 + 0.4 * 0.3),
    ([(0.9, 0.5), (0.4, 0.2)], 0.45),  # the second is dominated
    ([(0.4, 0.2), (0.6, 0.2)], 0.12),  # of equal coverage the better counts
    ([(1.0, 1.0), (0.3, 0.9)], 1.0),
    ([(0.0, 0.7), (0.8, 0.0)], 0.0),
  ],
)
def test_the_area_of_points_by_hand(points, want):
  for order in (points, points[::-1]):
    precision, coverage = np.array(order).T
    assert area(precision, coverage) == pytest.approx(want)
  both = np.array([points, points])
  np.testing.assert_allclose(area(both[..., 0], both[..., 1]), [want, want])


def test_the_area_is_the_integral_of_its_definition():
  rng = np.random.default_rng(0)
  precision, coverage = rng.random((2, 7))
  c = (np.arange(100_000) + 0.5) / 100_000
  best = np.max(np.where(coverage >= c[:, None], precision, 0), 1)
  assert area(precision, coverage) == pytest.approx(best.mean(), abs=1e-4)


@pytest.mark.parametrize("scale", [1.0, 1e30])
def test_hits_are_those_of_precision_and_coverage(scale):
  rng = np.random.default_rng(0)
  real = scale * rng.normal(size=(90, 4))
  manifold = Manifold(real)
  for shift in (1.0, 2.0):
    fake = scale * (rng.normal(size=(70, 4)) + shift)
    hits, want = manifold.hits(fake), metrics.prdc(real, fake, 5)
    assert (hits.fake.mean(), hits.real.mean()) == (want["precision"], want["coverage"])
    assert 0 < hits.fake.mean() < 1
  with pytest.raises(InputError, match="at least 6"):
    Manifold(real[:5])


def draws(n, seeds=2, precision=(0.9, 0.5), coverage=(0.2, 0.6)):
  rng = np.random.default_rng(n)
  return [
    [Hits(rng.random(n) < p, rng.random(n) < c) for p, c in zip(precision, coverage, strict=True)]
    for _ in range(seeds)
  ]


def test_the_interval_holds_the_value_and_narrows_with_the_number_of_images():
  widths = []
  for n in (100, 1600):
    hits = draws(n)
    found = estimate(hits, resamples=300)
    each = [
      area(*(np.array([getattr(h, kind).mean() for h in draw]) for kind in ("fake", "real"))) for draw in hits
    ]
    assert found.value == pytest.approx(np.mean(each))
    assert found.low < found.value < found.high
    widths.append(found.high - found.low)
  assert widths[0] / widths[1] == pytest.approx(4, rel=0.35)


def test_the_interval_of_one_temperature_is_that_of_a_product_of_shares():
  found = estimate(draws(2000, 1, (0.9,), (0.4,)), resamples=1000)
  error = np.sqrt(0.4**2 * 0.9 * 0.1 / 2000 + 0.9**2 * 0.4 * 0.6 / 2000)
  assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.12)


def plane(images):
  return images.reshape(len(images), -1)[:, :2].astype(np.float64)


EXTRACTOR = FeatureExtractor({"features": "plane"}, plane, None)
PIXELS = np.random.default_rng(0).normal(size=(120, 1, 2, 1))


class Spread:
  """A sampler of a run whose samples are the data times the temperature."""

  run, protocol = types.SimpleNamespace(step=3), {"sampling": {"text": "draw"}}

  def images(self, key, n, temperature):
    del key
    return np.clip(temperature * PIXELS[:n] / 4, -1, 1)


def measured(**options):
  real = np.rint((np.clip(PIXELS / 4, -1, 1) + 1) * 127.5)
  manifold = Manifold(plane(real))
  beside = RealImages(manifold, Extractors(EXTRACTOR), manifold.hits(plane(real)), "train", {"real": 120})
  return curve.measure(Spread(), beside, 120, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def block() -> Any:
  return measured(seeds=(0, 1), temperatures=(0.25, 1.0, 4.0))


def test_a_curve_of_a_perfect_generator_at_temperature_one(block):
  points = block["points"]
  assert points["temperature"] == [0.25, 1.0, 4.0]
  assert points["precision"][1] == points["coverage"][1] == 1.0
  assert points["precision"][0] == 1.0 and points["coverage"][0] < 0.5
  assert points["precision"][2] < 0.7
  assert block["area"] == block["area_at_one"] == block["area_floor"] == block["area_high"] == 1.0
  assert block["area_spread"] == 0.0 and block["real"]["of"] == "train"
  assert block["protocol"] == {"real": 120, "temperatures": [0.25, 1.0, 4.0], "sampling": {"text": "draw"}}
  cold = measured(seeds=(0,), temperatures=(0.25, 0.5))
  assert "area_at_one" not in cold and "area_spread" not in cold
  assert cold["area_low"] <= cold["area"] <= cold["area_high"] < 1


def test_its_numbers_are_declared_and_it_is_printed_and_drawn(block, tmp_path):
  declared = curve.BLOCKS[curve.CURVE].quantities
  assert find(declared, "area") and find(declared, "area_at_one") and not find(declared, "area_low")
  evaluation = Evaluation.from_dict({"step": 3, "curve": block})
  lines = str(evaluation).splitlines()
  assert any(line.split() == ["temperature", "0.25", "1", "4"] for line in lines)
  figure = curve_figure.figure({"a": evaluation, "b": block})
  (plot,) = figure.axes
  legend = plot.get_legend()
  texts = [text.get_text() for text in legend.get_texts()] if legend else []
  assert texts[0] == "a: area 1.000 [1.000, 1.000]" and texts[-1] == "real images (train)"
  assert plot.get_xlabel().startswith("coverage") and plot.get_ylabel().startswith("precision")
  curve_figure.save(tmp_path / "3_curve.png", {"": block})
  with Image.open(io.BytesIO((tmp_path / "3_curve.png").read_bytes())) as picture:
    assert min(picture.size) > 300
  with pytest.raises(InputError, match="evaluate with metrics"):
    curve_figure.figure({"a": Evaluation()})


@pytest.mark.parametrize("temperatures", [(1.0,), (0.0, 1.0), (1.0, 0.5), (0.5, float("inf"))])
def test_temperatures_are_two_or_more_that_ascend(temperatures):
  with pytest.raises(InputError, match="--temperatures"):
    Options(temperatures=temperatures)


def test_the_tables_of_the_results_are_those_of_the_stored_numbers():
  folder = pathlib.Path(sampling.__file__).parent
  found, page = json.loads((folder / "sampling.json").read_text()), (folder / "README.md").read_text()
  assert sampling.score_table(found) in page and sampling.curve_table(found) in page
