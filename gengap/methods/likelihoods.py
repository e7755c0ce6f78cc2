"""Likelihoods p(x | z) of an image x, as functions of the decoder's outputs.

Every log p is in nats, summed over pixels and channels, with all constants but those in `constant`. Images
lie in [-1, 1], 256 grey levels in steps of 1 / 127.5; the continuous likelihoods are densities on that scale.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gengap.method import Array, Keys, Observation, whole_batch
from gengap.methods import common

LEVEL = 1 / 127.5  # between two grey levels
FLOOR = math.log(LEVEL)  # of learned log scales; without it the density of 8-bit images is unbounded


class Likelihood(NamedTuple):
  """A distribution of an image, or of its bits, given the decoder's outputs."""

  # decoder's outputs [B, H, W, each * C], log scale of all pixels [], x [B, H, W, C] -> log p [B]
  log_prob: Callable[[Array, Array, Array], Array]
  mean: Callable[[Array], Array]  # decoder's outputs -> expected image
  # decoder's outputs, log scale of all pixels [], one key per image -> a draw of p, not clipped to [-1, 1]
  draw: Callable[[Array, Array, Keys], Array]
  each: int = 1  # outputs of the decoder for each channel of a pixel
  learned_scale: bool = False  # one log scale for all pixels, a weight of the model
  # decoder's outputs, x -> the variance [] of all pixels of the whole batch that maximises log p, without a
  # gradient. Training uses it; its moving average gives the log scale everywhere else
  best_variance: Callable[[Array, Array], Array] | None = None
  constant: float = 0.0  # nats per dimension of -log p that log_prob leaves out
  density: bool = False  # whether p is a density of continuous images, not a probability of levels or bits
  observes: Observation = Observation.IMAGES  # what x is
  # images, one key per image -> x; without keys, the expected x
  target: Callable[[Array, Keys | None], Array] = lambda image, keys: image

  def bits(self, log_prob: Array, dimensions: int) -> Array:
    """Bits per dimension of log p in nats with all constants; a density counts as constant within a level."""
    nats = -log_prob / dimensions - (math.log(LEVEL) if self.density else 0.0)
    return nats / math.log(2)


def total(x: Array) -> Array:
  """Sum over pixels and channels: [B, H, W, C] -> [B]."""
  return jnp.sum(x, axis=(1, 2, 3))


def normal(x: Array, mean: Array, log_scale: Array | float) -> Array:
  """Log density N(x; mean, exp(log_scale)^2) of every number."""
  return -0.5 * ((x - mean) * jnp.exp(-log_scale)) ** 2 - log_scale - 0.5 * math.log(2 * math.pi)


def normal_draw(keys: Keys, mean: Array, log_scale: Array | float) -> Array:
  """Draws from N(mean, exp(log_scale)^2), [B, H, W, C]."""
  return mean + jnp.exp(log_scale) * common.noise(jax.random.normal, keys, mean.shape[1:])


def floored(log_scale: Array) -> Array:
  """A learned log scale, kept above FLOOR smoothly (Rybkin et al. 2021, arXiv:2006.13202, appendix)."""
  return FLOOR + jax.nn.softplus(log_scale - FLOOR)


def squared_error(tanh: bool = False) -> Likelihood:
  """N(decoder, 1/2): -log p is the squared error and a constant, which the loss leaves out.

  Args:
    tanh: whether the mean is tanh of the decoder's outputs.
  """
  mean = jnp.tanh if tanh else lambda outputs: outputs
  return Likelihood(
    lambda outputs, _, x: -total((x - mean(outputs)) ** 2),
    mean,
    lambda outputs, _, keys: normal_draw(keys, mean(outputs), -0.5 * math.log(2)),
    constant=0.5 * math.log(math.pi),
    density=True,
  )


def gaussian(scale: float = 1.0) -> Likelihood:
  """N(decoder, scale^2).

  Args:
    scale: standard deviation, of images in [-1, 1].
  """
  common.positive(**{"likelihood.scale": scale})
  return Likelihood(
    lambda outputs, _, x: total(normal(x, outputs, math.log(scale))),
    lambda outputs: outputs,
    lambda outputs, _, keys: normal_draw(keys, outputs, math.log(scale)),
    density=True,
  )


def gaussian_global() -> Likelihood:
  """N(decoder, s^2) with one learned s."""
  return Likelihood(
    lambda outputs, log_scale, x: total(normal(x, outputs, floored(log_scale))),
    lambda outputs: outputs,
    lambda outputs, log_scale, keys: normal_draw(keys, outputs, floored(log_scale)),
    learned_scale=True,
    density=True,
  )


def gaussian_optimal() -> Likelihood:
  """N(decoder, s^2) with the s^2 that maximises the batch's likelihood: its mean squared error.

  Rybkin et al. (2021, arXiv:2006.13202, section 3.2). With D pixels and channels the loss is

    D / 2 (log s^2 + 1 + log(2 pi)),

  whose gradient is that at a constant s^2 (the derivative by s^2 is zero). s is at least a grey level.
  """

  def best_variance(outputs: Array, x: Array) -> Array:
    errors = whole_batch(jnp.mean((x - outputs) ** 2, axis=(1, 2, 3)))
    return jax.lax.stop_gradient(jnp.maximum(jnp.mean(errors), LEVEL**2))

  return Likelihood(
    lambda outputs, log_scale, x: total(normal(x, outputs, log_scale)),
    lambda outputs: outputs,
    lambda outputs, log_scale, keys: normal_draw(keys, outputs, log_scale),
    best_variance=best_variance,
    density=True,
  )


def gaussian_pixel() -> Likelihood:
  """N(m, s^2) with m and log s of every pixel from the decoder."""

  def log_prob(outputs: Array, _: Array, x: Array) -> Array:
    mean, log_scale = jnp.split(outputs, 2, axis=-1)
    return total(normal(x, mean, floored(log_scale)))

  def draw(outputs: Array, _: Array, keys: Keys) -> Array:
    mean, log_scale = jnp.split(outputs, 2, axis=-1)
    return normal_draw(keys, mean, floored(log_scale))

  return Likelihood(log_prob, lambda outputs: jnp.split(outputs, 2, axis=-1)[0], draw, each=2, density=True)


def discretised_logistic() -> Likelihood:
  """Probability of a grey level under a logistic of m and log s from the decoder.

  Kingma et al. (2016, arXiv:1606.04934, appendix), with the tails in the outermost levels as Salimans et al.
  (2017, arXiv:1701.05517, equation 2). With a and b the standardised upper and lower edges of the level,

    s(a) - s(b) = s(a) s(-b) (1 - e^(b - a)),

  whose logarithm is exact even when the difference is small.
  """

  def log_prob(outputs: Array, _: Array, x: Array) -> Array:
    mean, log_scale = jnp.split(outputs, 2, axis=-1)
    rate = jnp.exp(-floored(log_scale))
    upper, lower = rate * (x + LEVEL / 2 - mean), rate * (x - LEVEL / 2 - mean)
    below, above = jax.nn.log_sigmoid(upper), jax.nn.log_sigmoid(-lower)
    inside = below + above + jnp.log(-jnp.expm1(-rate * LEVEL))
    first, last = x < LEVEL / 2 - 1, x > 1 - LEVEL / 2
    return total(jnp.where(first, below, jnp.where(last, above, inside)))

  def draw(outputs: Array, _: Array, keys: Keys) -> Array:
    mean, log_scale = jnp.split(outputs, 2, axis=-1)
    x = mean + jnp.exp(floored(log_scale)) * common.noise(jax.random.logistic, keys, mean.shape[1:])
    return LEVEL * jnp.round((common.clip_to_image(x) + 1) / LEVEL) - 1

  return Likelihood(log_prob, lambda outputs: jnp.split(outputs, 2, axis=-1)[0], draw, each=2)


def bernoulli_draw(image: Array, keys: Keys | None) -> Array:
  """Draws bits that are 1 with the pixel's value as probability; without keys, returns the pixels."""
  if keys is None:
    return image
  uniform = common.noise(jax.random.uniform, keys, image.shape[1:])
  return jnp.where(uniform < 0.5 * (image + 1), 1.0, -1.0)


BINARISATIONS: Mapping[str, Callable[[Array, Keys | None], Array]] = {
  "none": lambda image, keys: image,
  "static": lambda image, keys: jnp.where(image > 0, 1.0, -1.0),
  "dynamic": bernoulli_draw,
}


def bernoulli(binarisation: str = "dynamic") -> Likelihood:
  """Bernoulli with the decoder's outputs as logits.

  Args:
    binarisation: of the images, before the encoder gets them. "static": bits of pixels above half are 1;
      "dynamic": bits are drawn anew for every batch, with the pixel's value as probability; "none": the
      pixel values stand for bits, as in many tutorials, so log p is a cross-entropy but not a likelihood.
  """
  target = common.choose("likelihood.binarisation", binarisation, BINARISATIONS)

  def log_prob(logits: Array, _: Array, x: Array) -> Array:
    bit = 0.5 * (x + 1)
    return total(bit * jax.nn.log_sigmoid(logits) + (1 - bit) * jax.nn.log_sigmoid(-logits))

  def mean(logits: Array) -> Array:
    return 2 * jax.nn.sigmoid(logits) - 1

  def draw(logits: Array, _: Array, keys: Keys) -> Array:
    return bernoulli_draw(mean(logits), keys)

  return Likelihood(log_prob, mean, draw, observes=Observation.BITS, target=target)


LIKELIHOODS = {
  f.__name__: f
  for f in (
    squared_error,
    gaussian,
    gaussian_global,
    gaussian_optimal,
    gaussian_pixel,
    discretised_logistic,
    bernoulli,
  )
}


def find(likelihood: str | Mapping[str, Any]) -> Likelihood:
  """Returns the likelihood that config.method_args.likelihood describes: a name, or a mapping with settings.

  For instance "gaussian", or {"likelihood": "gaussian", "scale": 0.1}.

  Raises:
    InputError: unknown name, unknown settings, or a value outside its range.
  """
  return common.from_description("likelihood", likelihood, "likelihood", LIKELIHOODS)
