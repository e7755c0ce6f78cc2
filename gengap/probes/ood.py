"""What happens outside of the prior? Latents that no training step drew, and images of other data.

A generator has seen N(0, I) alone. Here it gets latents from other distributions, and from spheres of other
radii than the sqrt(D) about which those of the prior lie. An autoencoder gets images of another data set.
"""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from gengap.evaluation.quantities import Better, Quantity
from gengap.metrics import auroc, estimate, frechet_from_features, sharpness
from gengap.metrics.coverage import SURE, confidence
from gengap.probes import figures
from gengap.probes.interpolation import off_data
from gengap.probes.types import Array, Found, Options, Subject

Draw = Callable[[np.random.Generator, int, int], Array]  # random numbers, N, D -> [N, D]

FREEDOM = 5  # degrees of Student's t


def scaled(by: float) -> Draw:
  """Returns normal latents of another standard deviation."""
  return lambda rng, n, d: by * rng.standard_normal((n, d))


def sphere(radius: float) -> Draw:
  """Returns latents at `radius` times sqrt(D), in every direction alike."""

  def draw(rng: np.random.Generator, n: int, d: int) -> Array:
    z = rng.standard_normal((n, d))
    return radius * np.sqrt(d) * z / np.linalg.norm(z, axis=1, keepdims=True)

  return draw


# All but the exponential, which is of report A as it is there, have mean 0 and, unless scaled, variance 1.
PRIORS: dict[str, Draw] = {
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
  Quantity("frechet", "Frechet distance, squared", better=Better.LOW),
  Quantity("sharpness", "sharpness", better=Better.REAL),
  Quantity("contrast", "contrast", better=Better.REAL),
  Quantity("off_data", "distance to the nearest real image", better=Better.REAL),
  Quantity("unsure", "low-confidence share", better=Better.REAL, high=1),
  Quantity("pixel_error_inside", "reconstruction error"),
  Quantity("pixel_error_outside", "reconstruction error of other data"),
  Quantity("elbo_inside", "median ELBO", "nats", low=-math.inf),
  Quantity("elbo_outside", "median ELBO of other data", "nats", low=-math.inf),
  Quantity("auroc", "AUROC of the ELBO", better=Better.HIGH, high=1),
  Quantity("auroc_error", "AUROC of the reconstruction error", better=Better.HIGH, high=1),
)
SHOWN = 18  # images of a prior in the picture
CURVES = ("frechet", "sharpness", "contrast", "off_data", "unsure")


def score(images: Array, features: Array, named: Array | None, real: Array) -> dict[str, estimate.Estimate]:
  """Returns what images [N, H, W, C] are like, beside the features [M, F] of real ones."""
  distance = estimate.jackknife(lambda fake: frechet_from_features(real, fake), features)
  found = {
    "frechet": distance.within(0, np.inf),
    "sharpness": estimate.median(sharpness(images)),
    "contrast": estimate.median(images.std((1, 2, 3))),
    "off_data": estimate.median(off_data(features, real)),
  }
  if named is not None:
    found["unsure"] = estimate.share(~(confidence(named)[1] >= SURE))
  return found


def abroad(subject: Subject) -> tuple[dict[str, estimate.Estimate], dict[str, Array]]:
  """What an autoencoder says of other images: medians of the ELBO in nats, error of a pixel, and AUROC.

  auroc is how often a test image has a higher ELBO than one of the others; auroc_error the same by the
  reconstruction's error. Beside the numbers come rows of both kinds of images, and of what is made of them.
  """
  assert subject.encode and subject.outside is not None
  sets = {"inside": subject.test.image, "outside": subject.outside}
  found, errors, elbos, rows = {}, {}, {}, {}
  for name, images in sets.items():
    label = np.zeros(len(images), int)
    made = subject.generate(subject.encode(images, label), label)
    rows |= {f"{name}, real": images[:SHOWN], f"{name}, reconstructed": made[:SHOWN]}
    errors[name] = np.mean((made - images) ** 2, (1, 2, 3))
    found[f"pixel_error_{name}"] = estimate.median(errors[name])
    if subject.elbo:
      elbos[name] = np.nan_to_num(subject.elbo(images), nan=-np.inf, neginf=-np.inf, posinf=np.inf)
      found[f"elbo_{name}"] = estimate.median(elbos[name])
  n = min(len(images) for images in sets.values())
  pairs = {"auroc_error": {name: -x for name, x in errors.items()}} | ({"auroc": elbos} if elbos else {})
  for name, by in pairs.items():
    found[name] = estimate.bootstrap(auroc, by["inside"][:n], by["outside"][:n], resamples=200)
  return found, rows


def unfit(subject: Subject) -> str:
  """Returns why the probe cannot be taken; "" where it can."""
  few = min(len(subject.test.image), len(subject.train.image)) < 2
  return "it needs two training images and two test images" if few else ""


def probe(subject: Subject, options: Options) -> Found:
  """Generates from other priors and at other radii.

  Returns: Of each prior, and of each radius in units of sqrt(D): frechet, distance of the features from
    those of the test images; sharpness; contrast, the standard deviation of an image's pixels, near 0 where
    it is blank; off_data, distance to the nearest test image over that of real ones; all three in medians;
    unsure, share of images that the classifier is not sure of. `real` has the same of as many training
    images: the floor. At radius 0 all latents are one, and nothing has an interval. For other images see
    `abroad`.
  """
  n = min(max(2, options.number // 2), len(subject.train.image))
  real = subject.see(subject.test.image)
  priors = PRIORS | {f"radius_{radius:g}": sphere(radius) for radius in RADII}
  images, numbers = {"real": subject.train.image[:n]}, {}
  for i, (name, draw_) in enumerate(priors.items()):
    rng = options.rng(i)
    label = subject.labels(rng, n)
    images[name] = subject.generate(draw_(rng, n, subject.latent_dim), label)
  for name, x in images.items():
    seen = score(x, subject.see(x), subject.name(x) if subject.name else None, real)
    if name == "radius_0":
      seen = {what: estimate.Estimate(value) for what, (value, *_) in seen.items()}
    numbers |= {f"{name}/{what}": value for what, value in seen.items()}
  rows, notes = {name: x[:SHOWN] for name, x in images.items() if not name.startswith("radius")}, []
  if not subject.name:
    notes.append("no share of unsure images: a classifier has to name them")
  if subject.outside is not None and subject.encode and subject.own_encoder:
    told, others = abroad(subject)
    numbers |= {f"images/{what}": value for what, value in told.items()}
    rows |= others
  elif subject.outside is not None:
    notes.append("no images of other data: the model has no encoder of its own")
  return Found(numbers, lambda: draw(rows, numbers), {"images": n, "radii": RADII}, tuple(notes))


def draw(images: dict[str, Array], numbers: dict[str, estimate.Estimate]) -> Figure:
  """Draws some images of every prior and through an autoencoder, and what changes with the radius."""
  curves = [name for name in CURVES if f"normal/{name}" in numbers]
  sheet, places, panels = figures.sheet(len(images), SHOWN, len(curves), "latents from other priors")
  for (name, row), place in zip(images.items(), places, strict=True):
    figures.strip(sheet, place, row, name)
  for panel, name in zip(panels, curves, strict=True):
    seen = [numbers[f"radius_{radius:g}/{name}"] for radius in RADII]
    figures.curves(panel, RADII, {name: seen}, "radius / sqrt(D)", name)
    panel.axvline(1, color="grey", linewidth=0.5)
    panel.axhline(numbers[f"real/{name}"].value, color="grey", linewidth=0.5)
  return sheet
