"""Feature Likelihood Divergence (Jiralerspong et al. 2023, arXiv:2302.04440).

The generated images are the centres of a mixture of isotropic Gaussians in feature space. The width of each
Gaussian is fitted so that training images are likely, and the mixture is then judged by the likelihood of
test images. Samples that are far from the data, that miss a part of it, or that are copies of training
images, whose Gaussians become narrow, all make test images less likely.

The authors rank lower values as better. Samples whose features vary less than the data's, such as real ones
drawn towards their mean, can be below other real images: a mixture of few Gaussians in many dimensions is
likeliest if its centres are. So compare the value with that of real images.

Conventions are those of the authors' program (github.com/marcojira/fld):

- features are centred and scaled by the mean and the standard deviation of the test images; one that is the
  same for all test images keeps its unit;
- with D features, the Gaussian of sample j has the variance v_j. It starts at (d + 0.001) / D, with d the
  squared distance to the nearest training image, and 50 steps of Adam at the rate 0.5 change log v_j, within
  [-40, 20], on all training images at once;
- while widths are fitted, a background Gaussian about the training images' mean, of distances that are shrunk
  to 0.9 and of weight 1, bounds the loss of each image; its variance starts at 1 and is fitted too;
- FLD is 100 times the mean negative log likelihood of a test image, over D, less the same of real images: of
  a mixture centred at one half of the training images and fitted to the other half;
- at most 10,000 images of each set are used.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError
from gengap.metrics.sets import pair

Array = jax.Array

MOST = 10_000  # images of a set
STEPS, RATE = 50, 0.5  # of Adam
DECAYS, TINY = (0.9, 0.999), 1e-8  # of Adam's averages, and what is added to the root
NEAREST = 1e-3  # what is added to the squared distance at the start
RANGE = (-40.0, 20.0)  # of the logarithm of a variance
SHRUNK = 0.9**2  # squared distances to the background
BLOCK = 256  # images at once
ROUNDED = 1e-9  # of the squared norms; smaller squared distances are computed again from the differences


class Widths(NamedTuple):
  """Logarithms of variances."""

  samples: Array  # [M]
  background: Array  # []


def fld(train: np.ndarray, test: np.ndarray, fake: np.ndarray, seed: int = 0) -> dict[str, float]:
  """Compares the likelihood of test images under a mixture about generated images with that about real ones.

  Args:
    train: [N, D] features of training images.
    test: [L, D], of images that were not trained on.
    fake: [M, D].
    seed: of the subsets and the halves.

  Returns:
    fld: in hundredths of a nat for each feature; 0 is as good as half of the training images. With fewer than
      2 M training images that half is smaller than M, and real images are below 0.
    fld_gap: the same difference between the training images' likelihood and the test images'. It is negative
      if training images are likelier, and more so, the more samples are copies.

  Raises:
    InputError: fewer than four training images or two others, widths that differ, features that are not
      finite, or test images that are all the same.
  """
  train, fake = pair(train, fake, 2)
  test = pair(test, fake, 2)[0]
  if len(train) < 4:
    raise InputError(f"there are {len(train)} training images; at least 4 are needed")
  rng = np.random.default_rng(seed)
  train, test, fake = (x[rng.permutation(len(x))[:MOST]].astype(np.float64) for x in (train, test, fake))
  mean, deviation = test.mean(0), test.std(0, ddof=1)
  if not deviation.any():
    raise InputError("the features of all test images are the same: they have no scale")
  train, test, fake = ((x - mean) / np.where(deviation > 0, deviation, 1) for x in (train, test, fake))
  half = len(train) // 2
  widths = fitted(fake, train)
  of_test, of_train = (mean_surprise(fake, widths, x) for x in (test, train))
  real = train[: min(half, len(fake))]
  of_real = mean_surprise(real, fitted(real, train[half:]), test)
  return {"fld": 100 * (of_test - of_real), "fld_gap": 100 * (of_train - of_test)}


def fitted(centres: np.ndarray, x: np.ndarray) -> np.ndarray:
  """Logarithms of the variances of Gaussians about centres [M, D], fitted to images [N, D]: [M] float64."""
  width = x.shape[1]
  blocks = [x[start : start + BLOCK] for start in range(0, len(x), BLOCK)]
  middle = x.mean(0)
  distances = [jnp.asarray(squared(block, centres), jnp.float32) for block in blocks]
  outward = [jnp.asarray(SHRUNK * np.sum((block - middle) ** 2, 1), jnp.float32) for block in blocks]
  nearest = np.min([np.asarray(block.min(0)) for block in distances], 0)
  log = Widths(jnp.log((jnp.asarray(nearest) + NEAREST) / width), jnp.zeros(()))
  first = second = jax.tree.map(jnp.zeros_like, log)
  for step in range(1, STEPS + 1):
    slopes = [slope(log, *block, width) for block in zip(distances, outward, strict=True)]
    total = jax.tree.map(lambda *parts: -sum(parts) / (len(x) * width), *slopes)
    log, first, second = adam(log, total, first, second, jnp.float32(step))
  return np.asarray(log.samples, np.float64)


@jax.jit
def adam(log: Widths, slopes: Widths, first: Widths, second: Widths, step: Array) -> tuple[Widths, ...]:
  """Returns the widths and the averages after a step of Adam (Kingma and Ba 2015, arXiv:1412.6980)."""
  a, b = DECAYS
  first = jax.tree.map(lambda m, g: a * m + (1 - a) * g, first, slopes)
  second = jax.tree.map(lambda v, g: b * v + (1 - b) * g * g, second, slopes)

  def moved(x: Array, m: Array, v: Array) -> Array:
    change = m / (1 - a**step) / (jnp.sqrt(v / (1 - b**step)) + TINY)
    return x - RATE * change

  log = jax.tree.map(moved, log, first, second)
  return log._replace(samples=jnp.clip(log.samples, *RANGE)), first, second


@jax.jit
def slope(log: Widths, distances: Array, outward: Array, width: int) -> Widths:
  """Derivatives of the summed log likelihood of images [B] by the logarithms of the variances.

  Args:
    log: the widths.
    distances: [B, M], squared, to the samples.
    outward: [B], squared and shrunk, to the background's centre.
    width: D.
  """
  narrow, around = jnp.exp(-log.samples), outward * jnp.exp(-log.background)
  inner = -0.5 * (distances * narrow + width * log.samples) - math.log(distances.shape[1])
  outer = -0.5 * (around + width * log.background)
  top = jnp.maximum(inner.max(1), outer)
  each, back = jnp.exp(inner - top[:, None]), jnp.exp(outer - top)
  share = 1 / (each.sum(1) + back)
  of_samples = narrow * (share @ (each * distances)) - width * (share @ each)
  return Widths(of_samples / 2, jnp.sum(share * back * (around - width)) / 2)


def mean_surprise(centres: np.ndarray, log: np.ndarray, x: np.ndarray) -> float:
  """Mean negative log likelihood of images [N, D] under the mixture without background, over D."""
  width, found, narrow = x.shape[1], [], np.exp(-log)
  for start in range(0, len(x), BLOCK):
    inner = squared(x[start : start + BLOCK], centres)
    inner *= -0.5 * narrow
    inner -= 0.5 * width * log
    top = inner.max(1)
    inner -= top[:, None]
    found.append(top + np.log(np.exp(inner, out=inner).sum(1)))
  constant = math.log(len(centres)) + width / 2 * math.log(2 * math.pi)
  return float(constant - np.mean(np.concatenate(found))) / width


def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Squared distances between [B, D] and [M, D]: [B, M] float64; exact where they are nearly 0."""
  norms = np.einsum("bd,bd->b", x, x)[:, None] + np.einsum("md,md->m", y, y)
  found = x @ (-2 * y.T)
  found += norms
  i, j = np.nonzero(found < ROUNDED * norms)
  found[i, j] = np.sum((x[i] - y[j]) ** 2, 1)
  return found
