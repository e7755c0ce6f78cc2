"""--classifier=train: the right classifier, trained once; and classifiers of another size of images."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from gengap import config as settings
from gengap.data import Dataset
from gengap.errors import InputError
from gengap.evaluation import trained_classifiers as trained
from gengap.features import classifier
from gengap.features.resize import bicubic
from gengap.training.program import load_data


def images(size, channels=1, classes=("a", "b")):
  x = np.random.default_rng(0).integers(0, 256, (12, size, size, channels), np.uint8)
  return Dataset(x, np.arange(12, dtype=np.int32) % 2, classes, {})


@pytest.fixture
def blobs():
  """The config of a run, and its test images."""
  config = settings.base("vae", "blobs_single")
  config.update(image_size=8)
  config.dataset_args.update(num_train=40, num_test=20)
  return config, load_data(config, "test")


@pytest.fixture
def calls(monkeypatch, tmp_path):
  """What would be trained: (config, workdir)."""
  found = []

  def train(config, workdir):
    found.append((config, workdir))
    workdir.mkdir(parents=True)
    (workdir / "config.json").write_text("{}")

  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
  monkeypatch.setattr(trained.loop, "train", train)
  monkeypatch.setattr(trained, "minutes", lambda config, train: 12.4)
  monkeypatch.setattr(trained, "steps", lambda workdir, step: [2000])
  return found


def test_the_classifier_is_trained_once_and_its_minutes_are_said_before(blobs, calls, capsys):
  config, test = blobs
  workdir = trained.find_or_train("train", "blobs_single", test, config)
  said = capsys.readouterr().err
  assert "2000 steps take about 12 minutes" in said and str(workdir) in said
  ((used, where),) = calls
  assert where == workdir and where.name.startswith("blobs_single_8_")
  assert (used.method, used.image_size, used.batch_size) == ("classifier", 8, 36)
  assert used.dataset_args.num_train == 40
  assert trained.find_or_train("train", "blobs_single", test, config) == workdir and len(calls) == 1
  config.dataset_args.num_train = 30  # other data, another classifier
  assert trained.find_or_train("train", "blobs_single", test, config) != workdir and len(calls) == 2


def test_a_classifier_that_is_given_is_taken_as_it_is(calls, tmp_path, monkeypatch):
  assert trained.find_or_train(None, "mnist", images(8)) is None
  assert trained.find_or_train("runs/c", "mnist", images(8)) == "runs/c"
  monkeypatch.chdir(tmp_path)
  (tmp_path / "train" / "checkpoints").mkdir(parents=True)
  assert trained.find_or_train("train", "mnist", images(8)) == "train" and not calls


def test_what_no_classifier_can_learn_is_refused(calls, monkeypatch):
  with pytest.raises(InputError, match="--classifier=train needs the name of a data set"):
    trained.find_or_train("train", "", images(8))
  monkeypatch.setattr(trained, "load_data", lambda config, split: images(8, classes=("one",)))
  with pytest.raises(InputError, match="has no classes that a classifier can learn"):
    trained.find_or_train("train", "blobs_single", images(8))
  assert not calls


@pytest.mark.parametrize(("size", "stored", "used"), [(32, (28, 28), 28), (16, (28, 28), 16), (64, None, 64)])
def test_images_have_the_size_of_the_given_ones_and_at_most_the_stored_size(size, stored, used, monkeypatch):
  monkeypatch.setattr(trained.data, "find", lambda name, data_dir: ConfigDict({"size": stored}))
  config = trained.config_for("mnist/7", images(size, 3, ("7",)), None, "DIR")
  assert (config.dataset, config.image_size, config.channels, config.data_dir) == ("mnist", used, 3, "DIR")


def test_a_classifier_of_another_size_sees_resized_images_and_its_protocol_says_so():
  def features(weights, x):
    return x.reshape(len(x), -1) + weights

  x, kernel, bias = images(16).image, np.zeros((64, 2)), np.zeros(2)
  plain, resized = (classifier.extractor(features, np.float32(0), kernel, bias, size) for size in (None, 8))
  matrix = bicubic(16, 8)
  wanted = np.einsum("ph,qw,nhwc->npqc", matrix, matrix, x / 127.5 - 1.0).clip(-1, 1)
  np.testing.assert_allclose(resized.extract(x), wanted.reshape(12, -1), atol=1e-5)
  assert resized.protocol == plain.protocol | {"resized": "bicubic with antialiasing to 8x8"}
  assert "resized" not in plain.protocol
