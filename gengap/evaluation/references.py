"""The real images that samples are compared with, and those that take the place of samples for the floors."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gengap.data import Dataset
from gengap.data.subset import stratified
from gengap.errors import InputError
from gengap.evaluation import images as given_images
from gengap.evaluation.images import Reference
from gengap.evaluation.quantities import Depends
from gengap.evaluation.sample_metrics import METRICS
from gengap.run import Run
from gengap.training.program import load_data

GIVEN = "given"  # the split of images that a caller gives
NO_TRAINING = "it compares with training images: give them as training=IMAGES"
OF_TRAINING = (
  "it compares with training images and with held-out ones, and the reference is the training split; use "
  "DATASET:test"
)


class References(NamedTuple):
  """Real images."""

  real: Dataset  # samples are compared with them; classes () if they have no labels
  split: str  # of `real`
  dataset: str = ""  # name; "" if unknown
  train: Dataset | None = None  # the generator was trained on them
  no_train: str = ""  # why no metric can compare with training images; "" if `train` serves
  held_out: tuple[str, Dataset] | None = None  # split and images for floors; None: they are of `train`
  validation: Dataset | None = None  # neither generator nor classifier was trained on them

  def chosen(self, number: int) -> dict[str, tuple[Dataset, np.ndarray]]:
    """Chooses the images of each set, at most `number` each; classes keep their shares (`stratified`).

    Returns:
      set -> data and indices of its images. The sets are "real" and "train", which samples are compared
      with, and "floor SPLIT", whose images take the place of samples.
    """
    sets = {"real": (self.real, stratified(self.real.label, number, 0))}
    if self.train:
      references = stratified(self.train.label, self.sizes(number).train, 1)
      others = np.setdiff1d(np.arange(len(self.train.image)), references)
      sets["train"] = self.train, references
      sets["floor train"] = self.train, others[stratified(self.train.label[others], number, 2)]
    if self.held_out:
      split, held_out = self.held_out
      sets[f"floor {split}"] = held_out, stratified(held_out.label, number, 2)
    if self.validation:
      sets["floor validation"] = self.validation, stratified(self.validation.label, number, 3)
    return sets

  def floor_set(self, of_classifier: bool) -> str | None:
    """Returns the set whose images a floor is of; None if there are none.

    Args:
      of_classifier: whether the number depends on a network that was trained on the training images.
    """
    if self.validation and of_classifier:
      return "floor validation"
    if self.held_out:
      return f"floor {self.held_out[0]}"
    return "floor train" if self.train else None

  def sizes(self, number: int) -> "Sizes":
    """Returns how many images are compared with `number` samples."""
    real = min(number, len(self.real.image))
    return Sizes(number, real, min(real, len(self.train.image) // 2) if self.train else 0)

  def missing(self, name: str) -> str:
    """Returns which real images a metric needs that are not there; "" if it lacks none."""
    metric = METRICS[name]
    if Depends.TRAIN in metric.sets and self.no_train:
      return self.no_train
    if "named" in metric.needs and not self.real.classes:
      return "it compares classes, and the reference has no labels; give a Dataset or the name of one"
    return ""

  def too_few(self, name: str, number: int) -> str:
    """Returns why there are too few images to score `number` samples by a metric; "" if there are enough."""
    metric = METRICS[name]
    words = {"samples": "samples", "real": "test images", "train": "training images to compare with"}
    words |= {} if self.split == "test" else {"real": "reference images"}
    used = {"samples", *(kind.value for kind in metric.sets)}
    sizes = {what: size for what, size in self.sizes(number)._asdict().items() if what in used}
    least = min(sizes, key=lambda what: sizes[what])
    if sizes[least] >= metric.least:
      return ""
    return f"{name} needs at least {metric.least} {words[least]}, and there are {sizes[least]}"


class Sizes(NamedTuple):
  """How many images of each set are compared."""

  samples: int
  real: int  # images that samples are compared with
  train: int  # training images, among which copies are searched


def of_run(run: Run) -> References:
  """Returns the test, training and validation images of a run's own data set.

  Raises:
    InputError: the data are missing.
  """
  train, test = load_data(run.config, "train"), load_data(run.config, "test")
  validation = load_data(run.config, "validation") if run.config.validation_share else None
  return References(test, "test", run.config.dataset, train, validation=validation)


def of_name(reference: str, load: Callable[[str, str], Dataset], run: Run | None) -> References:
  """Returns the references that "DATASET" or "DATASET:SPLIT" names.

  Args:
    reference: the name.
    load: data set, split -> images.
    run: to evaluate; None: images, whose generator is assumed to be trained on this data set.

  Raises:
    InputError: no such split, or the data are missing.
  """
  name, split = given_images.parse(reference)
  train, real, validation = load(name, "train"), load(name, split), None
  if split != "validation" and (not run or run.config.validation_share):  # with 0 it is the test split
    validation = load(name, "validation")
  if split == "train":
    test = ("test", load(name, "test"))
    return References(real, split, name, None, OF_TRAINING, held_out=test, validation=validation)
  reason = ""
  if run and run.config.dataset != name:
    reason = f"it compares with training images, and those of the run are of {run.config.dataset}, not {name}"
  return References(real, split, name, train, reason, validation=validation)


def build(
  run: Run | None,
  shape: tuple[int, ...],
  reference: Reference | None,
  training: Reference | None = None,
  data_dir: str = "",
) -> References:
  """Returns the real images to compare with.

  Args:
    run: a run; None: images.
    shape: [H, W, C] of the images to evaluate.
    reference: None (the run's own data), the name of a data set, optionally with ":SPLIT", a `Dataset`, or
      images.
    training: images that the generator was trained on; None: those of the run, or of the named data set.
    data_dir: of TFDS, for images; a run has its own.

  Raises:
    InputError: the reference is missing, or does not fit.
  """

  def load(name: str, split: str) -> Dataset:
    if run:
      return given_images.load_as_seen(run, name, split)
    return given_images.load_like(shape, name, split, data_dir)

  if reference is None:
    if not run:
      raise InputError('images need a reference: the name of a data set such as "cifar10:test", or images')
    found = of_run(run)
  elif isinstance(reference, str):
    found = of_name(reference, load, run)
  else:
    real = given_images.dataset(reference, "reference")
    train = load_data(run.config, "train") if run and training is None else None
    found = References(real, GIVEN, "", train, "" if train else NO_TRAINING)
  if training is not None:
    train = load(*given_images.parse(training)) if isinstance(training, str) else training
    found = found._replace(train=given_images.dataset(train, "training"), no_train="", held_out=None)
  for name, data in (("reference", found.real), ("training", found.train)):
    if data and data.image.shape[1:] != shape:
      raise InputError(f"{name} has images of {data.image.shape[1:]}, and those to evaluate are of {shape}")
  return found
