"""Measures a run while it trains: its metrics on held-out images, and its samples."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gengap import data, metrics
from gengap.data.scale import to_float
from gengap.errors import InputError, suggest
from gengap.method import Array, Config, Method, State, draw_labels
from gengap.networks import convolution
from gengap.training import step
from gengap.training.program import Program, abstract, devices, put

GRID = 64  # images in a sample grid
HELD_OUT = "valid/"  # begins the names of numbers of held-out images
ENERGY = f"{HELD_OUT}energy_distance"


def whole_batches(config: Config, held_out: data.Dataset) -> int:
  """Returns the number of batches of an evaluation.

  Raises:
    InputError: the held-out images do not fill one batch.
  """
  batches = min(config.eval_images, len(held_out.image)) // config.batch_size
  if config.eval_images < config.batch_size:
    raise InputError(
      f"config.eval_images is {config.eval_images}; an evaluation needs one whole batch, {config.batch_size}"
    )
  if not batches:
    raise InputError(
      f"config.batch_size is {config.batch_size}, and there are only {len(held_out.image)} held-out images; "
      f"use a batch of at most {len(held_out.image)}, or a larger config.validation_share"
    )
  return batches


def check_best(config: Config, held_out: data.Dataset, method: Method, shapes: State) -> None:
  """Checks that config.best names a metric on held-out images; compiles nothing.

  Raises:
    InputError: it does not.
  """
  validate = step.validate(method, batch_size=config.batch_size)
  arrays = abstract((held_out.image, held_out.label))
  numbers = validate.lower(devices()[0].aval, np.uint32(0), shapes, arrays, np.uint32(0)).out_info
  names = [f"{HELD_OUT}{name}" for name in numbers] + [ENERGY] * bool(method.generate)
  if config.best not in names:
    raise InputError(
      f"config.best is {config.best!r}; it must be one of {', '.join(names)}{suggest(config.best, names)}"
    )


class Latents(NamedTuple):
  """The latents of a run's samples, which stay the same throughout it."""

  z: Array  # [N, latent_dim]; N is a multiple of GRID
  label: Array  # [N], with the class frequencies of the training images


class Validation:
  """Held-out images and programs, which stay the same throughout all runs of a config."""

  def __init__(self, program: Program, config: Config, held_out: data.Dataset):
    """Compiles nothing yet.

    Raises:
      InputError: too few held-out images.
    """
    method = program.method
    self.batches = whole_batches(config, held_out)
    self.count = self.batches * config.batch_size
    self.images = to_float(held_out.image[: self.count])
    self.data = put(program, (held_out.image[: self.count], held_out.label[: self.count]))
    self.slots, self.spec, self.latent_dim = program.slots, program.spec, method.latent_dim
    validate = step.validate(method, batch_size=config.batch_size)
    arrays = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.data)
    self.lowered = validate.lower(self.slots.aval, np.uint32(0), program.shapes, arrays, np.uint32(0))
    self.generate = jax.jit(method.generate) if method.generate else None
    self.latents = functools.cache(self.draw_latents)
    self.grid_label = jnp.arange(GRID) % program.spec.num_classes  # a picture shows every class equally often

  @functools.cached_property
  def validate(self) -> jax.stages.Compiled:
    """The program that measures a batch of held-out images."""
    return self.lowered.compile(convolution.compiler_options())

  def draw_latents(self, seed: int) -> Latents:
    """Draws the latents of a run."""
    z = jax.random.normal(step.stream(seed, "sample"), (-(-self.count // GRID) * GRID, self.latent_dim))
    uniform = jax.random.uniform(step.stream(seed, "sample labels"), (len(z),))
    return Latents(z, jnp.asarray(draw_labels(uniform, self.spec.class_counts)))

  def grid(self, state: State, seed: int) -> np.ndarray:
    """Returns samples for a picture, [GRID, H, W, C], of all classes in turn and always the same latents."""
    return self.generated(state, self.latents(seed).z[:GRID], self.grid_label)

  def samples(self, state: State, seed: int) -> np.ndarray:
    """Returns samples to compare with the held-out images, [count, H, W, C], always from the same latents."""
    return self.generated(state, *self.latents(seed))[: self.count]

  def generated(self, state: State, z: Array, label: Array) -> np.ndarray:
    """Generates images [N, H, W, C] from latents [N, latent_dim]; N must be a multiple of GRID."""
    assert self.generate
    parts = [
      self.generate(state.eval_nets, z[i : i + GRID], label[i : i + GRID]) for i in range(0, len(z), GRID)
    ]
    return np.concatenate([np.asarray(p) for p in parts])

  def scores(self, state: State, seed: int) -> dict[str, float]:
    """Returns the turns' metrics and, for a generator, the energy distance of its images to held-out ones.

    All are at `State.eval_nets`: the moving average of the weights if there is one. `seed` is the run's.
    """
    batches = [
      self.validate(self.slots, np.uint32(seed), state, self.data, np.uint32(i)) for i in range(self.batches)
    ]
    means = {f"{HELD_OUT}{k}": float(np.mean([float(b[k]) for b in batches])) for k in batches[0]}
    if not self.generate:
      return means
    return means | {ENERGY: energy(self.samples(state, seed), self.images)}


def energy(samples: np.ndarray, real: np.ndarray) -> float:
  """Returns the energy distance of samples to real images; NaN if a sample is not finite."""
  return metrics.energy_distance(samples, real) if np.isfinite(samples).all() else math.nan
