"""Feature extractors by name, and those of a user: functions, importable names, extractors."""

import functools
import inspect

import numpy as np
import pytest

from gengap import arguments, cli, evaluate
from gengap.errors import InputError
from gengap.evaluation import evaluate as judge
from gengap.features import FeatureExtractor, from_function, functions, register_feature_extractor, registry
from gengap.probes.settings import Settings

RNG = np.random.default_rng(0)
REAL, FAKE = (RNG.integers(0, 256, (60, 6, 6, 3), dtype=np.uint8) for _ in range(2))
SCORES = dict(metrics=["frechet", "prdc"])


def brightness(images):
  return images.mean((1, 2))


def contrast(images):
  return images.std((1, 2))


@pytest.fixture
def table(monkeypatch):
  """The registry, restored afterwards."""
  monkeypatch.setattr(registry, "EXTRACTORS", found := dict(registry.EXTRACTORS))
  return found


def frechet(features, **options):
  found = judge(FAKE, REAL, features=features, **SCORES, **options)
  return found.scores["frechet"].value, found.protocol["features"]


def test_a_function_an_extractor_and_a_name_give_the_same_scores(table, tmp_path, monkeypatch):
  value, protocol = frechet(brightness)
  mean, cov = (REAL.mean((1, 2)).mean(0), np.cov(REAL.mean((1, 2)), rowvar=False))
  other = FAKE.mean((1, 2)).mean(0), np.cov(FAKE.mean((1, 2)), rowvar=False)
  root = np.linalg.eigvals(cov @ other[1]).real
  wanted = ((mean - other[0]) ** 2).sum() + np.trace(cov) + np.trace(other[1]) - 2 * np.sqrt(root).sum()
  assert value == pytest.approx(wanted, rel=1e-4)
  assert protocol["network"] == f"{__name__}:brightness" and protocol["width"] == 3
  register_feature_extractor("brightness", lambda: brightness)
  assert frechet("brightness") == (value, protocol)
  extractor = FeatureExtractor({"network": "mine"}, brightness)
  assert frechet(extractor) == (value, {"network": "mine", "width": 3})
  (tmp_path / "elsewhere.py").write_text(inspect.getsource(brightness))
  monkeypatch.syspath_prepend(tmp_path)
  assert frechet("elsewhere:brightness")[0] == value


def test_extractors_that_differ_have_protocols_that_differ():
  def scaled(by, power=1):
    def extract(images):
      return by * images.mean((1, 2)) ** power

    return extract

  class Network:
    def __init__(self, weights):
      self.weights = weights

    def __call__(self, images):
      return images.mean((1, 2)) @ self.weights

  eye = np.eye(3)
  made = [brightness, contrast, scaled(1), scaled(2), scaled(1, 2), Network(eye), Network(2 * eye)]
  made += [functools.partial(np.mean, axis=axis) for axis in ((1, 2), (2, 1))]
  made += [lambda x: x.mean((1, 2)), eval("lambda x: x.mean((1, 2))"), eval("lambda x: x.mean((1, 3))")]
  made += [Network(eye).__call__]
  digests = [functions.digest(function) for function in made]
  assert len(set(digests)) == len(made)
  again = [functions.digest(function) for function in (brightness, scaled(2), Network(2 * eye))]
  assert again == [digests[0], digests[3], digests[6]]
  assert from_function(brightness, "b", file="f").protocol == {
    "network": "b",
    "source": digests[0],
    "file": "f",
  }


def test_a_function_sees_uint8_and_a_builder_gets_what_it_takes(table, monkeypatch, capsys):
  seen = []

  def look(images):
    seen.append(images.dtype)
    return brightness(images)

  def build(weights, resize):
    return FeatureExtractor({"network": "mine", "weights": str(weights), "resize": resize}, look)

  register_feature_extractor("mine", build, takes=("weights", "resize"))
  assert frechet("mine", weights="w.npz", resize="legacy")[1]["weights"] == "w.npz"
  monkeypatch.setenv("GENGAP_MINE", "v.npz")
  assert frechet("mine")[1]["weights"] == "v.npz"
  monkeypatch.delenv("GENGAP_MINE")
  with pytest.raises(InputError, match=r"needs the network's weights: --weights=FILE, or \$GENGAP_MINE"):
    frechet("mine")
  extractor = from_function(look)
  floats = (REAL[:3] / 127.5 - 1).astype(np.float32)
  np.testing.assert_allclose(extractor.extract(floats), brightness(REAL[:3]))
  assert set(seen) == {np.dtype(np.uint8)}
  frechet("pixels", weights="w.npz")
  assert "--weights is not used here" in capsys.readouterr().err


def test_a_function_is_tried_on_noise_if_there_are_no_real_images():
  tried = functions.tried(from_function(brightness), REAL[:0])
  assert tried.protocol["width"] == 3 and tried.extract(REAL).shape == (60, 3)


def test_features_and_floors_of_a_user_are_not_kept_on_disk(tmp_path, monkeypatch):
  """A hash cannot see the files that a function reads."""
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
  train = RNG.integers(0, 256, (200, 6, 6, 3), dtype=np.uint8)

  def read(images):
    return (tmp_path / "weights").stat().st_size * brightness(images)

  floors = []
  for size in (b"1", b"22"):
    (tmp_path / "weights").write_bytes(size)
    found = judge(FAKE, REAL, training=train, features=read, metrics=["frechet"])
    floors.append(found.scores["frechet"].floor)
  assert floors[1] == pytest.approx(4 * floors[0], rel=1e-6)


@pytest.mark.parametrize(
  ("function", "words"),
  [
    (lambda x: x.mean((1, 2, 3)), r"returned float64 of shape \(3,\) for 3 images; it must .* \[3, D\]"),
    (lambda x: x.mean((1, 2))[:-1], r"shape \(2, 3\) for 3 images"),
    (lambda x: x.mean((1, 2)) * np.nan, "not finite for 3 of 3 images"),
    (lambda x: x.reshape(len(x), 5, 5), "failed on uint8 of shape .*ValueError"),
    (lambda x: [["a"]] * len(x), "returned <U1"),
    (lambda x: np.zeros((len(x), 0)), "shape"),
    (lambda x: x.mean((1, 2)) if len(x) < 5 else x.std((1, 2, 3)), r"returned float64 of shape \(60,\)"),
    (lambda x: x.mean((1, 2))[:, : 3 if len(x) < 5 else 2], "width 2, and 3 of earlier images"),
    (lambda x: x.mean((1, 2)) / (len(x) < 5), "not finite for 60 of 60"),
    (3, "features is int; it must be a name, a FeatureExtractor, or a function"),
    (FeatureExtractor({}, brightness), "must name it"),
    (FeatureExtractor({"network": brightness}, brightness), "is no JSON"),
    (FeatureExtractor({"network": "a"}, brightness, lambda x: x[0]), "classify returned"),
    ("pixel", "is none of inception, .*did you mean 'pixels'"),
    ("nosuch.module:f", "--features=nosuch.module:f: .*there is no module 'nosuch' in this folder"),
    ("gengap.nosuch:f", "there is no module 'gengap.nosuch'"),
    ("gengap.metrics:kidd", "gengap.metrics has no 'kidd'; did you mean 'kid'"),
    ("gengap:__version__", "--features=gengap:__version__: features is str; it must be"),
    (":f", "must be package.module:name"),
    ("broken_module:f", "it raised ZeroDivisionError"),
  ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_is_no_extractor_is_named(function, words, tmp_path, monkeypatch):
  (tmp_path / "broken_module.py").write_text("1 / 0\n")
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(InputError, match=words) as error:
    frechet(function)
  assert "\n" not in str(error.value)


def test_the_commands_check_features_before_they_open_a_run():
  for given, words in (("nosuch.module:f", "no module 'nosuch'"), ("pixel", "did you mean 'pixels'")):
    with pytest.raises(InputError, match=words):
      evaluate.main(cli.parse(evaluate.FLAGS, ["evaluate", "--workdir=none", f"--features={given}"]))
    with pytest.raises(InputError, match=words):
      Settings(features=given)
  flags = cli.flags()
  assert set(arguments.define_extractor_flags(flags)) == {
    "features",
    "inception",
    "weights",
    "resize",
    "classifier",
  }
  assert all(name in flags["features"].help for name in registry.EXTRACTORS)


@pytest.mark.parametrize(
  ("name", "build", "takes", "words"),
  [
    ("inception", lambda: brightness, (), "gengap's own"),
    ("a:b", lambda: brightness, (), "letters, digits and _"),
    ("mine", "brightness", (), "must be a function that"),
    ("mine", brightness, ("weigths",), "did you mean 'weights'"),
  ],
)
def test_what_cannot_be_registered_is_named(table, name, build, takes, words):
  with pytest.raises(InputError, match=words):
    register_feature_extractor(name, build, takes)
  assert set(table) == set(registry.EXTRACTORS) and "mine" not in table
