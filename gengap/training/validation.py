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


class Batches(NamedTuple):
  """How the held-out images of an evaluation are divided."""

  number: int
  size: int  # images of a batch

  @property
  def images(self) -> int:
    """The number of images of an evaluation."""
    return self.number * self.size


def batches_of(config: Config, held_out: data.Dataset) -> Batches:
  """Returns the batches of an evaluation: of config.batch_size images, or of all if they are fewer.

  Raises:
    InputError: the devices cannot share so few images.
  """
  images = min(config.eval_images, len(held_out.image))
  if images >= config.batch_size:
    return Batches(images // config.batch_size, config.batch_size)
  devices = jax.device_count()
  if images < devices:
    raise InputError(
      f"{images} held-out images cannot be shared by {devices} devices; use a larger config.eval_images or "
      "config.validation_share, or fewer devices"
    )
  return Batches(1, images // devices * devices)


def describe_small(config: Config, held_out: data.Dataset) -> str:
  """Returns what a user should know of an evaluation of less than a batch; "" if it has whole batches."""
  if (batches := batches_of(config, held_out)).size == config.batch_size:
    return ""
  images = f"{batches.size} held-out image{'s' * (batches.size > 1)}"
  few = f"; {ENERGY} needs two and is null" if batches.size < 2 else ""
  return (
    f"an evaluation has {images}, less than a batch of {config.batch_size}: its numbers vary by chance{few}. "
    "A larger config.validation_share holds out more"
  )


def check_best(config: Config, held_out: data.Dataset, method: Method, shapes: State) -> None:
  """Checks that config.best names a metric on held-out images; compiles nothing.

  Raises:
    InputError: it does not.
  """
  validate = step.validate(method, batch_size=batches_of(config, held_out).size)
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
      InputError: too few held-out images for the devices.
    """
    method = program.method
    batches = batches_of(config, held_out)
    self.batches, self.count = batches.number, batches.images
    self.images = to_float(held_out.image[: self.count])
    self.data = put(program, (held_out.image[: self.count], held_out.label[: self.count]))
    self.slots, self.spec, self.latent_dim = program.slots, program.spec, method.latent_dim
    validate = step.validate(method, batch_size=batches.size)
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
  """Returns the energy distance of samples to real images; NaN if there is one, or a sample is not finite."""
  return metrics.energy_distance(samples, real) if len(real) > 1 and np.isfinite(samples).all() else math.nan
