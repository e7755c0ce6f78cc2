"""Declares the numbers that samples are compared by in features: metric -> its quantities."""

import math

from gengap.evaluation.quantities import Better, Depends, Quantity

OF_FEATURES = frozenset({Depends.FEATURES})
BESIDE_REAL = frozenset({Depends.REAL})
BESIDE_TRAIN = frozenset({Depends.TRAIN})
BY_NUMBER = frozenset({Depends.SAMPLES})
COPIES = "not ranked: {} than held-out real images have hints at copies; the other side is no fault of memory"

QUANTITIES: dict[str, tuple[Quantity, ...]] = {
  "frechet": (
    Quantity(
      "frechet",
      "Frechet distance, squared",
      better=Better.LOW,
      depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      hint="as FID is",
      meaning=(
        "How far the features of samples are from those of real images, if both were Gaussian: it sums "
        "up quality and coverage, and lower is better."
      ),
    ),
    Quantity(
      "frechet_ratio",
      "Frechet distance over that of real images",
      better=Better.LOW,
      depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      hint="1 for real images",
      ratio_of="frechet",
      meaning=(
        "The squared Frechet distance in units of that of real images against real images: 1 is as "
        "good as real images, and lower is better."
      ),
    ),
  ),
  "fd_infinity": (
    Quantity(
      "fd_infinity",
      "Frechet distance of infinitely many images",
      better=Better.LOW,
      low=-math.inf,
      depends=OF_FEATURES | BESIDE_REAL,
      hint="extrapolated; real images have about 0",
      meaning=(
        "The squared Frechet distance that infinitely many samples would have, without the bias of a "
        "finite number: lower is better."
      ),
    ),
    Quantity(
      "fd_infinity_error",
      "standard error of the extrapolated Frechet distance",
      depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "How uncertain the extrapolated Frechet distance is: the standard error of the fitted line at "
        "its end."
      ),
    ),
    Quantity(
      "fd_infinity_slope",
      "how much the Frechet distance of N images grows with 1 / N",
      low=-math.inf,
      depends=OF_FEATURES | BESIDE_REAL,
      meaning=(
        "How strongly the Frechet distance of this generator depends on the number of images: the "
        "slope of the fitted line."
      ),
    ),
    Quantity(
      "fd_infinity_r2",
      "variance of Frechet distances that the line explains",
      low=-math.inf,
      high=1,
      depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "How well a line describes the Frechet distances of subsets: 1 is exactly, and low values make "
        "the extrapolation doubtful."
      ),
    ),
  ),
  "kid": (
    Quantity(
      "kid",
      "KID",
      better=Better.LOW,
      low=-math.inf,
      depends=OF_FEATURES | BESIDE_REAL,
      hint="a squared distance, unbiased",
      meaning=(
        "How far the features of samples are from those of real images by a kernel, without assuming "
        "Gaussians: 0 is no difference, and lower is better."
      ),
    ),
  ),
  "prdc": (
    Quantity(
      "precision",
      "precision",
      better=Better.REAL,
      high=1,
      depends=OF_FEATURES | BESIDE_REAL,
      meaning=(
        "The share of samples that look real: their features lie within the reach of a real image, "
        "which is the distance to its 5th nearest real image. Too low means unreal samples."
      ),
    ),
    Quantity(
      "recall",
      "recall",
      better=Better.REAL,
      high=1,
      depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "The share of real images that the generator can make: they lie within the reach of a sample, "
        "which is the distance to its 5th nearest sample. Too low means that parts of the data are "
        "missing."
      ),
    ),
    Quantity(
      "density",
      "density",
      better=Better.REAL,
      depends=OF_FEATURES | BESIDE_REAL,
      meaning=(
        "How many real images a sample is close to, over 5: like precision, but it counts them. Real "
        "images have about 1; lower means unreal samples, higher means samples crowded where real "
        "images are dense."
      ),
    ),
    Quantity(
      "coverage",
      "coverage",
      better=Better.REAL,
      high=1,
      depends=OF_FEATURES | BESIDE_REAL | BY_NUMBER,
      meaning=(
        "The share of real images that have a sample nearby, within the distance to their 5th nearest "
        "real image. Too low means that parts of the data are missing."
      ),
    ),
  ),
  "clipped": (
    Quantity(
      "clipped_density",
      "clipped density",
      better=Better.REAL,
      high=1,
      depends=OF_FEATURES | BESIDE_REAL,
      meaning=(
        "The share of samples that look real, as density measures it, where no sample and no real "
        "outlier can count too much. Too low means unreal samples."
      ),
    ),
    Quantity(
      "clipped_coverage",
      "clipped coverage",
      better=Better.REAL,
      high=1,
      depends=OF_FEATURES | BESIDE_REAL,
      meaning=(
        "The share of the data that samples cover, as coverage measures it, on a scale that falls in "
        "proportion to bad samples. Too low means that parts of the data are missing."
      ),
    ),
  ),
  "inception_score": (
    Quantity(
      "inception_score",
      "Inception Score",
      better=Better.REAL,
      low=1,
      depends=OF_FEATURES | BY_NUMBER,
      meaning=(
        "Whether a classifier is sure of each sample and finds all classes equally often: too low "
        "means unclear samples or missing classes."
      ),
    ),
  ),
  "diversity": (
    Quantity(
      "diversity",
      "diversity",
      better=Better.REAL,
      depends=OF_FEATURES,
      meaning=(
        "How different two samples are: the root mean square distance of their features. Lower than "
        "real images means too little variety."
      ),
    ),
  ),
  "vendi": (
    Quantity(
      "vendi",
      "Vendi score",
      better=Better.REAL,
      low=1,
      depends=OF_FEATURES | BY_NUMBER,
      meaning=(
        "The effective number of different samples: 1 if all are alike. Lower than real images means "
        "too little variety."
      ),
    ),
  ),
  "memorisation": (
    Quantity(
      "nearer_train",
      "training-set proximity",
      high=1,
      depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN,
      hint=COPIES.format("more"),
      meaning=(
        "The share of samples that are nearer to a training image than to any held-out real image: "
        "without copies one half; higher hints at memorised images."
      ),
    ),
    Quantity(
      "distance_ratio",
      "distance to training images over that to held-out ones",
      depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN,
      meaning=(
        "How near samples are to training images, over how near they are to held-out images: without "
        "copies 1; lower hints at memorised images."
      ),
    ),
    Quantity(
      "authentic",
      "authentic share",
      high=1,
      depends=OF_FEATURES | BESIDE_TRAIN,
      hint=COPIES.format("less"),
      meaning=(
        "The share of samples that are farther from their nearest training image than that is from its "
        "own nearest one: lower than real images hints at memorised images."
      ),
    ),
  ),
  "fld": (
    Quantity(
      "fld",
      "feature likelihood divergence",
      "0.01 nats a feature",
      Better.REAL,
      low=-math.inf,
      depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN | BY_NUMBER,
      hint="below real images: samples are narrower than the data",
      meaning=(
        "How unlikely test images are under a density around the samples: it rises with unreal, "
        "missing and copied samples. The value of real images is best."
      ),
    ),
    Quantity(
      "fld_gap",
      "training images' divergence less that of test images",
      "0.01 nats a feature",
      low=-math.inf,
      depends=OF_FEATURES | BESIDE_REAL | BESIDE_TRAIN | BY_NUMBER,
      hint=COPIES.format("less"),
      meaning=(
        "How much better the density around the samples explains training images than test images: "
        "below that of real images hints at memorised images."
      ),
    ),
  ),
}
