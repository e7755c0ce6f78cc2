"""Feature extractors by name, and those of a user: functions, importable names, extractors."""

import functools
import inspect
import json
import pathlib
import subprocess
import sys
import types
from fractions import Fraction

import numpy as np
import pytest

from gengap import evaluate
from gengap.command_line import arguments, cli
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


def protocol(function, images=REAL):
  return functions.tried(from_function(function, "f"), images).protocol


# Functions f(x) of features m(x) [n, 3] that reach S in different ways.
REACH = {
  "global": "f = lambda x: S * m(x)",
  "comprehension": "def f(x): return np.stack([S * row for row in m(x)])",
  "lambda": "def f(x): return (lambda y: S * y)(m(x))",
  "nested function": "def f(x):\n  def g(y): return S * y\n  return g(m(x))",
  "closure": "def g(s): return lambda x: s * m(x)\nf = g(S)",
  "default": "def f(x, s=S): return s * m(x)",
  "second helper": "A, B = 1, S\ndef a(x): return x * A\ndef b(x): return x * B\ndef f(x): return a(b(m(x)))",
  "module": "c = types.ModuleType('c')\nc.S = S\ndef f(x): return c.S * m(x)",
  "global of a method": "class F:\n  def __call__(self, x): return S * m(x)\nf = F()",
  "base class": "class B:\n  s = S\nclass F(B):\n  def __call__(self, x): return self.s * m(x)\nf = F()",
  "class attribute": "class F:\n  def __call__(self, x): return self.s * m(x)\nF.s, f = S, F()",
  "bound method": "class F:\n  def g(self, x): return self.s * m(x)\nF.s, f = S, F().g",
  "slots": "class F:\n  __slots__ = 's'\n  def __call__(self, x): return self.s * m(x)\nf = F()\nf.s = S",
  "wrapper": "@wraps(m)\ndef f(x): return S * m(x)",
  "partial": "f = partial(lambda s, x: s * m(x), S)",
  "slice": "def f(x, s=slice(S)): return s.stop * m(x)",
  "range": "def f(x, s=range(S)): return len(s) * m(x)",
  "fraction": "def f(x, s=Fraction(S)): return float(s) * m(x)",
  "path": "def f(x, s=Path('a' * S)): return len(s.name) * m(x)",
  "small column": "def f(x): return np.c_[1e9 * m(x), S * m(x)]",
  "beside a constant": "def f(x): return 1e9 + S * m(x)",
}


@pytest.mark.parametrize("reach", REACH)
def test_what_changes_features_changes_the_protocol(reach):
  def made(s):
    names = {"np": np, "m": lambda x: x.mean((1, 2)), "types": types, "partial": functools.partial}
    names |= {
      "S": s,
      "wraps": functools.wraps,
      "Fraction": Fraction,
      "Path": pathlib.Path,
      "__name__": "mine",
    }
    exec(REACH[reach], names)
    return names["f"]

  one, two = protocol(made(1)), protocol(made(2))
  assert {key for key in one if one[key] != two[key]} == {"outputs"}
  assert protocol(made(1)) == one
  assert protocol(made(1), REAL[:7]) == one  # it is not of the images that are compared


def test_source_and_what_a_user_states_are_in_the_protocol():
  def same(images):
    return images.mean((1, 2))

  @functools.wraps(brightness)
  def wrapper(images):
    return brightness(images) if len(images) < 1000 else contrast(images)

  found = protocol(brightness)
  assert set(found) == {"network", "source", "outputs", "width"}
  for other in (same, wrapper):
    assert {key for key, value in protocol(other).items() if value != found[key]} == {"source"}
  assert functions.source(functools.partial(same, REAL)) == functions.source(same) == inspect.getsource(same)
  assert functions.source(np.add) == ""
  assert from_function(brightness, "b", file="f").protocol == {
    "network": "b",
    "source": found["source"],
    "file": "f",
  }


def test_a_protocol_is_the_same_in_another_process(tmp_path, monkeypatch):
  (tmp_path / "mine.py").write_text("S = {'a', 'b', 'c'}\ndef f(x): return len(S) * x.mean((1, 2)) / 3\n")
  monkeypatch.syspath_prepend(tmp_path)
  find = "import json, numpy, mine; from gengap.features import from_function, functions as g; "
  find += "print(json.dumps(g.tried(from_function(mine.f), numpy.zeros((0, 6, 6, 3), numpy.uint8)).protocol))"
  done = subprocess.run(
    [sys.executable, "-c", find], cwd=tmp_path, capture_output=True, text=True, check=True
  )
  extractor = from_function(functions.imported("mine:f"))
  assert json.loads(done.stdout) == functions.tried(extractor, REAL).protocol


def test_probe_images_are_of_any_shape_and_all_differ():
  for shape in ((1, 1, 3), (6, 6, 3), (28, 28, 1), (9, 5, 3)):
    images = functions.probe_images(shape)
    assert images.shape == (8, *shape) and images.dtype == np.uint8
    assert len(np.unique(images.reshape(8, -1), axis=0)) == 8
  assert (images.reshape(8, -1).std(1) > 0).all()


def test_a_function_that_is_random_is_refused():
  rng = np.random.default_rng(0)
  calls = []
  noise = lambda x: x.mean((1, 2)) + rng.normal(size=(len(x), 1))  # noqa: E731
  by_calls = lambda x: calls.append(x) or len(calls) * x.mean((1, 2))  # noqa: E731
  on_noise = lambda x: x.mean((1, 2)) + (len(x) == 8) * rng.normal()  # noqa: E731
  for function in (noise, by_calls, on_noise, FeatureExtractor({"network": "mine"}, noise)):
    with pytest.raises(InputError, match=r"--features=.* is not deterministic: two calls returned"):
      frechet(function)
  rounding = lambda x: x.mean((1, 2)) + 1e-6 * rng.normal(size=(len(x), 1))  # noqa: E731
  assert protocol(rounding)["width"] == 3


def test_a_function_may_write_into_its_images():
  def inverted(images):
    np.subtract(255, images, out=images)
    return images.mean((1, 2))

  protocol(inverted)


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
    (lambda x: x.mean((1, 2)) if len(x) < 9 else x.std((1, 2, 3)), r"returned float64 of shape \(60,\)"),
    (lambda x: x.mean((1, 2))[:, : 3 if len(x) < 9 else 2], "width 2, and 3 of earlier images"),
    (lambda x: x.mean((1, 2)) / (len(x) < 9), "not finite for 60 of 60"),
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
    ("mine", brightness, "weights", "takes must be a list"),
  ],
)
def test_what_cannot_be_registered_is_named(table, name, build, takes, words):
  with pytest.raises(InputError, match=words):
    register_feature_extractor(name, build, takes)
  assert set(table) == set(registry.EXTRACTORS) and "mine" not in table


@pytest.mark.parametrize(
  ("build", "words"),
  [
    (lambda: 1 / 0, "called with no arguments, failed: ZeroDivisionError: division by zero"),
    (
      lambda weights: brightness,
      "called with resize, failed: TypeError: .* unexpected keyword argument 'resize'",
    ),
    (lambda resize: functions.imported("nosuch:f"), "nosuch cannot be imported"),
  ],
)
def test_a_builder_that_fails_is_named(table, build, words):
  takes = ["resize"] if inspect.signature(build).parameters else []
  register_feature_extractor("cc", build, takes)
  with pytest.raises(InputError, match=words) as error:
    frechet("cc")
  assert "'cc'" in str(error.value) or "nosuch" in str(error.value)
