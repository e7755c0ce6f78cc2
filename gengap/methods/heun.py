"""Heun's method for the ODE of a diffusion model, from noise to images and back.

Karras et al. (2022, arXiv:2206.00364). With D(x; sigma) the denoiser, the ODE is dx / dsigma = (x - D(x;
sigma)) / sigma (equations 1 and 3, with their sigma(t) = t). The solver is their algorithm 1 without noise.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import lax

from gengap.method import Array

Denoiser: TypeAlias = Callable[[Array, Array], Array]  # x [B, ...], sigma [] -> expected images [B, ...]


def noise_levels(number: int, sigma_min: float, sigma_max: float, rho: float) -> np.ndarray:
  """Returns the noise levels of equation 5 without the last, which is 0, largest first: [number] float64."""
  ends = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
  return np.linspace(*ends, number) ** rho


def slope(denoise: Denoiser, x: Array, sigma: Array) -> Array:
  """Returns dx / dsigma."""
  return (x - denoise(x, sigma)) / sigma


def integrate(denoise: Denoiser, x: Array, levels: np.ndarray, unroll: bool) -> Array:
  """Moves x [B, ...] from the first noise level to the last, in steps of second order.

  Every iteration has one evaluation: of an Euler step, or of its correction by the trapezoidal rule.

  Args:
    denoise: the denoiser.
    x: at the first level.
    levels: [N], none of them 0.
    unroll: whether to write out all 2 (N - 1) iterations instead of a loop.
  """
  steps = np.diff(levels)
  at = np.stack([levels[:-1], levels[1:]], 1).reshape(-1)
  corrects = np.tile([False, True], len(steps))

  def evaluate(carry, inputs):
    x, start, first = carry
    sigma, step, correct = inputs
    now = slope(denoise, x, sigma)
    start, first = jnp.where(correct, start, x), jnp.where(correct, first, now)
    return (start + step * (first + now) / 2, start, first), None

  inputs = (jnp.asarray(at, x.dtype), jnp.asarray(np.repeat(steps, 2), x.dtype), jnp.asarray(corrects))
  (x, _, _), _ = lax.scan(evaluate, (x, x, x), inputs, unroll=unroll)
  return x


def generate(denoise: Denoiser, x: Array, levels: np.ndarray, unroll: bool) -> Array:
  """Returns the images of x at the largest of the noise levels, in 2 N - 1 evaluations; see `integrate`."""
  x = integrate(denoise, x, levels, unroll)
  return denoise(x, jnp.asarray(levels[-1], x.dtype))  # an Euler step to level 0


def invert(denoise: Denoiser, image: Array, levels: np.ndarray, unroll: bool) -> Array:
  """Returns x at the largest of the noise levels, from images: `generate` backwards, as many evaluations.

  The slope at level 0 does not exist, so the Euler step to the smallest level takes the slope there.
  """
  smallest = jnp.asarray(levels[-1], image.dtype)
  x = image + smallest * slope(denoise, image, smallest)
  return integrate(denoise, x, levels[::-1], unroll)
