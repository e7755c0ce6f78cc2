"""What happens outside of the prior? Latents that training never drew, and images of another data set.

Training draws latents from N(0, I) only. Here the generator gets latents from other distributions, and from
spheres whose radii differ from sqrt(D), around which the prior concentrates. An autoencoder gets images of
another data set.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gengap.evaluation import autoencoder_quantities, content_quantities
from gengap.evaluation.quantities import Better, Quantity
from gengap.metrics import auroc, estimate, frechet_from_features, sharpness
from gengap.probes.realism import distance_to_data, low_confidence_share
from gengap.probes.types import Array, Options, Scores, Subject

Sampler = Callable[[np.random.Generator, int, int], Array]  # random numbers, N, D -> [N, D]

FREEDOM = 5  # degrees of Student's t


def scaled(by: float) -> Sampler:
  """Returns a sampler of N(0, by^2 I)."""
  return lambda rng, n, d: by * rng.standard_normal((n, d))


def sphere(radius: float) -> Sampler:
  """Returns a uniform sampler of the sphere of radius `radius` times sqrt(D)."""

  def sample(rng: np.random.Generator, n: int, d: int) -> Array:
    z = rng.standard_normal((n, d))
    return radius * np.sqrt(d) * z / np.linalg.norm(z, axis=1, keepdims=True)

  return sample


# All have mean 0 and, unless scaled, variance 1. The exponential is the exception, as report A defines it.
PRIORS: dict[str, Sampler] = {
  "normal": scaled(1.0),
  "exponential": lambda rng, n, d: rng.exponential(size=(n, d)),
  "uniform": lambda rng, n, d: rng.uniform(-np.sqrt(3), np.sqrt(3), (n, d)),
  "laplace": lambda rng, n, d: rng.laplace(0, np.sqrt(0.5), (n, d)),
  "student_t": lambda rng, n, d: rng.standard_t(FREEDOM, (n, d)) * np.sqrt((FREEDOM - 2) / FREEDOM),
  "normal_0.5": scaled(0.5),
  "normal_1.5": scaled(1.5),
  "normal_2": scaled(2.0),
}
RADII = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
QUANTITIES = (
  Quantity(
    "frechet",
    "Frechet distance, squared",
    better=Better.LOW,
    meaning=(
      "The squared Frechet distance of images from real ones, if latents are drawn from another "
      "distribution than in training: lower is better."
    ),
  ),
  *content_quantities.QUANTITIES["sharpness"],
  Quantity(
    "contrast",
    "contrast",
    better=Better.REAL,
    meaning=(
      "How much the pixels of an image vary: their standard deviation. Lower than real images is flat."
    ),
  ),
  Quantity(
    "off_data",
    "distance to the nearest real image",
    better=Better.REAL,
    meaning=(
      "How far images are from the nearest real image, in units of the distance between real "
      "neighbours: higher means unreal images."
    ),
  ),
  Quantity(
    "unsure",
    "low-confidence share",
    better=Better.REAL,
    high=1,
    meaning=(
      "The share of images of which the classifier gives no class a probability of one half. Higher "
      "than real images means unclear images."
    ),
  ),
  *autoencoder_quantities.BLOCKS["outside"].quantities,
  Quantity(
    "auroc_error",
    "AUROC of the reconstruction error",
    better=Better.HIGH,
    high=1,
    meaning=(
      "How well the reconstruction error tells test images from images of another data set: 0.5 is "
      "chance, and higher is better."
    ),
  ),
)


class Images(NamedTuple):
  """Images with their features and, if there is a classifier, their logits."""

  image: Array  # [N, H, W, C]
  features: Array  # [N, F]
  logits: Array | None  # [N, classes]


class Reconstructions(NamedTuple):
  """Images through an autoencoder."""

  image: Array  # [N, H, W, C]
  reconstructed: Array  # [N, H, W, C]
  elbo: Array | None  # [N] nats


class Measurements(NamedTuple):
  """Images from every prior and radius, and images of other data through an autoencoder."""

  images: dict[str, Images]  # "real" (training images), priors, "radius_..."
  test_features: Array  # [M, F]
  reconstructions: dict[str, Reconstructions]  # "inside" and "outside"; {} without an encoder
  notes: tuple[str, ...]


def requirements(subject: Subject) -> str:
  """Returns why the probe does not suit the subject; "" where it does."""
  few = min(len(subject.test.image), len(subject.train.image)) < 2
  return "it needs two training images and two test images" if few else ""


def measure(subject: Subject, options: Options) -> Measurements:
  """Generates from every prior and radius, and reconstructs images of other data."""
  n = min(max(2, options.number // 2), len(subject.train.image))
  samplers = PRIORS | {f"radius_{radius:g}": sphere(radius) for radius in RADII}
  images = {"real": subject.train.image[:n]}
  for i, (name, sample) in enumerate(samplers.items()):
    rng = options.rng(i)
    label = subject.labels(rng, n)
    images[name] = subject.generate(sample(rng, n, subject.latent_dim), label)
  measured = {
    name: Images(x, subject.features(x), subject.classify(x) if subject.classify else None)
    for name, x in images.items()
  }
  reconstructions, notes = {}, []
  if not subject.classify:
    notes.append("no share of unsure images: a classifier has to name them")
  if subject.outside is not None and subject.encode and subject.own_encoder:
    sets = {"inside": subject.test.image, "outside": subject.outside}
    reconstructions = {name: reconstruct(subject, x) for name, x in sets.items()}
  elif subject.outside is not None:
    notes.append("no images of other data: the model has no encoder of its own")
  return Measurements(measured, subject.features(subject.test.image), reconstructions, tuple(notes))


def reconstruct(subject: Subject, images: Array) -> Reconstructions:
  """Encodes and decodes images [N, H, W, C]."""
  assert subject.encode
  label = np.zeros(len(images), int)
  reconstructed = subject.generate(subject.encode(images, label), label)
  return Reconstructions(images, reconstructed, subject.elbo(images) if subject.elbo else None)


def score(measurements: Measurements, options: Options) -> Scores:
  """Scores images from every prior and radius.

  Returns: Of each prior, and of each radius in units of sqrt(D): frechet, the distance of the features from
    those of test images; the medians of sharpness, of contrast, the standard deviation of an image's pixels,
    which is near 0 for a blank image, and of off_data, `distance_to_data`; unsure, the share of images that
    the classifier has low confidence of. `real` has the same numbers of as many training images: the floor.
    At radius 0 all latents are equal, so its numbers have no interval. For images of other data see
    `score_reconstructions`.
  """
  del options
  numbers = {}
  for name, images in measurements.images.items():
    found = score_images(images, measurements.test_features)
    if name == "radius_0":
      found = {key: estimate.Estimate(value) for key, (value, *_) in found.items()}
    numbers |= {f"{name}/{key}": value for key, value in found.items()}
  if measurements.reconstructions:
    found = score_reconstructions(**measurements.reconstructions)
    numbers |= {f"images/{key}": value for key, value in found.items()}
  number = len(measurements.images["real"].image)
  return Scores(numbers, {"images": number, "radii": RADII}, measurements.notes)


def score_images(images: Images, real: Array) -> dict[str, estimate.Estimate]:
  """Scores generated images against the features [M, F] of real ones."""
  distance = estimate.jackknife(lambda fake: frechet_from_features(real, fake), images.features)
  found = {
    "frechet": distance.within(0, np.inf),
    "sharpness": estimate.median(sharpness(images.image)),
    "contrast": estimate.median(images.image.std((1, 2, 3))),
    "off_data": estimate.median(distance_to_data(images.features, real)),
  }
  if images.logits is not None:
    found["unsure"] = low_confidence_share(images.logits)
  return found


def score_reconstructions(inside: Reconstructions, outside: Reconstructions) -> dict[str, estimate.Estimate]:
  """Scores how well an autoencoder separates test images from images of another data set.

  Returns: pixel_error_... and elbo_..., the medians of the squared error of a pixel and of the ELBO in nats;
    auroc, how often a test image has a higher ELBO than an image of the other data set; auroc_error, how
    often it has a lower reconstruction error.
  """
  found, errors, elbos = {}, {}, {}
  for name, images in (("inside", inside), ("outside", outside)):
    errors[name] = np.mean((images.reconstructed - images.image) ** 2, (1, 2, 3))
    found[f"pixel_error_{name}"] = estimate.median(errors[name])
    if images.elbo is not None:
      elbos[name] = np.nan_to_num(images.elbo, nan=-np.inf, neginf=-np.inf, posinf=np.inf)
      found[f"elbo_{name}"] = estimate.median(elbos[name])
  n = min(len(inside.image), len(outside.image))
  pairs = {"auroc_error": {name: -x for name, x in errors.items()}} | ({"auroc": elbos} if elbos else {})
  for name, by in pairs.items():
    found[name] = estimate.bootstrap(auroc, by["inside"][:n], by["outside"][:n], resamples=200)
  return found
