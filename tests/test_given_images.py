"""Images of files as generated and as real images: the command, its record, floors, saved statistics."""

import json
from typing import Any

import numpy as np
import pytest
from test_image_sets import save, write_pngs, zipped

from gengap import evaluate, evaluation, metrics
from gengap.command_line import cli
from gengap.data import Dataset
from gengap.errors import InputError
from gengap.evaluation import Evaluation, Evaluator, Options, files, saved_statistics
from gengap.features import pixels

RNG = np.random.default_rng(0)
REAL, FAKE = (RNG.integers(low, 256, (60, 16, 16, 1), np.uint8) for low in (0, 40))
METRICS = ["frechet", "prdc", "diversity", "sharpness"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Generated images and real ones as files, in the working directory."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.delenv("GENGAP_INCEPTION", raising=False)
  save(tmp_path / "fake.npz", FAKE)
  save(tmp_path / "real.npy", REAL)
  return tmp_path


def by_pixels(*args, **options) -> Any:
  return evaluation.evaluate(*args, features="pixels", **options)


def numbers(found):
  return {name: (score.value, score.floor) for name, score in found.scores.items()}


def command(*args):
  evaluate.main(cli.parse(evaluate.FLAGS, ["evaluate", *args]))


def judged(*args, out="out.json"):
  """Runs the command beside real.npy by pixels; returns the record."""
  flags = ("--generated=fake.npz", "--reference=real.npy", "--features=pixels", "--metrics=frechet,sharpness")
  command(*flags, f"--out={out}", *args)
  with open(out) as file:
    return json.load(file)


def test_images_give_the_same_numbers_wherever_they_are(folder):
  expected = by_pixels(FAKE, REAL, metrics=METRICS)
  flat = write_pngs(folder / "flat", FAKE)
  rgb = write_pngs(folder / "rgb", np.repeat(FAKE, 3, -1))
  kinds = {
    "flat": flat,
    "nested": write_pngs(folder / "nested", FAKE, "{:03}/{}.png"),
    "zip": zipped(folder / "a.zip", flat),
    "npz": folder / "fake.npz",
    "npy": save(folder / "a.npy", FAKE[..., 0]),
    "rgb": rgb,
  }
  for kind, path in kinds.items():
    found = by_pixels(path, folder / "real.npy", metrics=METRICS)
    assert numbers(found) == numbers(expected), kind
    assert (found.fingerprint, found.subject["crc32"]) == (expected.fingerprint, expected.subject["crc32"])
  both = by_pixels(flat, write_pngs(folder / "real", REAL), metrics=METRICS)
  assert numbers(both) == numbers(expected)


def test_the_command_writes_a_record_that_the_function_returns(folder):
  written = judged("--name=StyleGAN2", "--family=GAN", "--num_samples=50")
  subject, reference = written["samples"]["subject"], written["reference"]
  assert reference == {"dataset": "real.npy", "split": "given", "image_size": 16, "channels": 1}
  assert (subject["name"], subject["family"], subject["source"]) == ("StyleGAN2", "GAN", "fake.npz")
  assert (subject["drawn"], subject["images"], subject["available"]) == ("given images", 50, 60)
  options = dict(name="StyleGAN2", family="GAN", num_samples=50, metrics=["frechet", "sharpness"])
  found = by_pixels("fake.npz", "real.npy", **options)
  assert found.to_dict() | {"commands": written["commands"]} == written
  assert Evaluation.from_dict(written).to_dict() == written
  assert {path.name for path in (folder / "out_samples").iterdir()} == {"0.png", "real.png"}


def test_a_record_keeps_earlier_numbers_of_the_same_images_and_of_no_others(folder, capsys):
  first = judged("--metrics=frechet")["samples"]["scores"]
  second = judged("--metrics=sharpness", "--num_samples=20", "--seed=3", "--image_size=8")["samples"][
    "scores"
  ]
  assert second["frechet"] == first["frechet"] and second["sharpness"]["value"] > 0
  assert (second["frechet"]["seeds"], second["sharpness"]["seeds"]) == ([], [3])
  assert second["sharpness"]["protocol"]["resized"]["generated"] == "16x16 to 8x8"
  with pytest.raises(InputError, match=r"holds the record of fake .* name another file"):
    judged("--name=other")
  changed = FAKE.copy()
  changed[-1, 0, 0] ^= 1
  save(folder / "fake.npz", changed)
  capsys.readouterr()
  third = judged("--metrics=sharpness", "--num_samples=10")
  assert (
    "frechet" not in third["samples"]["scores"]
    and "have changed: it is written anew" in capsys.readouterr().err
  )
  assert third["samples"]["subject"]["source_crc32"]
  del third["samples"]["subject"]["source_crc32"]  # as an earlier version wrote it
  (folder / "out.json").write_text(json.dumps(third))
  assert "sharpness" not in judged("--metrics=frechet")["samples"]["scores"]
  assert "does not say of which images" in capsys.readouterr().err


PLACES = (  # --generated, --reference, other flags, what the message says
  ("dd_samples", "real", ["--out=dd.json"], "in dd_samples, the place of --generated"),
  ("dd_samples/inner", "real", ["--out=dd.json"], "in dd_samples, the place of --generated"),
  ("fake.npz", "link_samples", ["--out=link.json"], "in link_samples, the place of --reference"),
  ("fake.npz", "real", ["--out=real/z.json"], "lies in --reference=real"),
  ("fake.npz", "real", ["--out=real/new/z.json"], "lies in --reference=real"),
  ("fake.npz", "real.npy", ["--training=real", "--out=real/z.json"], "lies in --training=real"),
  ("fake.npz", "real.npy", ["--out=dd.json"], "dd_samples, which exists without this record"),
  ("fake.npz", "real.npy", ["--out=o.json", "--save_statistics=real.npy"], "real.npy exists, and is not"),
  ("fake.npz", "real.npy", ["--out=o.json", "--save_statistics=./o.json"], "the place of the results"),
  ("fake.npz", "real.npy", ["--out=o.json", "--save_statistics=o_samples"], "the place of the results"),
)


@pytest.mark.parametrize(("generated", "reference", "others", "words"), PLACES)
def test_results_never_replace_or_join_what_is_given(
  generated, reference, others, words, folder, monkeypatch
):
  monkeypatch.setattr("gengap.evaluation.evaluator.SampleEvaluator", None)
  write_pngs(write_pngs(folder / "dd_samples", FAKE[:4]) / "inner", FAKE[4:8])
  (folder / "link_samples").symlink_to(write_pngs(folder / "real", REAL[:8]))
  before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
  with pytest.raises(InputError, match=words):
    command(
      f"--generated={generated}",
      f"--reference={reference}",
      "--features=pixels",
      "--metrics=frechet",
      *others,
    )
  assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


SUBJECT = {"drawn": "given images", "name": "fake", "source": "fake.npz"}
WHOLE = {
  "commands": ["a"],
  "reference": {"dataset": "real.npy"},
  "samples": {"protocol": {}, "subject": SUBJECT, "scores": {"kid": {"value": 1.0}}},
}
MALFORMED = (  # what is at --out, and what the message says
  (WHOLE | {"samples": [1]}, "of another kind"),
  (WHOLE | {"samples": WHOLE["samples"] | {"subject": "x"}}, "of another kind"),
  (WHOLE | {"reference": 3}, "a damaged record"),
  (WHOLE | {"commands": 5}, "a damaged record"),
  (WHOLE | {"commands": [5]}, "a damaged record"),
  (WHOLE | {"samples": WHOLE["samples"] | {"scores": {"frechet": 5}}}, "a damaged record"),
  (WHOLE | {"samples": WHOLE["samples"] | {"scores": [5]}}, "a damaged record"),
  (WHOLE | {"samples": {"protocol": {}, "subject": SUBJECT}}, "a damaged record"),
  (WHOLE | {"samples": {"subject": SUBJECT, "scores": {"kid": {"value": 1.0}}}}, "a damaged record"),
)


@pytest.mark.parametrize(("found", "words"), MALFORMED)
def test_a_malformed_record_is_refused_before_any_work(found, words, folder):
  path = folder / "out.json"
  path.write_text(json.dumps(WHOLE))
  files.check_record(path, "fake", "fake.npz", "real.npy")
  path.write_text(json.dumps(found))
  with pytest.raises(InputError, match=words):
    files.check_record(path, "fake", "fake.npz", "real.npy")


def test_a_reference_is_brought_to_the_size_of_the_images(folder, capsys):
  large = np.repeat(np.repeat(REAL, 2, 1), 2, 2)
  found = by_pixels(FAKE, large, metrics=["frechet"])
  assert found.protocol["resized"] == {"reference": "32x32 to 16x16"}
  assert "reference images are resized" in capsys.readouterr().err
  assert found.scores["frechet"].protocol["resized"] == {"reference": "32x32 to 16x16"}
  plain = by_pixels(FAKE, REAL, metrics=["frechet"])
  assert "resized" not in plain.protocol and plain.scores["frechet"].value != found.scores["frechet"].value
  save(folder / "large.npz", large)
  both = by_pixels("large.npz", large, metrics=["frechet"], image_size=8)
  assert both.protocol["resized"] == {"generated": "32x32 to 8x8", "reference": "32x32 to 8x8"}
  assert both.scores["frechet"].value == pytest.approx(0, abs=1e-6)
  assert both.reference["image_size"] == 8


def test_grey_and_colour_are_mixed_only_if_asked_for(folder):
  colour = RNG.integers(0, 256, (60, 16, 16, 3), np.uint8)
  for pair in ((FAKE, colour), (colour, FAKE), (colour, "blobs_single")):
    with pytest.raises(InputError, match=r"--channels=1 .* --channels=3"):
      by_pixels(*pair)
  for pair in ((FAKE, colour), (colour, FAKE)):
    for channels in (1, 3):
      found = by_pixels(*pair, metrics=["frechet"], channels=channels)
      assert found.reference["channels"] == channels and len(found.protocol["channels"]) == 1


@pytest.mark.parametrize("number", [20, 60])
def test_floors_of_a_reference_without_training_images_are_from_itself(number):
  found = by_pixels(FAKE[:number], REAL, metrics=["frechet", "prdc"])
  (name,), score = found.floors, found.scores["frechet"]
  assert (score.floor_of, found.floors[name]["images"]) == (name, {20: 20, 60: 30}[number])
  assert name == {20: "reference", 60: "half of the reference"}[number]
  assert found.protocol["real"] == number
  assert score.floor > 0
  if number == 20:  # the very images that the floor is of are at the floor
    evaluator: Any = Evaluator(FAKE[:20], REAL, Options(features="pixels", metrics=["frechet"]))
    _, index = evaluator.real.chosen(20)["floor reference"]
    again = evaluator.evaluate(REAL[index])
    assert again.scores["frechet"].value == pytest.approx(score.floor, rel=1e-9)
    assert not set(index) & set(evaluator.scorer.chosen["real"])
  else:
    alone = by_pixels(FAKE, REAL, metrics=["sharpness"])
    assert alone.floors["reference"]["images"] == 60 and "real" not in alone.protocol
    whole = by_pixels(REAL, REAL, metrics=["sharpness"]).scores["sharpness"].value
    assert alone.scores["sharpness"].floor == whole
    assert "as many samples only: --num_samples=30" in found.scores["frechet_ratio"].reason


def test_half_a_reference_is_at_the_floor_beside_the_other_half():
  """Of noise, both halves are draws of one distribution."""
  evaluator: Any = Evaluator(FAKE, REAL, Options(features="pixels"))
  first, second = evaluator.scorer.real["first half"], evaluator.scorer.real["floor half of the reference"]
  assert (first.number, second.number) == (30, 30)
  both = np.concatenate([first["features"], second["features"]])
  whole = pixels.extractor().extract(REAL)
  assert sorted(map(tuple, both)) == sorted(map(tuple, whole))
  found = evaluator.evaluate(FAKE)
  measured = evaluator.scorer.measure("frechet", second, first)["frechet"]
  assert found.scores["frechet"].floor == pytest.approx(measured, rel=1e-12)


def test_saved_statistics_give_the_same_frechet_distance_and_nothing_else(folder):
  by_images = by_pixels(FAKE, "real.npy", metrics=["frechet"], save_statistics=folder / "stats.npz")
  found = by_pixels(FAKE, "stats.npz")
  value, expected = found.scores["frechet"], by_images.scores["frechet"]
  assert value.value == pytest.approx(expected.value, rel=1e-9)
  assert value.protocol == expected.protocol
  assert "saved statistics" in found.scores["kid"].reason and found.scores["diversity"].value > 0
  with_floor = by_pixels(FAKE, "stats.npz", training=REAL)
  assert with_floor.scores["frechet"].floor_of == "train"
  assert with_floor.scores["authentic"].value is None or "saved" in with_floor.scores["authentic"].reason
  with pytest.raises(InputError, match="--metrics=kid: the reference is saved statistics"):
    by_pixels(FAKE, "stats.npz", metrics=["kid"])


def test_statistics_of_other_programs_are_read_and_their_number_is_unknown(folder):
  features = pixels.extractor().extract(REAL).astype(np.float64)
  np.savez("theirs.npz", mu=features.mean(0), sigma=np.cov(features, rowvar=False))
  found = by_pixels(FAKE, "theirs.npz", metrics=["frechet"])
  expected = by_pixels(FAKE, REAL, metrics=["frechet"])
  assert found.scores["frechet"].value == pytest.approx(expected.scores["frechet"].value, rel=1e-9)
  assert found.protocol["real"] is None
  assert found.reference["dataset"] == "theirs.npz"
  np.savez("images.npz", arr_0=REAL, mu=features.mean(0), sigma=np.cov(features, rowvar=False))
  assert by_pixels(FAKE, "images.npz", metrics=["frechet"]).protocol["real"] == 60


GOOD = {"split": "test", "real": 9, "real_crc32": 1, "features": {}, "image_size": 16, "channels": 1}
BAD_STATISTICS = (  # sigma, protocol, what the message says
  (np.diag([1.0, 1, 1], 2)[:5, :5] + np.eye(5), None, "not symmetric"),
  (np.diag([1.0, 1, 1, 1, -0.1]), None, "has the eigenvalue -0.1 beside 1"),
  (-np.eye(5), None, "it is no covariance"),
  (np.full((5, 5), np.nan), None, "not finite"),
  *(
    (np.eye(5), protocol, "a protocol that gengap has not written")
    for protocol in (
      *("5", "[1]", "no JSON", '{"real": "abc"}', '{"channels": "x"}', np.zeros(3), np.int64(5)),
      json.dumps(GOOD | {"real": "9"}),
      json.dumps(GOOD | {"real": 1}),
      json.dumps(GOOD | {"real": True}),
      json.dumps(GOOD | {"channels": 2}),
      json.dumps(GOOD | {"features": None}),
    )
  ),
)


@pytest.mark.parametrize(("sigma", "protocol", "words"), BAD_STATISTICS)
def test_malformed_statistics_are_refused_before_any_work(sigma, protocol, words, folder):
  np.savez("a.npz", mu=np.zeros(5), sigma=sigma, **({} if protocol is None else {"protocol": protocol}))
  with pytest.raises(InputError, match=words) as error:
    saved_statistics.read(folder / "a.npz", "--reference=a.npz")
  assert "\n" not in str(error.value)


def test_statistics_that_are_rounded_to_float32_are_read(folder):
  rounded = np.diag([1, 1, 0, 0, -1e-6]).astype(np.float32)
  rounded[0, 1] = 1e-6
  np.savez("a.npz", mu=np.zeros(5, np.float32), sigma=rounded, protocol=json.dumps(GOOD))
  found: Any = saved_statistics.read(folder / "a.npz", "--reference=a.npz")
  assert (found.number, found.channels) == (9, 1)
  np.testing.assert_allclose(found.moments.covariance, (rounded + rounded.T) / 2, rtol=1e-6)
  assert metrics.frechet_distance(np.zeros(5), np.eye(5), np.zeros(5), found.moments.covariance) > 0


def test_statistics_that_do_not_fit_are_refused(folder, monkeypatch):
  by_pixels(FAKE, REAL, metrics=["frechet"], save_statistics="stats.npz")
  np.savez("narrow.npz", mu=np.zeros(5), sigma=np.eye(5))
  np.savez("square.npz", mu=np.zeros(5), sigma=np.eye(4))
  np.savez("nan.npz", mu=np.full(5, np.nan), sigma=np.eye(5))
  monkeypatch.setattr("gengap.evaluation.evaluator.SampleEvaluator", None)  # no work is begun
  for path, words in (
    ("narrow.npz", "statistics of 5 features, and the extractor gives 256"),
    ("square.npz", r"sigma \[4, 4\]"),
    ("nan.npz", "not finite"),
  ):
    with pytest.raises(InputError, match=words):
      by_pixels(FAKE, path)
  half = pixels.extractor()._replace(protocol={"network": "others"})
  with pytest.raises(InputError, match="choose the extractor of the file"):
    evaluation.evaluate(FAKE, "stats.npz", features=half)
  twice = np.repeat(np.repeat(FAKE, 2, 1), 2, 2)
  with pytest.raises(InputError, match="give --image_size=16 --channels=1"):
    by_pixels(twice, "stats.npz")
  with pytest.raises(InputError, match="--save_statistics needs --metrics=frechet"):
    by_pixels(FAKE, REAL, metrics=["kid"], save_statistics="more.npz")
  with pytest.raises(InputError, match="--training is saved statistics"):
    by_pixels(FAKE, REAL, training="stats.npz")


BAD = (
  ([], "neither is given"),
  (["--workdir=run", "--generated=fake.npz"], "both are given"),
  (["--workdir=run", "--reference=mnist"], "--reference does not go with --workdir"),
  (["--generated=fake.npz", "--step=best"], "--step does not go with --generated"),
  (["--generated=fake.npz", "--sample_seeds=0"], "--sample_seeds does not go with"),
  (["--generated=fake.npz", "--out=o.json"], "--reference is missing"),
  (["--generated=fake.npz", "--reference=real.npy"], "--out is missing"),
  (["--generated=none.npz", "--reference=real.npy", "--out=o.json"], "no such file or folder"),
  (["--generated=fake", "--reference=real.npy", "--out=o.json"], "did you mean 'fake.npz'"),
  (["--generated=run", "--reference=real.npy", "--out=o.json"], "workdir of a run; give it as --workdir"),
  (["--generated=https://x.org/a.zip", "--reference=real.npy", "--out=o.json"], "download it"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=fake.npz/o.json"], "--out=fake.npz.*no folder"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=."], "is a folder; name a file"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=foreign.json"], "not overwritten"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=real.npy"], "not overwritten"),
  (["--generated=fake.npz", "--reference=mnits:test", "--out=o.json"], "no path, and .*did you mean 'mnist'"),
  (["--generated=fake.npz", "--reference=blobs_single:tset", "--out=o.json"], "did you mean 'test'"),
  (["--generated=fake.npz", "--reference=gs://b/real.npz", "--out=o.json"], "mount the bucket"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=o.json", "--num_samples=1"], "--num_samples is 1"),
  (
    ["--generated=fake.npz", "--reference=real.npy", "--out=o.json", "--family=gan"],
    "none of VAE, GAN, diffusion, other; did you mean .GAN.",
  ),
  (["--generated=fake.npz", "--reference=real.npy", "--out=o.json", "--value_range=0,2"], "none of --value"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=o.json", "--value_range=0"], "two numbers"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=o.json", "--metrics=posterior"], "has no answer"),
  (["--generated=fake.npz", "--reference=real.npy", "--out=o.json", "--metrics=memorisation"], "--training"),
  (["--generated=mixed", "--reference=real.npy", "--out=o.json"], "2 different sizes; --image_size=N"),
  (["--generated=wide.npy", "--reference=real.npy", "--out=o.json"], "16x12, which are not square; --image"),
)


@pytest.mark.parametrize(("args", "words"), BAD)
def test_bad_command_lines_are_named_before_any_work(args, words, folder, monkeypatch):
  monkeypatch.setattr("gengap.evaluation.evaluator.SampleEvaluator", None)
  (folder / "run" / "checkpoints").mkdir(parents=True)
  (folder / "foreign.json").write_text('{"learning_rate": 1}')
  write_pngs(folder / "mixed", [FAKE[0], FAKE[1, :8, :8]])
  np.save("wide.npy", FAKE[:, :, :12])
  before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
  with pytest.raises(InputError, match=words) as error:
    command(*args)
  assert "\n" not in str(error.value)
  assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


BAD_OPTIONS = (
  ({"num_samples": 20.5}, "--num_samples is 20.5; it must be a whole number"),
  ({"num_samples": "20"}, "--num_samples is '20'; it must be a whole number"),
  ({"num_samples": np.int64(1)}, "--num_samples is 1; it must be at least 2"),
  ({"image_size": 100_000}, "--image_size is 100000; it must be at most 2048"),
  ({"image_size": -1}, "--image_size is -1; it must be at least 0"),
  ({"channels": "3"}, "--channels is '3'; it must be a whole number"),
  ({"channels": 2}, "--channels=2 is none of 1, 3"),
)


@pytest.mark.parametrize(("given", "words"), BAD_OPTIONS)
def test_numbers_outside_their_bounds_are_refused(given, words):
  with pytest.raises(InputError, match=f"^{words}"):
    Options(**given)


def test_integers_of_numpy_are_integers():
  whole = {"num_samples": 20, "image_size": 2048, "channels": 3, "seed": 4, "samples": 5, "num_images": 6}
  given: Any = {name: np.int64(value) for name, value in whole.items()}
  made = Options(**given | {"sample_seeds": np.arange(2)})
  assert json.loads(json.dumps({name: getattr(made, name) for name in whole})) == whole
  assert json.dumps(made.sample_seeds) == "[0, 1]"


def test_lists_of_rows_of_several_lengths_are_refused():
  with pytest.raises(InputError, match=r"^images_or_run is no array: its rows differ in length"):
    by_pixels([[1, 2], [3]], REAL)


def test_a_metric_is_named_once_in_the_reason_why_it_has_no_number():
  def fails(_sets: Any) -> Any:
    raise InputError("it has no answer")

  evaluator: Any = Evaluator(FAKE, REAL, Options(features="pixels", metrics=["frechet"], num_samples=20))
  evaluator.scorer.metrics["frechet"] = evaluator.scorer.metrics["frechet"]._replace(compare=fails)
  assert evaluator.missing(evaluator.evaluate(FAKE)) == {"frechet": "it has no answer"}


def test_paths_in_python_are_runs_or_images(folder):
  (folder / "empty").mkdir()
  with pytest.raises(InputError, match="holds no images; the folder is no workdir of a run either"):
    evaluation.evaluate("empty", REAL)
  labels = Dataset(REAL, np.arange(60) % 2, ("a", "b"), {})
  assert by_pixels("fake.npz", labels, metrics=["frechet"]).scores["frechet"].value > 0
