"""Chooses the feature extractor and the classifier for a data set, from files, workdirs and data."""

import functools
import pathlib
from typing import Any, NamedTuple

import numpy as np

from gengap import metrics, zoo
from gengap.data import Dataset, blobs
from gengap.errors import InputError, suggest
from gengap.evaluation import cached
from gengap.features import FeatureExtractor, classifier, pretrained, registry
from gengap.features.registry import Registered
from gengap.features.resize import PROTOCOLS
from gengap.logs.log import say
from gengap.method import Kind
from gengap.run import load
from gengap.training.program import load_data

OF_FEATURES = frozenset({"moments", "features", "logits"})  # names of `ImageStatistics` that need features


class Extractors(NamedTuple):
  """What turns images into features and classes; either network may be missing."""

  features: FeatureExtractor | None = None
  classifier: FeatureExtractor | None = None
  blobs: bool = False  # whether the images are of blobs

  def missing(self, needs: frozenset[str]) -> str:
    """Returns why a metric with these needs (names of `ImageStatistics`) cannot be computed; "" if it can."""
    if needs & OF_FEATURES and not self.features:
      return (
        "it needs features: --classifier=train trains a classifier, --classifier=DIR takes one; "
        "or --features=inception, dinov2 or pixels"
      )
    if "logits" in needs and not (self.features and self.features.classify):
      return (
        "the feature extractor knows no classes: it needs --features=inception or a classifier of the data "
        "(--classifier=train)"
      )
    if "named" in needs and not self.classifier:
      return "it needs a classifier of the classes: --classifier=train trains one, --classifier=DIR takes one"
    if "blobs" in needs and not self.blobs:
      return "it is of images of blobs"
    return ""

  def with_cache(self) -> "Extractors":
    """Returns the same with features that are cached on disk, for real images, which are used repeatedly."""
    if not self.features or not self.features.keep:
      return self
    extract = functools.partial(cached.extract, self.features)
    return self._replace(features=self.features._replace(extract=extract))


def select(
  dataset: str,
  test: Dataset,
  *,
  features: Any = None,
  inception: str | pathlib.Path | None = None,
  weights: str | pathlib.Path | None = None,
  resize: str = "clean",
  classifier: str | pathlib.Path | None = None,
  required: bool = False,
) -> Extractors:
  """Chooses the feature extractor and the classifier for the images of a data set.

  Says on standard error what it leaves out, and why.

  Args:
    dataset: name of the data set; "" if it has none.
    test: its test images. They tell the shape of the images, measure the classifier's accuracy, and a user's
      extractor is tried on them.
    features: see `registry.find`; None: "inception" for colour images, else "classifier".
    inception: file of Inception's weights; None: see `pretrained`.
    weights: file of the weights of the network that `features` names; None: see `pretrained`.
    resize: how images are resized for Inception, one of `resize.PROTOCOLS`.
    classifier: workdir of a trained classifier of the data set.
    required: whether missing features are an error.

  Raises:
    InputError: a name is unknown, features are required and missing, or a file or workdir does not fit.
  """
  check(features, resize, inception, weights)
  colour = test.image.shape[-1] == 3
  kind = ("inception" if colour else "classifier") if features is None else features
  registered = registry.find(kind)
  file = find_weights(kind, inception, weights) if "weights" in registered.takes else None
  named = of_classifier(classifier, dataset, test) if classifier else None
  reason = unavailable(kind, registered, file, bool(named), dataset)
  if reason and required:
    raise InputError(reason)
  if reason:
    say(f"without features: {reason}")
  inputs = {"weights": file, "resize": resize, "classifier": named}
  chosen = None if reason else registry.build(registered, test.image, **inputs)
  if chosen and registered.rgb and not colour:
    say(f"{kind} sees three channels: a grey image is shown three times")
  if inception and not (chosen and kind == "inception"):
    say("--inception is not used here; --features=inception takes features with it")
  if weights and not (chosen and file == weights):
    say("--weights is not used here: it is the file of the network that --features names")
  if named and not named.classify:
    say("the classifier is of more classes than the run: its features are taken, and it names none")
    named = None
  if named:
    say(f"the classifier names {100 * named.protocol['accuracy']:.2f} % of the test images rightly")
  return Extractors(chosen, named, of_blobs(dataset))


def check(
  features: Any,
  resize: str,
  inception: str | pathlib.Path | None = None,
  weights: str | pathlib.Path | None = None,
) -> None:
  """Refuses unknown names, and features whose weights are missing. See `select` for the arguments.

  Raises:
    InputError: no such features, no weights for them, or no such way of resizing.
  """
  if features is not None:
    registered = registry.find(features)
    if "weights" in registered.takes and not find_weights(features, inception, weights):
      raise InputError(pretrained.advice(features))
  if resize not in PROTOCOLS:
    raise InputError(f"--resize={resize} is none of {', '.join(PROTOCOLS)}{suggest(resize, PROTOCOLS)}")


def find_weights(
  kind: str, inception: str | pathlib.Path | None, weights: str | pathlib.Path | None
) -> str | pathlib.Path | None:
  """Returns the file of a network's weights; None if there is none. See `select` for the arguments."""
  return pretrained.find(kind, (kind == "inception" and inception) or weights)


def unavailable(
  kind: str,
  registered: Registered,
  weights: str | pathlib.Path | None,
  classified: bool,
  dataset: str,
) -> str:
  """Returns why features of a kind cannot be extracted, and what to do; "" if they can."""
  if "weights" in registered.takes and not weights:
    return pretrained.advice(kind)
  if "classifier" in registered.takes and not classified:
    if not dataset:
      return f"--features={kind} needs a classifier: --classifier=DIR; --features=pixels needs none"
    shipped = f"classifier_{dataset}"
    hint = f"; --classifier=zoo:{shipped} is a small one" if shipped in zoo.names() else ""
    return (
      f"--features={kind} needs a classifier of {dataset}: --classifier=train trains one, "
      f"once; --classifier=DIR takes one{hint}"
    )
  return ""


def of_classifier(workdir: str | pathlib.Path, dataset: str, test: Dataset) -> FeatureExtractor:
  """Returns the best checkpoint of a classifier, with its accuracy and calibration on the test images.

  If the data set has only some of the classifier's classes, or classes that are unknown, the extractor gives
  features and no classes.

  Args:
    workdir: of the classifier.
    dataset: name of the data set; "" if it has none, then the classes must be those of the classifier.
    test: its test images.

  Raises:
    InputError: there is no run, it is no classifier, or it is of other data.
  """
  run = load(workdir, "best")
  if Kind.CLASSIFIER not in run.method.kind:
    raise InputError(f"{workdir} holds a run of {run.config.method!r}; a run of 'classifier' is needed")
  own, shape = run.config.dataset, test.image.shape[1:]
  same, part = dataset == own, not dataset
  if dataset.startswith(f"{own}/") or (part and test.classes):
    known = load_data(run.config, "test").classes
    same, part = not dataset and test.classes == known, part or set(test.classes) <= set(known)
  (size, _, channels), taken = run.spec.shape, run.spec.shape[:2]
  if not (same or part) or channels != shape[2]:
    raise InputError(
      f"{workdir} classifies {own} {run.spec.shape}, and the images are of "
      f"{f'{dataset} ' if dataset else ''}{shape}; --classifier=train trains one that fits"
    )
  other = tuple(taken) != shape[:2]
  if other:
    sizes = "x".join(map(str, shape[:2]))
    say(f"the classifier takes {size}x{size}: images of {sizes} are resized ({classifier.RESIZED})")
  head = run.nets["classifier"]["params"]["head"]
  features, weights = run.method.represent["features"], run.nets
  found = classifier.extractor(features, weights, head["kernel"], head["bias"], size if other else None)
  if not same:
    return found._replace(classify=None)
  assert found.classify
  logits = found.classify(found.extract(test.image))
  accuracy = float(np.mean(logits.argmax(1) == test.label))
  error = metrics.calibration_error(logits, test.label)
  return found._replace(protocol=found.protocol | {"accuracy": accuracy, "calibration_error": error})


def of_blobs(dataset: str) -> bool:
  """Whether a data set, by its name, is of blobs."""
  return dataset.partition("/")[0] in blobs.COUNT
