"""Declares the numbers of an autoencoder's diagnostics, by the blocks of eval/STEP.json."""

import math

from gengap.evaluation.quantities import Better, Block, Capability, Quantity
from gengap.method import Observation


def of_likelihood(
  name: str, title: str, unit: str, better: Better, meaning: str
) -> tuple[Quantity, Quantity]:
  """Declares a likelihood: of images, which have a density, and of bits, which have a probability."""
  needs = Capability.VARIATIONAL
  images = Quantity(name, f"{title} of images", unit, better, low=-math.inf, needs=needs, meaning=meaning)
  bits = images._replace(title=f"{title} of binarised images", observes=Observation.BITS)
  low, high = (0.0, math.inf) if better is Better.LOW else (-math.inf, 0.0)
  return images._replace(observes=Observation.IMAGES), bits._replace(low=low, high=high)


VARIATIONAL = Capability.VARIATIONAL
BITS = of_likelihood(
  "bits_per_dimension",
  "bits a dimension",
  "",
  Better.LOW,
  "How many bits a lossless code of the test images needs for each pixel and channel, as a "
  "bound: lower means that the images are more likely.",
)
BLOCKS = {  # of eval/STEP.json
  "posterior": Block(
    (
      *of_likelihood(
        "elbo",
        "ELBO",
        "nats",
        Better.HIGH,
        "A lower bound of the log-likelihood of a test image: higher means that images are more likely.",
      ),
      Quantity(
        "distortion",
        "distortion",
        "nats",
        low=-math.inf,
        needs=VARIATIONAL,
        meaning=(
          "What the decoder loses of an image that was encoded: the negative log-likelihood of the image "
          "given its code; lower is a better reconstruction."
        ),
      ),
      Quantity(
        "rate",
        "rate",
        "nats",
        low=-math.inf,
        needs=VARIATIONAL,
        meaning=(
          "How many nats a code tells about its image: the divergence of the encoder's distribution from "
          "the prior. A rate of 0 means that codes are ignored."
        ),
      ),
      *BITS,
      Quantity(
        "active_units",
        "active units",
        needs=VARIATIONAL,
        meaning=(
          "The number of latents whose mean code varies between images: latents that are not active "
          "carry nothing."
        ),
      ),
      Quantity("latents", "latents", needs=VARIATIONAL, meaning="The number of latents of the model."),
      Quantity(
        "kl_per_unit",
        "KL of each latent",
        "nats",
        needs=VARIATIONAL,
        meaning="How many nats each latent tells about an image: 0 means that the latent is not used.",
      ),
      Quantity(
        "aggregate",
        "moments of the aggregate posterior",
        needs=VARIATIONAL,
        meaning=(
          "Mean and covariance of the codes of all images beside those of the prior, from which samples "
          "are drawn: a mismatch costs sample quality."
        ),
      ),
    )
  ),
  "likelihood": Block(
    (
      *of_likelihood(
        "nll",
        "negative log-likelihood",
        "nats",
        Better.LOW,
        "How unlikely a test image is, by an upper bound from many samples: lower means that images "
        "are more likely.",
      ),
      *BITS,
    ),
    frozenset({"samples"}),
  ),
  "amortisation": Block(
    (
      Quantity(
        "amortisation_gap",
        "amortisation gap",
        "nats",
        Better.LOW,
        needs=VARIATIONAL,
        meaning=(
          "How much the bound on the likelihood improves if the code of each image is optimised instead "
          "of taken from the encoder: lower is a better encoder."
        ),
      ),
    ),
    frozenset({"steps"}),
  ),
  "outside": Block(
    (
      Quantity(
        "elbo_inside",
        "median ELBO",
        "nats",
        low=-math.inf,
        needs=VARIATIONAL,
        meaning=(
          "The median bound on the log-likelihood of test images of the same data set: higher means that "
          "images are more likely."
        ),
      ),
      Quantity(
        "elbo_outside",
        "median ELBO of other data",
        "nats",
        low=-math.inf,
        needs=VARIATIONAL,
        meaning=(
          "The median bound on the log-likelihood of images of another data set: it should be below that "
          "of the own test images."
        ),
      ),
      Quantity(
        "pixel_error_inside",
        "reconstruction error",
        needs=Capability.ENCODES,
        meaning=(
          "The mean squared error of a pixel in reconstructions of test images of the same data set: "
          "lower is better."
        ),
      ),
      Quantity(
        "pixel_error_outside",
        "reconstruction error of other data",
        needs=Capability.ENCODES,
        meaning="The mean squared error of a pixel in reconstructions of images of another data set.",
      ),
      Quantity(
        "auroc",
        "AUROC of the ELBO",
        better=Better.HIGH,
        high=1,
        needs=VARIATIONAL,
        meaning=(
          "How well the bound on the likelihood tells test images from images of another data set: 0.5 "
          "is chance, 1 is always, and higher is better."
        ),
      ),
    ),
    frozenset({"dataset"}),
  ),
  "reconstructions": Block(
    (
      Quantity(
        "pixel_error",
        "reconstruction error",
        better=Better.LOW,
        needs=Capability.ENCODES,
        meaning=(
          "The mean squared error of a pixel, from -1 to 1, in reconstructions of test images: lower is "
          "better."
        ),
      ),
    )
  ),
}
