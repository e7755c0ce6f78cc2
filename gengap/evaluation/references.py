"""The real images that samples are compared with, and those that take the place of samples for the floors."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gengap import data
from gengap.data import Dataset
from gengap.data.image_sets import ImageSet, Shape
from gengap.data.subset import stratified
from gengap.errors import InputError
from gengap.evaluation import images as given_images
from gengap.evaluation.options import Options
from gengap.evaluation.quantities import Depends
from gengap.evaluation.sample_metrics import METRICS
from gengap.evaluation.saved_statistics import SavedStatistics
from gengap.evaluation.sources import Named, Source
from gengap.run import Run
from gengap.training.program import load_data

GIVEN = "given"  # the split of images that a caller gives
OTHERS = "floor reference"  # images of a given reference that samples are not compared with
HALF = "floor half of the reference"  # one half of a given reference, compared with the other half
NO_TRAINING = "it compares with training images: give them as --training=IMAGES"
OF_STATISTICS = "the reference is saved statistics, which give the Frechet distance alone"
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
  name: str = ""  # of the reference: data set or path, as it was given
  statistics: SavedStatistics | None = None  # of real images that are not there; `real` stands in for them
  # how given images were changed: "resized" or "channels" -> "generated", "reference", "training" -> in words
  changes: Mapping[str, Mapping[str, str]] = {}

  def with_changes(self, images: ImageSet, name: str) -> "References":
    """Returns the same with how images are changed."""
    changes = {what: dict(of) for what, of in self.changes.items()}
    for what, how in images.changes.items():
      changes.setdefault(what, {})[name] = how
    return self._replace(changes=changes)

  def record(self, shape: Shape) -> dict[str, Any]:
    """Returns what a record of images says of the reference.

    Args:
      shape: [H, W, C] of all images.
    """
    size = shape[0] if shape[0] == shape[1] else list(shape[:2])
    return {"dataset": self.name, "split": self.split, "image_size": size, "channels": shape[2]}

  def notes(self, data_dir: str | None = None) -> Iterator[str]:
    """Yields how real images are changed, and what of given ones was left out.

    Args:
      data_dir: of TFDS, to look the size of a named data set up; None: that is not of interest.
    """
    if self.dataset and not self.statistics and data_dir is not None:
      size, used = data.find(self.dataset, data_dir).size, self.real.image.shape[1:3]
      if size and size != used:
        yield f"{self.dataset} is resized ({given_images.HOW}): {size[0]}x{size[1]} to {used[0]}x{used[1]}"
    for name, source in (("reference", self.real), ("training", self.train)):
      if source and isinstance(source.image, ImageSet):
        yield from given_images.notes(source.image, name)

  def chosen(self, number: int) -> dict[str, tuple[Dataset, np.ndarray]]:
    """Chooses the images of each set, at most `number` each; classes keep their shares (`stratified`).

    Returns:
      set -> data and indices of its images. The sets are "real" and "train", which samples are compared
      with, and "floor SPLIT", whose images take the place of samples.
    """
    sets = {} if self.statistics else {"real": (self.real, stratified(self.real.label, number, 0))}
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
    if self.floor_set(False, number) == OTHERS:
      others = np.setdiff1d(np.arange(len(self.real.image)), sets["real"][1])
      sets[OTHERS] = self.real, others[stratified(self.real.label[others], number, 2)]
    return sets

  def floor_set(self, of_classifier: bool, number: int) -> str | None:
    """Returns the set whose images a floor is of; None if there are none.

    Without training images, the floors of a given reference are from itself: from images that samples are not
    compared with if there are `number` of them, else from one half beside the other half.

    Args:
      of_classifier: whether the number depends on a network that was trained on the training images.
      number: of samples.
    """
    if self.validation and of_classifier:
      return "floor validation"
    if self.held_out:
      return f"floor {self.held_out[0]}"
    if self.train:
      return "floor train"
    if self.split != GIVEN or self.statistics:
      return None
    return OTHERS if len(self.real.image) >= 2 * number else HALF

  def sizes(self, number: int) -> "Sizes":
    """Returns how many images are compared with `number` samples."""
    real = number if self.statistics else min(number, len(self.real.image))
    return Sizes(number, real, min(real, len(self.train.image) // 2) if self.train else 0)

  def missing(self, name: str) -> str:
    """Returns which real images a metric needs that are not there; "" if it lacks none."""
    metric = METRICS[name]
    if self.statistics and Depends.REAL in metric.sets and not metric.needs <= {"moments"}:
      return OF_STATISTICS
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


def of_name(named: Named, load: Callable[[Named], Dataset], run: Run | None) -> References:
  """Returns the references that "DATASET" or "DATASET:SPLIT" names.

  Args:
    named: the data set and its split.
    load: reads a split.
    run: to evaluate; None: images, whose generator is assumed to be trained on this data set.

  Raises:
    InputError: the data are missing.
  """
  name, split = named
  train, real, validation = load(Named(name, "train")), load(named), None
  if split != "validation" and (not run or run.config.validation_share):  # with 0 it is the test split
    validation = load(Named(name, "validation"))
  if split == "train":
    test = ("test", load(Named(name, "test")))
    return References(real, split, name, None, OF_TRAINING, held_out=test, validation=validation, name=name)
  reason = ""
  if run and run.config.dataset != name:
    reason = f"it compares with training images, and those of the run are of {run.config.dataset}, not {name}"
  return References(real, split, name, train, reason, validation=validation, name=name)


def of_statistics(found: SavedStatistics, shape: Shape) -> References:
  """Returns references of which only statistics are known; their images are black, of the right shape."""
  none = Dataset(np.zeros((2, *shape), np.uint8), np.zeros(2, np.int32), (), {})
  dataset, split = found.protocol.get("dataset", ""), found.protocol.get("split", GIVEN)
  return References(none, split, dataset, None, NO_TRAINING, name=found.source, statistics=found)


def build(
  run: Run | None,
  shape: Shape,
  reference: Source | None,
  training: Source | None = None,
  options: Options | None = None,
) -> References:
  """Returns the real images to compare with, brought to the shape of the images to evaluate.

  Args:
    run: a run; None: images.
    shape: [H, W, C] of the images to evaluate.
    reference: None: the run's own data.
    training: images that the generator was trained on; None: those of the run, or of the named data set.
    options: of the evaluation; `data_dir` is for images, a run has its own.

  Raises:
    InputError: the reference is missing, or does not fit.
  """
  options = options or Options()

  def load(source: Named) -> Dataset:
    if run:
      return given_images.load_as_seen(run, *source)
    return given_images.load_like(shape, *source, options.data_dir)

  def fitted(source: Dataset, name: str) -> Dataset:
    assert isinstance(source.image, ImageSet)
    return source._replace(image=given_images.fitted(source.image, shape, name, bool(options.channels)))

  if reference is None:
    assert run
    found = of_run(run)
  elif isinstance(reference, Named):
    found = of_name(reference, load, run)
  elif isinstance(reference, SavedStatistics):
    found = of_statistics(reference, shape)
  else:
    real, train = fitted(reference, "--reference"), None
    if run and training is None:
      train = load_data(run.config, "train")
    name = real.image.source if isinstance(real.image, ImageSet) else ""
    found = References(real, GIVEN, "", train, "" if train else NO_TRAINING, name=name)
  if isinstance(training, SavedStatistics):
    raise InputError("--training is saved statistics; training images are needed, or leave the flag out")
  if training is not None:
    train = load(training) if isinstance(training, Named) else fitted(training, "--training")
    found = found._replace(train=train, no_train="", held_out=None)
  for name, used in (("reference", found.real), ("training", found.train)):
    if used and isinstance(used.image, ImageSet):
      found = found.with_changes(used.image, name)
  return found
