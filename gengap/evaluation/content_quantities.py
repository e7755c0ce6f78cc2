"""Declares the numbers of what samples show, such as classes and blobs: metric -> its quantities."""

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.evaluation.sample_quantities import BESIDE_REAL, BY_NUMBER, OF_FEATURES

OF_CLASSES = frozenset({Depends.CLASSIFIER})

QUANTITIES: dict[str, tuple[Quantity, ...]] = {
  "classes": (
    Quantity(
      "classes",
      "classes",
      better=Better.REAL,
      depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "The number of classes that have at least a quarter of their share of the data among the "
        "samples, as the classifier names them. Fewer than real images means missing classes."
      ),
    ),
    Quantity(
      "share",
      "share of a class over that in the data",
      depends=OF_CLASSES | BESIDE_REAL,
      per_class=True,
      meaning=(
        "How often a class occurs among the samples, over how often it occurs in the data: 1 is as often."
      ),
    ),
    Quantity(
      "least",
      "smallest share of a class",
      depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER,
      meaning="The smallest share of a class over that in the data: 0 means that a class is missing.",
    ),
    Quantity(
      "entropy",
      "entropy of classes",
      "nats",
      depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "How evenly samples are spread over the classes: it is largest where all classes are equally "
        "frequent."
      ),
    ),
    Quantity(
      "kl",
      "class KL (generated || data)",
      "nats",
      Better.LOW,
      depends=OF_CLASSES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "How far the frequencies of classes among the samples are from those of the data: 0 is the "
        "same frequencies, and lower is better."
      ),
    ),
    Quantity(
      "unsure",
      "low-confidence share",
      better=Better.REAL,
      high=1,
      depends=OF_CLASSES,
      meaning=(
        "The share of samples of which the classifier gives no class a probability of one half. Higher "
        "than real images means unclear samples."
      ),
    ),
    Quantity(
      "elsewhere",
      "share of classes that the data lack",
      high=1,
      depends=OF_CLASSES | BESIDE_REAL,
      always=False,
      meaning=(
        "The share of samples that the classifier puts into classes which the data do not have: lower "
        "is better."
      ),
    ),
    Quantity(
      "precision",
      "precision within a class",
      high=1,
      depends=OF_CLASSES | OF_FEATURES | BESIDE_REAL,
      per_class=True,
      meaning=(
        "The share of the samples of a class that look like real images of this class: too low means "
        "unreal samples."
      ),
    ),
    Quantity(
      "frechet",
      "Frechet distance of a class",
      depends=OF_CLASSES | OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      per_class=True,
      meaning=(
        "The squared Frechet distance of the samples of a class from real images of this class: lower "
        "is better."
      ),
    ),
  ),
  "sharpness": (
    Quantity(
      "sharpness",
      "sharpness",
      better=Better.REAL,
      meaning=(
        "How strong fine detail and edges are: the median variance of the Laplacian. Lower than real "
        "images is blurry, higher is noisy."
      ),
    ),
  ),
  "blobs": (
    Quantity(
      "blobs",
      "blobs an image",
      better=Better.REAL,
      meaning="How many blobs an image shows on average. The value of real images is best.",
    ),
    Quantity(
      "blobs_std",
      "spread of blobs an image",
      better=Better.REAL,
      meaning=(
        "How much the number of blobs varies between images: its standard deviation. The value of real "
        "images is best."
      ),
    ),
    Quantity(
      "one_blob",
      "one blob, no streak",
      better=Better.REAL,
      high=1,
      meaning=(
        "The share of images that show exactly one blob and no streak. Lower than real images means a "
        "wrong number of blobs, or streaks."
      ),
    ),
    Quantity(
      "streaks",
      "streaks",
      better=Better.REAL,
      high=1,
      meaning=(
        "The share of images with a streak, which is a blob drawn out to three times its width. Higher "
        "than real images means malformed blobs."
      ),
    ),
    Quantity(
      "radius",
      "radius",
      "pixels",
      Better.REAL,
      meaning=(
        "The mean radius of blobs, as the standard deviation of a Gaussian. The value of real images is best."
      ),
    ),
    Quantity(
      "radius_std",
      "spread of the radius",
      "pixels",
      Better.REAL,
      meaning=(
        "How much the radius of blobs varies between images: its standard deviation. Higher than real "
        "images means uneven sizes."
      ),
    ),
    Quantity(
      "roundness",
      "roundness",
      better=Better.REAL,
      high=1,
      meaning=(
        "The ratio of the short to the long axis of blobs: 1 is a circle. Lower than real images means "
        "stretched blobs."
      ),
    ),
    Quantity(
      "background",
      "background",
      better=Better.REAL,
      high=1,
      meaning=(
        "The brightness between the blobs, in shares of full intensity. Higher than real images means "
        "a background that is not clean."
      ),
    ),
    Quantity(
      "intensity",
      "intensity",
      better=Better.REAL,
      high=1,
      meaning=(
        "The brightness of the blobs' summits above the background, in shares of full intensity. Lower "
        "than real images means faint blobs."
      ),
    ),
    Quantity(
      "centre_ks",
      "centres' distance from uniform",
      better=Better.REAL,
      high=1,
      depends=BY_NUMBER,
      meaning=(
        "How far the places of blobs are from a uniform distribution: 0 is uniform. Higher than real "
        "images means that places are preferred or missing."
      ),
    ),
  ),
}
