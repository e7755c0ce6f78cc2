"""What a critic's turn logs of its scores and images, and the alarms of adversarial training.

The numbers are by-products of the turns; none needs a pass of its own.

  critic/real, critic/fake       mean scores of real and of generated images
  critic/margin                  their difference; the Wasserstein estimate of wgan and wgan_gp
  critic/accuracy                share of images on the right side of the loss's boundary, if it has one
  critic/ranking                 share of pairs in which the real image scores higher; 0.5 is chance
  critic/diversity               mean distance between generated images over that between real images
  generator/image_gradient       mean |d loss_i / d image_i|, the gradient that reaches the generator
"""

import jax.numpy as jnp
from jax import lax

from gengap.method import Alarm, Array, Metrics, whole_batch


def score_metrics(real: Array, fake: Array, boundary: float | None) -> Metrics:
  """Returns metrics of a critic's scores [B] of real and generated images."""
  metrics = {
    "real": jnp.mean(real),
    "fake": jnp.mean(fake),
    "margin": jnp.mean(real) - jnp.mean(fake),
    "ranking": jnp.mean(0.5 * (1 + jnp.sign(real - fake))),  # the i-th of each: B independent pairs
  }
  if boundary is not None:
    metrics["accuracy"] = 0.5 * (jnp.mean(real > boundary) + jnp.mean(fake <= boundary))
  return metrics


def diversity(fake: Array, real: Array) -> Array:
  """Mean distance between the batch's generated images over that of its real images; NaN for one image."""
  fake, real = lax.stop_gradient(whole_batch((fake, real)))
  return mean_distance(fake) / mean_distance(real)


def mean_distance(images: Array) -> Array:
  """Mean Euclidean distance over the pairs of images [B, ...]; NaN if there is only one."""
  x = images.reshape(len(images), -1)
  square = jnp.sum(x**2, -1)
  products = jnp.dot(x, x.T, precision="highest")
  distances = jnp.sqrt(jnp.maximum(square[:, None] + square - 2 * products, 0))
  pairs = 1 - jnp.eye(len(x))
  return jnp.sum(distances * pairs) / jnp.sum(pairs)


def collapse_alarm(critic: str) -> Alarm:
  """Returns the alarm for a generator whose images are nearly all alike.

  Args:
    critic: the player that logs `diversity`.
  """
  text = "the generator has collapsed: its images lie {value:.2g} times as far apart as real ones"
  return Alarm(f"{critic}/diversity", threshold=0.4, since=1000, batch=8, text=text)


def gradient_alarm(generator: str) -> Alarm:
  """Returns the alarm for a generator that gets almost no gradient.

  Args:
    generator: the player that logs "image_gradient".
  """
  text = "the generator's gradient has vanished: an image moved by 1 changes its loss by {value:.2g}"
  return Alarm(f"{generator}/image_gradient", threshold=1e-4, since=50, batch=1, text=text)
