"""Where are the classes, and do the codes follow the prior? Codes of test images.

The encoder is the model's own, or one that was fitted to its frozen generator.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import aggregate, estimate
from gengap.probes.types import Array, Options, Scores, Subject

NEIGHBOURS = 5
PERMUTATIONS = 500
LEAST = 8  # test images
BY_ENCODER = frozenset({Depends.ENCODER})
HIGH = Better.HIGH
QUANTITIES = (
  Quantity(
    "linear_probe",
    "accuracy of a linear probe of codes",
    better=HIGH,
    high=1,
    depends=BY_ENCODER,
    meaning=(
      "How often a linear classifier names the class of a test image by its code: higher means that "
      "codes separate the classes better."
    ),
  ),
  Quantity(
    "knn",
    "accuracy of nearest neighbours of codes",
    better=HIGH,
    high=1,
    depends=BY_ENCODER,
    meaning=(
      "How often the nearest codes name the class of a test image: higher means that codes of a "
      "class are closer together."
    ),
  ),
  Quantity(
    "chance",
    "accuracy of the most frequent class",
    high=1,
    depends=BY_ENCODER,
    meaning=(
      "How often one is right who always names the most frequent class: what the other accuracies "
      "must exceed."
    ),
  ),
  Quantity(
    "silhouette",
    "silhouette of codes",
    better=HIGH,
    low=-1,
    high=1,
    depends=BY_ENCODER,
    meaning=(
      "How far codes of one class are from those of other classes, from -1 to 1: higher means clearer groups."
    ),
  ),
  Quantity(
    "kl",
    "KL to the prior",
    "nats",
    depends=BY_ENCODER,
    meaning=(
      "How many nats a code tells about its image: the divergence of the encoder's distribution from "
      "the prior."
    ),
  ),
  Quantity(
    "active_units",
    "active units",
    depends=BY_ENCODER,
    meaning=(
      "The number of latents whose mean code varies between images: latents that are not active "
      "carry nothing."
    ),
  ),
  Quantity(
    "variance",
    "variance of codes",
    depends=BY_ENCODER,
    meaning="The mean variance of a latent over the codes of images: the prior has 1.",
  ),
  Quantity(
    "mean_norm",
    "norm of the mean code",
    depends=BY_ENCODER,
    meaning="How far the mean of all codes is from the origin: the prior's mean is at the origin.",
  ),
  Quantity(
    "mean_norm_prior",
    "norm of the mean of draws of the prior",
    depends=BY_ENCODER,
    meaning="How far the mean of as many draws of the prior is from the origin: what chance alone gives.",
  ),
  Quantity(
    "energy_distance",
    "energy distance of codes to the prior",
    better=Better.LOW,
    low=-math.inf,
    depends=BY_ENCODER,
    meaning=(
      "How far the codes of images are from the prior that samples are drawn from: 0 is no "
      "difference, and lower is better."
    ),
  ),
  Quantity(
    "p_value",
    "p of codes being draws of the prior",
    high=1,
    depends=BY_ENCODER,
    meaning=(
      "How probable such a distance of codes from the prior is if the codes were draws of the prior: "
      "small values say that they are not."
    ),
  ),
)
ACTIVE = 0.01  # variance of its mean over the data above which a unit is active (Burda et al. 2016)


class Measurements(NamedTuple):
  """Codes of N test images."""

  code: Array  # [N, D]
  sampled: Array  # [N, D], draws of q(z | x); the codes where there is no q(z | x)
  label: Array  # [N]
  posterior: tuple[Array, Array] | None  # means and KLs [N, D] of a Gaussian q(z | x)
  density: bool  # whether there is a q(z | x)
  classes: tuple[str, ...]
  encoder: str


def requirements(subject: Subject) -> str:
  """Returns why the probe does not suit the subject; "" where it does."""
  if not subject.encode:
    return "it needs an encoder; --encoder_steps=1000 fits one"
  return f"it needs {LEAST} test images" if len(subject.test.image) < LEAST else ""


def measure(subject: Subject, options: Options) -> Measurements:
  """Encodes test images."""
  del options
  assert subject.encode
  image, label = subject.test
  code = subject.encode(image, label)
  return Measurements(
    code,
    subject.sample_codes(image) if subject.sample_codes else code,
    label,
    subject.posterior(image) if subject.posterior else None,
    subject.sample_codes is not None,
    subject.classes,
    subject.encoder,
  )


def score(measurements: Measurements, options: Options) -> Scores:
  """Scores codes by class, and the aggregate posterior against the prior.

  Returns: See `separation`. Of a VAE, kl in nats and active_units. Of every model, variance of the codes, the
    norm of their mean (mean_norm; mean_norm_prior is that of as many draws of the prior), energy distance and
    p_value of a two-sample test against the prior.
  """
  code, sampled, rng = measurements.code, measurements.sampled, options.rng(0)
  numbers, detail, notes = {}, {"images": len(code), "encoder": measurements.encoder}, []
  if len(np.unique(measurements.label)) > 1:
    numbers |= separation(code, measurements.label)
    if "knn" not in numbers:
      notes.append(
        "no linear probe and no neighbours: half of the images, which teach them, are of one class"
      )
  else:
    notes.append("no separation of classes: the data have one")
  if measurements.posterior:
    mean, kl = measurements.posterior
    numbers["kl"] = estimate.mean(kl.sum(1))
    numbers["active_units"] = estimate.bootstrap(active_units, mean, resamples=200)
    detail["kl_per_unit"] = kl.mean(0).round(4).tolist()
  elif measurements.density:
    notes.append("no KL of each latent: q(z | x) is no Gaussian")
  prior = rng.standard_normal(sampled.shape)
  numbers["variance"] = estimate.jackknife(lambda x: x.var(0, ddof=1).mean(), sampled)
  for name, z in (("mean_norm", sampled), ("mean_norm_prior", prior)):
    numbers[name] = estimate.jackknife(lambda x: np.linalg.norm(x.mean(0)), z).within(0, np.inf)
  energy, p = two_sample(sampled, prior, rng)
  numbers |= {"energy_distance": estimate.Estimate(energy), "p_value": estimate.Estimate(p)}
  if len(sampled) > sampled.shape[1]:
    detail["aggregate"] = moments = aggregate(sampled)
    if np.isinf(moments["kl"]):
      notes.append("the KL of the aggregate posterior is infinite: the covariance of the codes is singular")
  return Scores(numbers, detail, tuple(notes))


def separation(z: Array, label: Array) -> dict[str, estimate.Estimate]:
  """Scores how far classes [N] are apart among codes [N, D], which are in random order.

  Returns: linear_probe and knn, the accuracies of a logistic regression and of 5 nearest neighbours, fitted
    to half of the codes and tested on the other half; chance, the accuracy of always predicting the most
    frequent class of the latter; silhouette.
  """
  half, found = len(z) // 2, {}
  fit, test = (z[:half], label[:half]), (z[half:], label[half:])
  models = {}
  if len(np.unique(fit[1])) > 1:
    models = {
      "linear_probe": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
      "knn": KNeighborsClassifier(min(NEIGHBOURS, half)),
    }
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of fits that stop early: the accuracy is reported as it is
    for name, model in models.items():
      found[name] = estimate.share(model.fit(*fit).predict(test[0]) == test[1])
  found["chance"] = estimate.Estimate(float(np.bincount(test[1]).max() / len(test[1])))
  found["silhouette"] = estimate.jackknife(silhouette, z, label)
  return found


def silhouette(z: Array, label: Array) -> float:
  """Mean silhouette of codes [N, D]; NaN if there are as many classes as codes, or one."""
  return float(silhouette_score(z, label)) if 1 < len(np.unique(label)) < len(z) else np.nan


def active_units(mean: Array) -> float:
  """Units whose mean varies over images [N, D] by more than 0.01 (Burda et al. 2016); NaN of one image."""
  return float((mean.var(0, ddof=1) > ACTIVE).sum()) if len(mean) > 1 else np.nan


def two_sample(x: Array, y: Array, rng: np.random.Generator) -> tuple[float, float]:
  """Returns the energy distance of samples [N, D] and [M, D], and the p value of a permutation test.

  2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely and Rizzo 2013).
  """
  n, both = len(x), np.concatenate([x, y])
  distance = cdist(both, both)

  def energy(first: Array) -> float:
    """Returns the distance; `first` [N + M] marks the first sample."""
    a, b = first / n, (1 - first) / (len(both) - n)
    within = a @ distance @ a * n / (n - 1) + b @ distance @ b * (len(both) - n) / (len(both) - n - 1)
    return float(2 * a @ distance @ b - within)

  member = (np.arange(len(both)) < n).astype(float)
  observed = energy(member)
  permuted = [energy(rng.permutation(member)) for _ in range(PERMUTATIONS)]
  return observed, (1 + sum(value >= observed for value in permuted)) / (1 + PERMUTATIONS)
