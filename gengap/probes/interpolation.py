"""Is the latent space continuous? The images along paths between latents.

Paths connect random latents, two latents of one class, and two of different classes; see `latent_paths` for
the choice of their ends.
"""

from typing import NamedTuple

import numpy as np

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import estimate
from gengap.metrics.coverage import confidence
from gengap.probes.latent_paths import Ends, Path, class_ends, linear, random_ends, spherical
from gengap.probes.realism import distance_to_data, low_confidence_share
from gengap.probes.types import Array, Options, Scores, Subject

STEPS = 16  # of a path; even, so that one point is its middle
EPSILON = 1e-4  # of the difference quotient that gives a speed


def on_paths(where: str, kind: str, depends: frozenset[Depends]) -> tuple[Quantity, ...]:
  """Declares the numbers of paths of a kind."""
  quantities = (
    Quantity(
      "squared_speed",
      f"squared speed{where}",
      meaning="How fast the features change along a path between two latents: lower is a smoother path.",
    ),
    Quantity(
      "detour",
      f"length of a path over the distance of its ends{where}",
      low=1,
      meaning="How much longer a path is in features than the straight line between its ends: 1 is straight.",
    ),
    Quantity(
      "abruptness",
      f"largest step of a path over its mean{where}",
      better=Better.LOW,
      low=1,
      meaning=(
        "Whether images change evenly along a path between two latents: the largest of 16 steps over "
        "the mean step. 1 is perfectly smooth, 16 is a single jump, and lower is better."
      ),
    ),
    Quantity(
      "off_data",
      f"distance to real images{where}",
      meaning=(
        "How far the middle of a path is from the nearest real image, in units of the distance between "
        "real neighbours: higher means unreal images on the way."
      ),
    ),
    Quantity(
      "off_data_ends",
      f"distance to real images at the ends{where}",
      meaning=(
        "How far the ends of a path are from the nearest real image, in the same units: what the "
        "middle is compared with."
      ),
    ),
    Quantity(
      "unsure",
      f"low-confidence share{where}",
      better=Better.REAL,
      high=1,
      meaning=(
        "The share of images at the middle of a path of which the classifier gives no class a "
        "probability of one half. Higher than real images means unclear images on the way."
      ),
    ),
    Quantity(
      "elsewhere",
      f"share of a third class{where}",
      high=1,
      meaning="The share of paths whose middle shows another class than both ends.",
    ),
  )
  return tuple(quantity._replace(depends=depends, rows=(kind,)) for quantity in quantities)


QUANTITIES = (
  *on_paths("", "random", frozenset()),
  *on_paths(" within a class", "within", frozenset({Depends.ENDS})),
  *on_paths(" between classes", "across", frozenset({Depends.ENDS})),
  Quantity(
    "unsure",
    "low-confidence share of real images",
    high=1,
    rows=("real",),
    meaning="The share of real images of which the classifier gives no class a probability of one half.",
  ),
)


class PathMeasurements(NamedTuple):
  """Images along P paths of one kind, at STEPS + 1 points each."""

  images: Array  # [P, STEPS + 1, H, W, C]
  features: Array  # [P, STEPS + 1, F]
  logits: Array | None  # [P, STEPS + 1, classes]
  nearby: Array  # [P, 2, F], features at a random t and at t + EPSILON
  distance: Array  # [P, STEPS + 1], see distance_to_data
  ends: Ends


class Measurements(NamedTuple):
  """Images along all paths."""

  paths: dict[str, PathMeasurements]  # "random linear", "across spherical", ...
  test_logits: Array | None  # [N, classes], of test images
  number: int  # of paths of each kind
  origin: str  # of the ends
  classes: tuple[str, ...]
  conditional: bool
  notes: tuple[str, ...]


def step_lengths(features: Array) -> Array:
  """Distances of consecutive points on paths: [P, T + 1, F] -> [P, T]."""
  return np.linalg.norm(np.diff(np.asarray(features, np.float64), axis=1), axis=2)


def largest_over_mean_step(lengths: Array) -> Array:
  """Longest step of each path over its mean step: [P, T] -> [P]; 1: equal steps, T: a jump, NaN: no step."""
  total = lengths.mean(1)
  return np.where(total > 0, lengths.max(1) / np.where(total > 0, total, 1), np.nan)


def relative_length(features: Array) -> Array:
  """Length of each path over the distance of its ends: [P, T + 1, F] -> [P]; 1: straight, NaN: equal ends."""
  features = np.asarray(features, np.float64)
  across = np.linalg.norm(features[:, -1] - features[:, 0], axis=1)
  return np.where(across > 0, step_lengths(features).sum(1) / np.where(across > 0, across, 1), np.nan)


def squared_speed(nearby: Array, epsilon: float) -> Array:
  """|f(t + e) - f(t)|^2 / e^2 of the features f at t and t + e: [P, 2, F] -> [P].

  The form is that of the perceptual path length (Karras et al. 2019, arXiv:1812.04948, equations 2 and 3).
  The number differs: the distance is Euclidean in the features instead of LPIPS, and spherical paths keep the
  lengths of their ends. It is not comparable with published path lengths.
  """
  here, there = nearby[:, 0], nearby[:, 1]
  return np.sum((np.asarray(there, np.float64) - here) ** 2, 1) / epsilon**2


def requirements(subject: Subject) -> str:
  """Returns why the probe does not suit the subject; "" where it does."""
  return "it needs two test images" if len(subject.test.image) < 2 else ""


def measure(subject: Subject, options: Options) -> Measurements:
  """Generates the images along paths of every kind."""
  number = max(2, options.number // 10)
  real = subject.features(subject.test.image)
  kinds: dict[str, Ends | str] = {"random": random_ends(subject, options, number)}
  if len(subject.classes) > 1:
    kinds |= class_ends(subject, options, number)
  paths, notes = {}, []
  for i, (kind, ends) in enumerate(kinds.items()):
    if isinstance(ends, str):
      notes.append(ends)
      continue
    one_latent = kind == "across" and subject.conditional  # linear and spherical paths are then the same
    for path in (linear,) if one_latent else (linear, spherical):
      paths[f"{kind} {path.__name__}"] = measure_paths(subject, ends, path, options.rng(3, i), real)
  found_by = "classes that are asked for" if subject.conditional else "a classifier"
  coded = subject.own_encoder and not subject.conditional
  return Measurements(
    paths,
    subject.classify(subject.test.image) if subject.classify else None,
    number,
    "codes of test images" if coded else f"draws of {found_by}",
    subject.classes,
    subject.conditional,
    tuple(notes),
  )


def measure_paths(
  subject: Subject, ends: Ends, path: Path, rng: np.random.Generator, real: Array
) -> PathMeasurements:
  """Generates the images along paths of one kind; the shares of the classes change linearly.

  Args:
    subject: the model.
    ends: of the paths.
    path: `linear` or `spherical`.
    rng: random numbers for the points of `nearby`.
    real: [N, F], features of test images.
  """
  p, one_hot = len(ends.a), np.eye(len(subject.classes))

  def look(t: Array) -> tuple[Array, Array]:
    """Returns the images and features at t."""
    z, shares = path(ends.a, ends.b, t), linear(one_hot[ends.from_class], one_hot[ends.to_class], t)
    images = subject.generate(*(x.reshape(-1, x.shape[2]) for x in (z, shares)))
    features = subject.features(images)
    return images.reshape(p, -1, *images.shape[1:]), features.reshape(p, z.shape[1], -1)

  images, features = look(np.linspace(0, 1, STEPS + 1))
  t = rng.uniform(0, 1 - EPSILON, (p, 1))
  _, nearby = look(np.concatenate([t, t + EPSILON], 1))
  flat = images.reshape(-1, *images.shape[2:])
  logits = subject.classify(flat).reshape(p, STEPS + 1, -1) if subject.classify else None
  distance = distance_to_data(features.reshape(len(flat), -1), real).reshape(p, -1)
  return PathMeasurements(images, features, logits, nearby, distance, ends)


def score(measurements: Measurements, options: Options) -> Scores:
  """Scores paths of every kind.

  Returns: Of each kind: squared_speed, the mean of `squared_speed` with e = 1e-4; detour, the median of
    `relative_length`; abruptness, the mean of `largest_over_mean_step`, of 16 steps; off_data, the median of
    `distance_to_data` at the middle, and off_data_ends, the same at the ends; unsure, the share of middles
    that the classifier has low confidence of; elsewhere, the share of middles that have neither end's class.
    Intervals are over paths. real/unsure: the low-confidence share of test images.
  """
  del options
  logits = measurements.test_logits
  numbers = {} if logits is None else {"real/unsure": low_confidence_share(logits)}
  for kind, measured in measurements.paths.items():
    numbers |= {f"{kind}/{name}": value for name, value in score_paths(measured).items()}
  detail = {
    "steps": STEPS,
    "epsilon": EPSILON,
    "paths": measurements.number,
    "ends": measurements.origin,
  }
  return Scores(numbers, detail, measurements.notes)


def score_paths(measured: PathMeasurements) -> dict[str, estimate.Estimate]:
  """Returns the numbers of paths of one kind; see `score`."""
  middle = STEPS // 2
  found = {
    "squared_speed": estimate.mean(squared_speed(measured.nearby, EPSILON)),
    "detour": estimate.median(relative_length(measured.features)),
    "abruptness": estimate.mean(largest_over_mean_step(step_lengths(measured.features))),
    "off_data": estimate.median(measured.distance[:, middle]),
    "off_data_ends": estimate.bootstrap(np.median, measured.distance[:, [0, -1]]),
  }
  if measured.logits is not None:
    label, _ = confidence(measured.logits)
    found["unsure"] = low_confidence_share(measured.logits[:, middle])
    found["elsewhere"] = estimate.share(
      (label[:, middle] != label[:, 0]) & (label[:, middle] != label[:, -1])
    )
  return found
