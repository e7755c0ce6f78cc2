"""What methods are compared by: the axes of the gap, a theme after the other."""

from typing import NamedTuple


class Axis(NamedTuple):
  """One number of a run."""

  name: str  # in `Record.scores`
  title: str
  theme: str
  better: str  # "high", "low", or "real": the nearer to what real images have, the better; "" is neither
  needs: str = "generates"  # what a method must be able to do: a key of NEEDS
  refuses: bool = True  # whether runs with numbers of different protocols are refused, or have none


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

AXES = (
  Axis("precision", "precision", FIDELITY, "high"),
  Axis("density", "density", FIDELITY, "high"),
  Axis("sharpness", "sharpness", FIDELITY, "real"),
  Axis("unsure", "unsure share", FIDELITY, "low"),
  Axis("recall", "recall", COVERAGE, "high"),
  Axis("coverage", "coverage", COVERAGE, "high"),
  Axis("classes", "classes", COVERAGE, "high"),
  Axis("kl", "KL of classes", COVERAGE, "low"),
  Axis("diversity", "diversity", COVERAGE, "real"),
  Axis("frechet", "Frechet distance", DISTANCE, "low"),
  Axis("kid", "KID", DISTANCE, "low"),
  Axis("inception_score", "Inception Score", DISTANCE, "high"),
  Axis("nearer_train", "nearer to training images", MEMORY, "real"),
  Axis("authentic", "authentic share", MEMORY, "real"),
  Axis("blobs", "blobs an image", BLOBS, "real"),
  Axis("blobs_std", "their spread", BLOBS, "real"),
  Axis("one_blob", "one blob, no streak", BLOBS, "real"),
  Axis("streaks", "streaks", BLOBS, "real"),
  Axis("radius", "radius", BLOBS, "real"),
  Axis("radius_std", "spread of the radius", BLOBS, "real"),
  Axis("roundness", "roundness", BLOBS, "real"),
  Axis("background", "background", BLOBS, "real"),
  Axis("intensity", "intensity", BLOBS, "real"),
  Axis("centre_ks", "centres' distance from uniform", BLOBS, "real"),
  Axis("interpolation/random spherical/abruptness", "abruptness of paths", LATENT, "low"),
  Axis("interpolation/across spherical/unsure", "unsure between classes", LATENT, "low"),
  Axis("traversal/effective_dims", "latents with effect", LATENT, ""),
  Axis("latents/linear_probe", "classes by a linear probe", LATENT, "high"),
  Axis("latents/energy_distance", "codes' distance from the prior", LATENT, "low"),
  Axis("inversion/test/reached", "unreached variance of test images", REACH, "low"),
  Axis("reconstructions/pixel_error", "reconstruction error", REACH, "low", "encodes"),
  Axis("likelihood/bits_per_dimension of images", "bits a dimension of images", REACH, "low", "variational"),
  Axis(
    "likelihood/bits_per_dimension of bits",
    "bits a dimension of binarised images",
    REACH,
    "low",
    "variational",
  ),
  Axis("posterior/active_units", "active units", REACH, "", "variational"),
  Axis("sampling/images_per_second", "images a second", COST, "high", refuses=False),
  Axis("sampling/flops_per_image", "operations an image", COST, "low", refuses=False),
)
THEMES = tuple(dict.fromkeys(axis.theme for axis in AXES))
HINTS = {
  "high": "higher is better",
  "low": "lower is better",
  "real": "nearer to real images is better",
  "": "",
}


def axis_of(name: str) -> Axis:
  """Returns an axis by its name."""
  return next(axis for axis in AXES if axis.name == name)
