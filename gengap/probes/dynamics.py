"""What happens during training? The same latents at every checkpoint, and when modes are dropped.

`collapse` and `dropping` define when something happens: it counts only if it lasts to the end and the samples
suffice to tell.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from gengap.errors import InputError
from gengap.evaluation.quantities import Better, Quantity
from gengap.metrics import class_coverage, estimate, prdc
from gengap.metrics.coverage import REACHED
from gengap.metrics.estimate import Estimate
from gengap.probes.types import Array, Options, Scores, Subject

SHOWN = 18  # latents in the figure
COLLAPSED = 0.4  # of the diversity of real images
NEIGHBOUR = 5  # k of precision and coverage
LEAST = 8  # images, so that a jackknife keeps at least NEIGHBOUR + 1
QUANTITIES = (
  Quantity(
    "diversity",
    "diversity over that of test images",
    better=Better.REAL,
    meaning=(
      "How different two samples are, over how different two test images are: 1 is as different; "
      "lower means too little variety."
    ),
  ),
  Quantity(
    "precision",
    "precision",
    better=Better.REAL,
    high=1,
    meaning=(
      "The share of samples that look real: their pixels lie within the reach of a real image. Too "
      "low means unreal samples."
    ),
  ),
  Quantity(
    "coverage",
    "coverage",
    better=Better.REAL,
    high=1,
    meaning=(
      "The share of real images that have a sample nearby. Too low means that parts of the data are missing."
    ),
  ),
  Quantity(
    "classes",
    "classes",
    better=Better.HIGH,
    meaning="The number of classes that samples show, as the classifier names them: higher is better.",
  ),
  Quantity(
    "least",
    "smallest share of a class",
    better=Better.HIGH,
    meaning=(
      "The smallest share of a class among the samples, over its share of the data: 0 means that a "
      "class is missing."
    ),
  ),
  Quantity(
    "entropy",
    "entropy of classes",
    "nats",
    Better.HIGH,
    meaning="How evenly samples are spread over the classes: higher is more even.",
  ),
  Quantity(
    "collapse",
    "step from which on diversity has collapsed",
    meaning="The training step from which on samples have too little variety until the end.",
  ),
  Quantity(
    "dropping",
    "step from which on a class is missing",
    meaning="The training step from which on a class that was there is missing until the end.",
  ),
)


class Checkpoint(NamedTuple):
  """The images of one checkpoint, reduced at once so that memory does not grow with the checkpoints."""

  numbers: dict[str, Estimate]  # see score_images and score_classes
  counts: Array | None  # [classes], images of each class as the classifier names them
  images: Array  # [SHOWN, H, W, C] at most


class Measurements(NamedTuple):
  """The checkpoints of a run, and the same numbers of real images."""

  checkpoints: dict[int, Checkpoint]  # by step, ascending
  real: dict[str, Estimate]  # of as many training images
  number: int  # of images of each checkpoint
  class_counts: Array  # [classes], training images of each
  classes: tuple[str, ...]
  classified: bool  # whether a classifier names classes
  notes: tuple[str, ...]


def onset(steps: Sequence[int], states: Sequence[int]) -> Estimate:
  """Returns the first step of a condition that lasts to the end.

  Args:
    steps: of the checkpoints, in order.
    states: of each checkpoint, 1: the condition holds, -1: it does not, 0: too few samples to tell.

  Returns:
    The first checkpoint where the condition holds and after which none denies it. The interval starts at the
    last checkpoint that denies it and ends at this one. NaN if it does not hold at the last checkpoint.
  """
  if not len(states) or states[-1] <= 0:
    return estimate.NONE
  after = max((i + 1 for i, state in enumerate(states) if state < 0), default=0)
  first = next(i for i in range(after, len(states)) if states[i] > 0)
  return Estimate(float(steps[first]), float(steps[max(after - 1, 0)]), float(steps[first]))


def collapse(steps: Sequence[int], diversities: Sequence[Estimate]) -> Estimate:
  """Returns the step from which the interval of the diversity is below COLLAPSED to the end."""
  return onset(steps, [(x.high < COLLAPSED) - (x.low >= COLLAPSED) for x in diversities])


def dropping(steps: Sequence[int], counts: Array, frequencies: Array) -> tuple[Estimate, dict[int, Estimate]]:
  """Returns the step from which a class is missing that was present before, and the step of each such class.

  A class is present if the interval of its share of the samples is above REACHED times its share of the data,
  and missing if it is below. A share of at least REACHED of the data's is called missing by chance in at most
  2.5 % of checkpoints, and a share like the data's hardly ever.

  Args:
    steps: of the checkpoints, in order.
    counts: [steps, classes], samples of each class.
    frequencies: [classes], shares of the data.
  """
  dropped = {}
  for c, wanted in enumerate(REACHED * frequencies):
    low, high = estimate.wilson(counts[:, c], int(counts[0].sum()))
    present, missing = low >= wanted, high < wanted
    lost = missing & (np.cumsum(present) > 0)
    found = onset(steps, lost.astype(int) - present)
    if np.isfinite(found.value):
      dropped[c] = found
  return min(dropped.values(), default=estimate.NONE), dropped


def samples_needed(frequency: float) -> int:
  """Returns how many samples, none of a class with this share of the data, tell that the class is missing."""
  z = stats.norm.ppf(0.5 + estimate.LEVEL / 2)
  return int(z**2 * (1 / (REACHED * frequency) - 1)) + 1


def diversity(images: Array) -> float:
  """Root mean square distance between two of the images [N, H, W, C]."""
  flat = images.reshape(len(images), -1).astype(np.float64)
  return float(np.sqrt(2 * flat.var(0, ddof=1).sum()))


def score_images(images: Array, features: Array, unit: float, real: Array) -> dict[str, Estimate]:
  """Returns the diversity of images [N, H, W, C], and precision and coverage of their features.

  Args:
    images: of one checkpoint.
    features: [N, F], of these.
    unit: the diversity of test images.
    real: [M, F], features of test images.
  """
  found = {"diversity": estimate.jackknife(lambda x: diversity(x) / unit, images)}
  for name in ("precision", "coverage"):
    value = estimate.jackknife(lambda x, of=name: prdc(real, x, NEIGHBOUR)[of], features, groups=5)
    found[name] = value.within(0, 1)
  return found


def score_classes(logits: Array, class_counts: Array) -> dict[str, Estimate]:
  """Returns the classes reached, their least share and their entropy; see `class_coverage`."""
  found = class_coverage(logits, class_counts)
  return {name: Estimate(float(found[name])) for name in ("classes", "least", "entropy")}


def requirements(subject: Subject) -> str:
  """Returns why the probe does not suit the subject; "" where it does."""
  if min(len(subject.test.image), len(subject.train.image)) < LEAST:
    return f"it needs {LEAST} training images and as many test images"
  return (
    "" if np.ptp(subject.test.image, 0).any() else "its unit is the spread of test images: they have none"
  )


def measure(subject: Subject, options: Options) -> Measurements:
  """Generates the same latents at every checkpoint of a run, and before training.

  Raises:
    InputError: there is no checkpoint whose images are finite.
  """
  n, rng = min(max(LEAST, options.number // 2), len(subject.train.image)), options.rng(0)
  z, label = rng.standard_normal((n, subject.latent_dim)), subject.labels(rng, n)
  real, unit = subject.features(subject.test.image), diversity(subject.test.image)
  train = subject.train.image[:n]
  floor = score_images(train, subject.features(train), unit, real)
  checkpoints: dict[int, Checkpoint] = {}
  notes = []
  for step, generate in subject.history():
    try:
      images = generate(z, label)
    except InputError as error:
      notes.append(f"without step {step}: {error}")
      continue
    numbers, counts = score_images(images, subject.features(images), unit, real), None
    if subject.classify and subject.class_counts.min() > 0:
      logits = subject.classify(images)
      numbers |= score_classes(logits, subject.class_counts)
      counts = np.bincount(logits.argmax(1), minlength=len(subject.classes))
    checkpoints[step] = Checkpoint(numbers, counts, images[:SHOWN])
  if not checkpoints:
    raise InputError("; ".join(notes) or "there are no checkpoints")
  classified = subject.classify is not None
  ordered = dict(sorted(checkpoints.items()))
  return Measurements(ordered, floor, n, subject.class_counts, subject.classes, classified, tuple(notes))


def score(measurements: Measurements, options: Options) -> Scores:
  """Scores the course of training.

  Returns: Of each step, and of as many training images (`real`): diversity, the root mean square distance of
    two images over that of test images; precision and coverage of the features, which depend on the number
    of images; of each step also classes reached, their least share and entropy. collapse, the step from
    which the diversity is below 0.4 to the end; dropping, the step from which a class is missing to the end
    that was present before. Both only count what intervals of 95 % tell, are NaN if there is nothing to
    tell, and have the interval of `onset`.
  """
  del options
  checkpoints, n = measurements.checkpoints, measurements.number
  steps, notes = list(checkpoints), list(measurements.notes)
  rows = {"real": measurements.real} | {f"step {step}": found.numbers for step, found in checkpoints.items()}
  numbers = {f"{row}/{name}": value for row, found in rows.items() for name, value in found.items()}
  numbers["collapse"] = collapse(steps, [found.numbers["diversity"] for found in checkpoints.values()])
  detail = {"steps": steps, "images": n}
  counts = [found.counts for found in checkpoints.values() if found.counts is not None]
  if counts:
    frequencies, matrix = measurements.class_counts / measurements.class_counts.sum(), np.stack(counts)
    numbers["dropping"], dropped = dropping(steps, matrix, frequencies)
    detail["shares"] = dict(zip(map(str, steps), (matrix / n / frequencies).tolist(), strict=True))
    detail["dropped"] = {measurements.classes[c]: found.value for c, found in dropped.items()}
    notes += too_few(n, frequencies)
  elif measurements.classified:
    notes.append("no classes through training: one has no training images")
  else:
    notes.append("no classes through training: a classifier has to name them")
  if len(steps) < 4:
    notes.append(
      f"only {len(steps)} steps are there; train with a larger --config.keep_checkpoints to see more"
    )
  return Scores(numbers, detail, tuple(notes))


def too_few(n: int, frequencies: Array) -> list[str]:
  """Returns a note on the classes that n samples cannot tell to be missing; [] if there are none.

  Args:
    n: samples of each checkpoint.
    frequencies: [classes], shares of the data.
  """
  wanted = [samples_needed(share) for share in frequencies]
  if not (hidden := sum(least > n for least in wanted)):
    return []
  return [
    f"dropping: {n} samples cannot tell of {hidden} of {len(wanted)} classes whether they are missing; "
    f"--num_samples={2 * max(wanted)} can"
  ]
