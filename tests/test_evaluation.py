"""Evaluation as a library: images from anywhere beside real images, without a run."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

from gengap import metrics
from gengap.data import Dataset, scale, subset
from gengap.errors import InputError
from gengap.evaluation import Evaluation, Evaluator, Options, Score, evaluate
from gengap.features import pixels

RNG = np.random.default_rng(0)
REAL, FAKE, TRAIN = (RNG.integers(low, 256, (60, 16, 16, 1)).astype(np.uint8) for low in (0, 40, 0))
FEATURES = {name: pixels.extractor().extract(x) for name, x in {"real": REAL, "fake": FAKE}.items()}


def by_pixels(*args, **options):
  return evaluate(*args, features="pixels", **options)


@pytest.fixture(scope="module")
def found():
  return by_pixels(FAKE, REAL, training=TRAIN)


def test_images_are_compared_with_images(found):
  expected = metrics.frechet_from_features(FEATURES["real"], FEATURES["fake"])
  assert found.scores["frechet"].value == pytest.approx(expected, rel=1e-9)
  assert (found.step, found.subject["images"], found.protocol["split"]) == (None, 60, "given")
  assert found.scores["nearer_train"].floor_of == "train"
  assert found.scores["kl"].value is None and "no labels" in by_pixels(FAKE, REAL).scores["kl"].reason


def test_slow_metrics_are_computed_only_if_they_are_named(found):
  assert "fld" not in found.scores
  named = by_pixels(FAKE, REAL, training=TRAIN, metrics=["fld"]).scores
  assert list(named) == ["fld", "fld_gap"] and named["fld"].floor_of == "train"
  with pytest.raises(InputError, match="--metrics=fld: it compares with training images"):
    by_pixels(FAKE, REAL, metrics=["fld"])


def test_too_few_images_for_the_number_of_features_are_refused_before_samples_are_seen(found):
  why = "needs at least 1024 samples and reference images, 4 for each of 256 features, and there are 60"
  why = f"fd_infinity {why}"
  assert found.scores["fd_infinity"].reason == why
  with pytest.raises(InputError, match=f"--metrics=fd_infinity: {why}"):
    Evaluator(FAKE, REAL, Options(features="pixels", metrics=["fd_infinity"]))


def test_real_images_in_the_place_of_samples_are_at_the_floor():
  """The very images that the floor is of get the floor by every metric."""
  data = Dataset(np.concatenate([TRAIN, REAL]), np.zeros(120, np.int32), ("noise",), {})
  floor = np.setdiff1d(np.arange(120), subset.stratified(data.label, 60, 1))
  found = by_pixels(data.image[floor], REAL, training=data)
  assert found.subject["crc32"] == found.floors["train"]["crc32"]
  scores = [score for score in found.scores.values() if score.value is not None]
  assert len(scores) > 8 and all(x.value == pytest.approx(x.floor, rel=1e-9) for x in scores)


def test_a_data_set_is_a_reference_by_name_and_float_images_are_as_good_as_uint8():
  fake = np.clip(REAL, 0, 200)
  options = dict(metrics=["sharpness", "frechet", "memorisation"], num_samples=40)
  a, b = (by_pixels(x, "blobs_single:test", **options) for x in (fake, scale.to_float(fake)))
  one, two = (found.to_dict() for found in (a, b))
  stored = [found["samples"]["subject"].pop("source_crc32") for found in (one, two)]
  assert stored[0] != stored[1]  # of the arrays as they are stored
  assert one == two and a.protocol["split"] == "test" and a.protocol["samples"] == 40
  by_train = by_pixels(fake, "blobs_single:train", num_samples=40)
  assert by_train.scores["frechet"].floor_of == "test"
  assert "training split" in by_train.scores["authentic"].reason


def test_an_evaluation_is_its_json_and_cannot_be_changed(found):
  assert Evaluation.from_json(found.to_json()) == found == pickle.loads(pickle.dumps(found))
  assert "frechet" in str(found) and "skipped: classes, least" in str(found)
  with pytest.raises(dataclasses.FrozenInstanceError):
    found.step = 1
  with pytest.raises(TypeError):
    found.scores["frechet"] = Score(0.0)


def test_one_evaluator_judges_many_sets_of_images(found):
  evaluator = Evaluator(FAKE, REAL, Options(features="pixels"), training=TRAIN)
  assert evaluator.evaluate(FAKE) == found != evaluator.evaluate(REAL)
  for other in (FAKE[:50], FAKE[:, :8, :8]):
    with pytest.raises(InputError, match="this evaluator is for at least 60"):
      evaluator.evaluate(other)


def test_files_of_earlier_versions_are_read():
  old = {"step": 4, "weights": "last", "commands": ["a"], "protocol": {"images": 8}}
  old["posterior"] = {"elbo": 1.0}
  old["samples"] = {"protocol": {"samples": 5}, "subject": {"drawn": "decoder means"}}
  old["samples"]["scores"] = {
    "kid": {"value": 1.0, "floors": {"train": 0.5}},
    "kl": {"value": None, "reason": "too few"},
  }
  found = Evaluation.from_json(json.dumps(old))
  assert (found.scores["kid"].floor, found.scores["kid"].protocol["samples"]) == (0.5, 5)
  assert (found.scores["kl"].reason, found.diagnostics["posterior"]["elbo"]) == ("too few", 1.0)
  assert "kid" in str(found)


@pytest.mark.parametrize(
  ("images", "reference", "options", "words"),
  [
    (FAKE / 255.0 * 2, REAL, {}, "images_or_run is float from 0"),
    (FAKE.astype(np.int32), REAL, {}, "images_or_run is int32"),
    (np.full(FAKE.shape, np.nan, np.float32), REAL, {}, "float from nan"),
    (FAKE[0], REAL, {}, r"must be \[N, H, W, C\]"),
    (FAKE[:1], REAL, {}, "at least 2"),
    (FAKE[:, :8], REAL, {}, "reference has images of 16x16.* not square"),
    (FAKE, None, {}, "images need a reference"),
    (FAKE, "blobs_single:tset", {}, "did you mean 'test'"),
    (FAKE[:, :8], "blobs_single", {}, "not square"),
    (FAKE, REAL, {"metrics": ["posterior"]}, "images without a run has no answer"),
    (FAKE, REAL, {"metrics": ["memorisation"]}, "--metrics=memorisation: .* --training=IMAGES"),
    (FAKE, REAL, {"metrics": ["classes"]}, "no labels"),
    (FAKE, REAL, {"metrics": ["frechett"]}, "did you mean 'frechet'"),
    (FAKE, REAL, {"metrics": ["FID"]}, "among the numbers of 'frechet'"),
    (FAKE, REAL, {"metrics": "frechet"}, "must be a list"),
    (FAKE, REAL, {"metrics": ["kid"], "features": "inception"}, "--inception=FILE"),
    (FAKE, REAL, {"features": "pixel"}, "did you mean 'pixels'"),
    (FAKE, REAL, {"sample_seeds": [-1]}, "sample_seeds"),
    (FAKE, Dataset(REAL, np.full(60, 7), ("a",), {}), {}, "reference.label is outside 0 to 0"),
    ("nowhere", None, {}, "no such file or folder"),
  ],
)
def test_bad_arguments_are_named(images, reference, options, words, monkeypatch):
  monkeypatch.delenv("GENGAP_INCEPTION", raising=False)
  monkeypatch.setattr("gengap.evaluation.evaluator.SampleEvaluator", None)  # no work is begun
  with pytest.raises(InputError, match=words):
    evaluate(images, reference, **options)
