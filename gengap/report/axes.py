"""What methods are compared by: the axes of the gap, a theme after the other."""

import math
from typing import NamedTuple

REAL, LOW, HIGH = "real", "low", "high"  # which side of an axis is better; "" is neither
CLASSES = "classes"


class Axis(NamedTuple):
  """One number of a run.

  Where real images have a number of their own that samples can reach or pass, theirs is the best one. Of
  distances between distributions the smallest is.
  """

  name: str  # in `Record.scores`
  title: str
  theme: str
  better: str  # REAL: the nearer to what real images have, the better; LOW, HIGH; "": not ranked
  low: float = 0.0  # least possible value
  high: float = math.inf  # greatest possible value
  needs: str = "generates"  # what a method must be able to do: a key of NEEDS
  hint: str = ""  # what a reader must know beside the better side


NEEDS = {
  "generates": "it makes no images",
  "encodes": "it has no encoder of its own",
  "variational": "it has no likelihood",
}


FIDELITY = "Fidelity: do samples look real?"
COVERAGE = "Coverage: is everything there?"
DISTANCE = "Distance: are the distributions alike?"
MEMORY = "Memory: are samples copies?"
BLOBS = "Blobs: measured against their definition"
LATENT = "Latent space"
REACH = "Reconstruction and likelihood"
COST = "Sampling"

COPIES = "not ranked: {} than held-out real images have hints at copies; the other side is no fault of memory"

AXES = (
  Axis("precision", "precision", FIDELITY, REAL, high=1),
  Axis("density", "density", FIDELITY, REAL),
  Axis("sharpness", "sharpness", FIDELITY, REAL),
  Axis("unsure", "low-confidence share", FIDELITY, REAL, high=1),
  Axis("recall", "recall", COVERAGE, REAL, high=1),
  Axis("coverage", "coverage", COVERAGE, REAL, high=1),
  Axis(CLASSES, "classes", COVERAGE, REAL),  # their number is a bound: see `compare.bounds`
  Axis("kl", "class KL (generated || data)", COVERAGE, LOW),
  Axis("diversity", "diversity", COVERAGE, REAL),
  Axis("frechet", "Frechet distance, squared", DISTANCE, LOW, hint="as FID is"),
  Axis("kid", "KID", DISTANCE, LOW, low=-math.inf, hint="a squared distance, unbiased"),
  Axis("inception_score", "Inception Score", DISTANCE, REAL, low=1),
  Axis("nearer_train", "training-set proximity", MEMORY, "", high=1, hint=COPIES.format("more")),
  Axis("authentic", "authentic share", MEMORY, "", high=1, hint=COPIES.format("less")),
  Axis("blobs", "blobs an image", BLOBS, REAL),
  Axis("blobs_std", "spread of blobs an image", BLOBS, REAL),
  Axis("one_blob", "one blob, no streak", BLOBS, REAL, high=1),
  Axis("streaks", "streaks", BLOBS, REAL, high=1),
  Axis("radius", "radius", BLOBS, REAL),
  Axis("radius_std", "spread of the radius", BLOBS, REAL),
  Axis("roundness", "roundness", BLOBS, REAL, high=1),
  Axis("background", "background", BLOBS, REAL, high=1),
  Axis("intensity", "intensity", BLOBS, REAL, high=1),
  Axis("centre_ks", "centres' distance from uniform", BLOBS, REAL, high=1),
  Axis(
    "interpolation/random spherical/abruptness", "largest step of a path over its mean", LATENT, LOW, low=1
  ),
  Axis("interpolation/across spherical/unsure", "low-confidence share between classes", LATENT, REAL, high=1),
  Axis("traversal/effective_dims", "latents with effect", LATENT, ""),
  Axis("latents/linear_probe", "accuracy of a linear probe of codes", LATENT, HIGH, high=1),
  Axis("latents/energy_distance", "energy distance of codes to the prior", LATENT, LOW, low=-math.inf),
  Axis("inversion/test/reached", "inversion residual of test images", REACH, LOW, hint="share of variance"),
  Axis("reconstructions/pixel_error", "reconstruction error", REACH, LOW, needs="encodes"),
  Axis(
    "likelihood/bits_per_dimension of images",
    "bits a dimension of images",
    REACH,
    LOW,
    low=-math.inf,
    needs="variational",
  ),
  Axis(
    "likelihood/bits_per_dimension of bits",
    "bits a dimension of binarised images",
    REACH,
    LOW,
    needs="variational",
  ),
  Axis("posterior/active_units", "active units", REACH, "", needs="variational"),
  Axis("sampling/images_per_second", "images a second", COST, HIGH),
  Axis("sampling/flops_per_image", "operations an image", COST, LOW),
)
THEMES = tuple(dict.fromkeys(axis.theme for axis in AXES))
HINTS = {
  HIGH: "higher is better",
  LOW: "lower is better",
  REAL: "nearer to real images is better",
  "": "",
}


def hint(axis: Axis) -> str:
  """Returns which side of an axis is better, and what else a reader must know."""
  return "; ".join(filter(None, (HINTS[axis.better], axis.hint)))


def axis_of(name: str) -> Axis:
  """Returns an axis by its name."""
  return next(axis for axis in AXES if axis.name == name)
