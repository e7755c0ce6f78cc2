"""Scores of samples, on sets of images whose answers are known."""

import itertools
import json
import types
from typing import Any

import jax
import numpy as np
import pytest

from gengap import metrics
from gengap.data import Dataset
from gengap.data.subset import stratified
from gengap.evaluation import (
  cached,
  comparisons,
  image_statistics,
  protocol,
  quantities,
  ratios,
  sample_metrics,
  text,
)
from gengap.evaluation.extractors import Extractors
from gengap.evaluation.references import References
from gengap.evaluation.samples import of_images, of_run
from gengap.evaluation.sampling import Sampling
from gengap.evaluation.scoring import SampleEvaluator
from gengap.evaluation.types import Score
from gengap.features import FeatureExtractor
from gengap.metrics import blobs

CLASSES, SIDE, N = 4, 8, 80
ALL = [name for name in sample_metrics.METRICS if name != "blobs"]


def images(seed, n=N, classes: Any = range(CLASSES)):
  """Noise about one bright quarter of the image, the quarter being its class."""
  rng = np.random.default_rng(seed)
  label = rng.choice(list(classes), n)
  x = rng.integers(0, 60, (n, SIDE, SIDE, 1))
  for i, c in enumerate(label):
    x[i, 4 * (c // 2) : 4 * (c // 2) + 4, 4 * (c % 2) : 4 * (c % 2) + 4] += 150
  return x.astype(np.uint8), label.astype(np.int32)


def quarters(x):
  """Features: means of the quarters and some pixels."""
  x = x.astype(np.float64) / 255
  return np.concatenate(
    [x.reshape(-1, 2, 4, 2, 4).mean((2, 4)).reshape(-1, 4), x[:, ::5, ::5, 0].reshape(len(x), -1)], 1
  )


EXTRACTOR = FeatureExtractor({"features": "quarters", "weights": "none"}, quarters, lambda f: 50 * f[:, :4])
BOTH = Extractors(EXTRACTOR, EXTRACTOR)


TRAIN, TEST, VALIDATION = (
  Dataset(*images(seed, n), tuple("abcd"), {}) for seed, n in ((0, 3 * N), (1, N), (2, N))
)
REFERENCES = References(TEST, "test", train=TRAIN)


def run_of(pixels) -> Any:
  """A sampler of a run whose samples are given: n of them by a seed, without repetition."""

  def sample(key, n, temperature):
    assert temperature is None
    chosen = jax.random.permutation(key, len(pixels))[:n]
    return pixels[np.asarray(chosen)].astype(np.float32) / 127.5 - 1

  method = types.SimpleNamespace(density=None)
  config = types.SimpleNamespace(ema=0)
  run = types.SimpleNamespace(step=7, method=method, config=config, label_frequencies=None)
  return types.SimpleNamespace(run=run, images=sample, sampling=Sampling(), protocol={})


@pytest.fixture(scope="module")
def scorer():
  return SampleEvaluator(REFERENCES, BOTH, ALL, N)


def scores(scorer, pixels, seeds=(0,)):
  return scorer.score(of_run(run_of(pixels), scorer.number, seeds)).scores


def values(scorer, pixels):
  return {name: score.value for name, score in scores(scorer, pixels).items()}


def test_a_perfect_generator_is_at_the_floor(scorer):
  seen = scores(scorer, images(5)[0])
  for name in (
    "frechet",
    "diversity",
    "sharpness",
    "precision",
    "recall",
    "coverage",
    "inception_score",
    "kid",
  ):
    floor = seen[name].floor
    assert seen[name].value == pytest.approx(floor, rel=0.3, abs=0.05), name
  for nearer in (seen["nearer_train"].value, seen["nearer_train"].floor):
    assert nearer == pytest.approx(0.5, abs=0.2)


def test_classes_that_are_left_out_are_missed_and_no_others(scorer):
  whole, part = values(scorer, images(5)[0]), values(scorer, images(6, classes=(0, 3))[0])
  assert (whole["classes"], part["classes"]) == (4, 2)
  assert (part["share_1"], part["share_2"]) == (0, 0) and whole["least"] > 0.5
  assert (part["share_0"], part["share_3"]) == (pytest.approx(2, rel=0.3), pytest.approx(2, rel=0.3))
  assert part["recall"] < 0.7 * whole["recall"]
  assert part["precision"] == pytest.approx(whole["precision"], abs=0.1)
  assert {name for name in part if name.startswith("precision_")} == {"precision_0", "precision_3"}
  assert part["kl"] == pytest.approx(np.log(2), abs=0.1)


def test_copies_of_training_images_are_caught(scorer):
  copied, honest = values(scorer, images(0, 3 * N)[0]), values(scorer, images(5)[0])  # a third are looked for
  assert copied["authentic"] < honest["authentic"] - 0.15


def test_copies_are_looked_for_among_training_images():
  real: Any
  train: Any
  real, train = ({"features": np.random.default_rng(i).normal(size=(50, 3))} for i in (0, 1))
  assert comparisons.memorisation(comparisons.ImageSets(real, train, train))["nearer_train"] == 1
  assert comparisons.memorisation(comparisons.ImageSets(real, real, train))["nearer_train"] == 0


def test_noise_is_worst(scorer):
  noise = np.random.default_rng(0).integers(0, 256, (N, SIDE, SIDE, 1)).astype(np.uint8)
  bad, good = values(scorer, noise), values(scorer, images(5)[0])
  assert bad["frechet"] > 20 * good["frechet"]
  assert bad["precision"] < 0.1 < good["precision"]
  assert bad["sharpness"] > 2 * good["sharpness"]


def test_the_size_of_the_pieces_changes_nothing(scorer, monkeypatch):
  pixels = images(5)[0]
  pieces = [pixels[:11], pixels[11:12], pixels[12:]]
  whole, cut = (image_statistics.compute(p, BOTH, scorer.needs) for p in ([pixels], pieces))
  for name in scorer.metrics:
    found, want = (scorer.measure(name, statistics) for statistics in (cut, whole))
    points = [numbers.pop("fd_infinity_points", {"values": []})["values"] for numbers in (found, want)]
    assert found == pytest.approx(want, rel=1e-7) and points[0] == pytest.approx(points[1], rel=1e-9)


def test_a_score_tells_how_it_was_taken(scorer):
  found = scorer.score(of_run(run_of(images(5, 2 * N)[0]), N, [0, 1, 2]))
  declared = [quantity for metric in scorer.metrics.values() for quantity in metric.quantities]
  assert all(quantities.find(declared, name) for name in found.scores)
  frechet = found.scores["frechet"]
  assert len(set(frechet.values)) == 3
  assert frechet.value == pytest.approx(np.mean(frechet.values))
  assert frechet.spread == pytest.approx(np.std(frechet.values, ddof=1))
  assert found.to_dict()["samples"]["subject"] == {
    "step": 7,
    "weights": "last",
    "drawn": "generator output",
    "labels": None,
    "seeds": [0, 1, 2],
  }
  kept = scorer.protocol
  assert {"split", "real", "samples", "quantised", "real_crc32", "version", "features"} <= set(kept)
  assert found.fingerprint == protocol.fingerprint(kept) != protocol.fingerprint(kept | {"samples": 1})


def test_samples_that_are_not_finite_have_no_scores_and_a_reason(scorer):
  seen = scores(scorer, np.full((N, SIDE, SIDE, 1), np.nan))
  assert set(seen) == {number for name in ALL for number in sample_metrics.METRICS[name].names}
  assert all(x.value is None and "step 7 are not finite" in x.reason for x in seen.values())


def test_features_of_real_images_are_kept_and_belong_to_their_images(tmp_path, monkeypatch):
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
  seen = []
  extractor = EXTRACTOR._replace(extract=lambda x: seen.append(len(x)) or quarters(x))
  first, other = images(0)[0], images(1)[0]
  for x in (first, first, other, first):
    np.testing.assert_array_equal(cached.extract(extractor, x), quarters(x))
  assert seen == [N, N]
  cached.extract(extractor._replace(protocol={"features": "others"}), first)
  assert len(seen) == 3
  for path in tmp_path.rglob("*.npy"):
    path.write_bytes(path.read_bytes()[:-8])
  np.testing.assert_array_equal(cached.extract(extractor, first), quarters(first))
  assert len(seen) == 4
  (tmp_path / "none").touch()
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "none"))
  np.testing.assert_array_equal(
    cached.extract(extractor, first), quarters(first)
  )  # nothing can be kept there


def test_the_floor_is_that_of_real_images_in_the_place_of_samples(scorer):
  """Against the test images, as samples are; not the other way round, and of no image that is a reference."""
  real, references = TEST.image[scorer.chosen["real"]], scorer.chosen["train"]
  judged = scorer.chosen["floor train"]
  assert len(judged) == N and not set(judged) & set(references)
  fake, seen = TRAIN.image[judged], scores(scorer, images(6, classes=(0, 3))[0])
  found = metrics.prdc(quarters(real), quarters(fake), 5)
  found |= {"frechet": metrics.frechet_from_features(quarters(real), quarters(fake))}
  found |= {"sharpness": float(np.median(metrics.sharpness(fake)))}
  found |= {"unsure": metrics.class_coverage(50 * quarters(fake)[:, :4], np.bincount(TEST.label))["unsure"]}
  found |= metrics.memorisation(quarters(TRAIN.image[references]), quarters(real), quarters(fake))
  for name in set(found) & set(seen):
    assert seen[name].floor == pytest.approx(found[name], rel=1e-9), name
    assert seen[name].floor_of == "train"
  assert set(seen) - {f"precision_{c}" for c in range(4)} <= {*found, *seen} and "recall" in found


def test_floors_of_a_classifier_are_of_images_that_it_was_not_trained_on():
  trained = EXTRACTOR._replace(trained=True)
  for features, split in ((EXTRACTOR, "train"), (trained, "validation")):
    references = REFERENCES._replace(validation=VALIDATION)
    who = SampleEvaluator(references, Extractors(features, trained), ["prdc", "classes"], N)
    seen = who.score(of_images(images(5)[0], N))
    assert (seen.scores["recall"].floor_of, seen.scores["unsure"].floor_of) == (split, "validation")
    assert seen.floors["validation"]["images"] == N
  unsure = metrics.class_coverage(50 * quarters(VALIDATION.image)[:, :4], np.ones(4))["unsure"]
  assert seen.scores["unsure"].floor == unsure
  without = SampleEvaluator(REFERENCES, Extractors(trained, trained), ["classes"], N)
  assert any("no images are held out" in note for note in without.notes())


def test_a_floor_that_cannot_be_computed_does_not_stop_the_score():
  few = Dataset(VALIDATION.image[:3], VALIDATION.label[:3], VALIDATION.classes, {})
  extractors = Extractors(EXTRACTOR._replace(trained=True))
  who = SampleEvaluator(REFERENCES._replace(validation=few), extractors, ["prdc"], N)
  recall = scores(who, images(5)[0])["recall"]
  assert recall.value > 0.5 and recall.to_dict()["floors"] == {"test": None}  # pyright: ignore[reportOptionalOperand]
  assert "at least 6 of each" in recall.floor_reason
  assert any("3 validation images, fewer than the 80 samples" in note for note in who.notes())


def test_a_ratio_is_the_distance_over_that_of_as_many_real_images():
  validation = VALIDATION._replace(image=VALIDATION.image[:40], label=VALIDATION.label[:40])
  references = REFERENCES._replace(validation=validation)
  seen = scores(SampleEvaluator(references, BOTH, ["frechet"], N), images(5)[0], (0, 1))
  ratio, distance = seen["frechet_ratio"], seen["frechet"]
  assert distance.value and distance.floor and distance.spread is not None
  assert ratio.value == pytest.approx(distance.value / distance.floor) == pytest.approx(1, abs=0.7)
  assert ratio.spread == pytest.approx(distance.spread / distance.floor)
  assert (ratio.floor, ratio.floor_of, len(ratio.values)) == (1, "train", 2)
  assert ratio.to_dict()["protocol"]["floor"]["images"] == N
  trained = Extractors(EXTRACTOR._replace(trained=True))
  few = scores(SampleEvaluator(references, trained, ["frechet"], N), images(5)[0])["frechet_ratio"]
  assert few.value is None and "--num_samples=40" in few.reason
  none = SampleEvaluator(References(TEST, "test", no_train="none"), BOTH, ["frechet"], N)
  assert "there is no floor" in scores(none, images(5)[0])["frechet_ratio"].reason


@pytest.mark.parametrize(("floor", "why"), [(0.0, "the floor is 0"), (-1e-12, "the floor is -1e-12")])
def test_a_floor_that_is_not_above_0_has_no_ratio(floor, why):
  score = Score(2.0, (2.0,), floor=floor, floor_of="train")
  assert ratios.over_floor(score, 10, {"images": 10}).reason == why


def test_classes_have_frechet_distances_of_their_own_where_they_have_enough_images():
  """More images than features, of both: the fourth class is too rare among the samples."""
  scorer = SampleEvaluator(REFERENCES, BOTH, ["classes"], N)
  pixels, _ = images(5, classes=(0, 0, 0, 1, 1, 1, 2, 2, 2, 3))
  seen = scores(scorer, pixels)
  features, real = quarters(pixels), quarters(TEST.image)
  named, width = features[:, :4].argmax(1), features.shape[1]
  assert np.bincount(named)[3] <= width < np.bincount(named)[:3].min()
  for c in range(3):
    want = metrics.frechet_from_features(real[TEST.label == c], features[named == c])
    assert seen[f"frechet_{c}"].value == pytest.approx(want, rel=1e-6)
    assert seen[f"frechet_{c}"].floor is not None
  assert "frechet_3" not in seen


def test_points_of_a_fit_are_stored_and_printed(scorer):
  found = scorer.score(of_run(run_of(images(5, 2 * N)[0]), N, [0, 1]))
  score = found.scores["fd_infinity"]
  assert score.points["images"][-1] == N and len(score.points["values"]) == len(score.points["images"])
  assert score.points["values"][-1] == pytest.approx(found.scores["frechet"].value, rel=1e-3)
  assert Score.from_dict(json.loads(json.dumps(score.to_dict())), {}) == score
  printed = str(found).replace("\n    ", " ")  # lines are wrapped
  (line,) = (line for line in printed.splitlines() if line.startswith("fd_infinity: fitted to"))
  assert f"({N})" in line
  assert "points" not in found.scores["frechet"].to_dict()


@pytest.mark.parametrize(
  ("name", "parts"),
  [
    ("sharpness", set()),
    ("blobs", set()),
    ("diversity", {"features"}),
    ("unsure", {"classifier"}),
    ("share_3", {"classifier", "split", "real", "real_crc32"}),
    ("kid", {"features", "split", "real", "real_crc32"}),
    ("recall", {"features", "split", "real", "real_crc32", "samples"}),
    ("nearer_train", {"features", "split", "real", "real_crc32", "train", "train_crc32"}),
  ],
)
def test_the_protocol_of_a_number_holds_what_it_depends_on(scorer, name, parts):
  (metric,) = (key for key, x in sample_metrics.METRICS.items() if quantities.find(x.quantities, name))
  assert set(protocol.of_number(scorer.protocol, metric, name)) == parts | {"quantised", "version"}
  number = int(name == "recall")  # and what does not depend on the number of samples can stand beside others
  assert (quantities.Depends.SAMPLES in sample_metrics.METRICS[metric].dependence(name)) == number


def test_what_does_not_fit_is_skipped_with_its_reason_and_the_rest_is_scored():
  """Too few images for the splits of the Inception Score; a class that the split lacks; no classifier."""
  lacking = TEST.label != 2
  test = Dataset(TEST.image[lacking], TEST.label[lacking], TEST.classes, {})
  references = REFERENCES._replace(real=test)
  seen = scores(SampleEvaluator(references, BOTH, ALL, 8), images(5)[0])
  assert seen["inception_score"].to_dict() == {
    "value": None,
    "reason": "inception_score needs at least 10 samples, and there are 8",
    "seeds": [0],
  }
  assert "share_2" not in seen and "frechet_0" not in seen and 0 <= seen["elsewhere"].value <= 1  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]
  others = {name for name, x in seen.items() if x.value is None} - {"inception_score"}
  assert others == set(sample_metrics.METRICS["fd_infinity"].names)
  seen = scores(SampleEvaluator(references, BOTH, ALL, 5), images(5)[0])
  few = {name for name, x in seen.items() if "6 samples, and there are 5" in x.reason}
  assert few == {*sample_metrics.METRICS["prdc"].names, *sample_metrics.METRICS["clipped"].names}
  assert seen["frechet"].value > 0  # pyright: ignore[reportOptionalOperand]
  blind = scores(SampleEvaluator(references, Extractors(), ALL, N), images(5)[0])
  assert {name for name, x in blind.items() if x.value is not None} == {"sharpness"}
  assert "--classifier=DIR" in blind["kl"].reason and "it needs features" in blind["kid"].reason


def test_features_that_are_not_finite_spoil_only_what_needs_them():
  broken = FeatureExtractor({"features": "broken"}, lambda x: np.full((len(x), 5), np.nan))
  seen = scores(SampleEvaluator(REFERENCES, Extractors(broken, EXTRACTOR), ALL, N), images(5)[0])
  taken = {name for name, x in seen.items() if x.value is not None}
  assert {"sharpness", "kl", "unsure"} <= taken and not {"frechet", "kid", "recall", "diversity"} & taken
  assert "not finite" in seen["frechet"].reason and "not finite" in seen["recall"].reason


@pytest.mark.parametrize("number", [4, 20, 57, 100, 400])
def test_a_part_of_a_data_set_has_all_classes_in_their_shares(number):
  counts = np.array([200, 97, 2, 1])
  label = np.random.default_rng(0).permutation(np.repeat(np.arange(4), counts))
  chosen = stratified(label, number, 0)
  assert len(set(chosen)) == min(number, 300) and (np.diff(chosen) > 0).all()
  found = np.bincount(label[chosen], minlength=4)
  assert found.min() >= 1
  assert np.abs(found - min(number, 300) * counts / 300).max() <= 2
  assert (number > 200) or set(chosen) != set(stratified(label, number, 1))


def test_labels_of_samples_and_their_kind_are_said(scorer):
  sampler = run_of(images(5)[0])
  run = sampler.run
  run.label_frequencies = "class frequencies of the training images"
  run.method.density = object()
  found = scorer.score(of_run(sampler, N, [0]))
  assert (found.subject["drawn"], found.subject["labels"]) == ("decoder means", run.label_frequencies)
  head = str(found).splitlines()[0]
  assert "decoder means" in head and run.label_frequencies in head


def test_kept_floors_are_taken_again_and_damaged_ones_made_again(scorer, tmp_path, monkeypatch):
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
  first = scorer.floor("frechet")
  (path,) = (tmp_path / "floors").iterdir()
  other = {"frechet": -1.0}
  path.write_text(json.dumps(other))
  assert scorer.floor("frechet") == other
  path.write_text(json.dumps(first)[:-5])
  assert scorer.floor("frechet") == first == json.loads(path.read_text())


def test_blobs_are_summed_up():
  rows, columns = np.mgrid[:32, :32]
  bump = lambda y, x: np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 8)  # noqa: E731, sigma 2
  centres = np.random.default_rng(0).uniform(6, 26, (40, 2))
  one = np.stack([2 * bump(*c) - 1 for c in centres])
  seen = blobs.summary(blobs.describe(one))
  assert (seen["blobs"], seen["one_blob"], seen["streaks"]) == (1, 1, 0)
  assert set(seen) == set(sample_metrics.METRICS["blobs"].names)
  assert seen["radius"] == pytest.approx(2, rel=0.1)
  assert seen["intensity"] == pytest.approx(1, abs=0.05)
  assert seen["centre_ks"] == pytest.approx(0.2, abs=0.1)  # none within 6 of 32 pixels of a border
  two = blobs.describe(2 * (bump(8, 8) + bump(24, 20))[None] - 1)
  assert two["count"] == 2 and np.isnan(two["centre"]).all()
  still = blobs.summary(blobs.describe(np.repeat(one[:1], 20, 0)))
  assert still["centre_ks"] > 0.5
  assert np.isnan(blobs.summary(blobs.describe(one[:19]))["centre_ks"])  # too few to tell
  none = blobs.summary(blobs.describe(-np.ones((2, 32, 32))))
  assert (none["blobs"], none["one_blob"]) == (0, 0)
  assert np.isnan(none["centre_ks"]) and np.isnan(none["radius"])


def test_the_table_says_which_side_is_better_and_what_each_number_is():
  """Every row that is declared has a meaning and a side, in lines of at most 100 characters."""

  names = [name for metric in sample_metrics.METRICS.values() for name in metric.names]
  scores = {name: Score(0.123456, floor=-123.456, spread=0.01234, floor_of="validation") for name in names}
  scores |= {f"share_{i}": Score(i / 10) for i in range(12)} | {"kid": Score(None, reason="no features")}
  lines = text.of_scores(scores).splitlines()
  assert max(map(len, lines)) <= 100
  rows = {line.split()[0]: (line, after) for line, after in itertools.pairwise(lines)}
  cells = ["precision", "0.12346", "0.012", "-123.5", "near", "floor", "validation"]
  assert rows["precision"][0].split() == cells
  assert rows["precision"][1].strip() == "The share of samples that look real"
  assert rows["frechet"][0].split()[4] == "lower" and rows["least"][0].split()[4] == "-"
  assert all(rows[name][1].startswith("    ") for name in names if name != "kid")
  assert rows["share"][0] == "share of a class   0 (share_0) to 1.1 (share_11), of 12 classes"
  assert "skipped: kid: no features" in lines and "share_3" not in rows
