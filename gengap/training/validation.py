"""Looking at a run from outside while it trains: its samples, and its scores on held-out images."""

import functools
import math

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
  """Returns how many batches an evaluation takes.

  Raises:
    InputError: the held-out images do not fill one.
  """
  batches = min(config.eval_images, len(held_out.image)) // config.batch_size
  if config.eval_images < config.batch_size:
    raise InputError(
      f"config.eval_images is {config.eval_images}; an evaluation needs one whole batch, {config.batch_size}"
    )
  if not batches:
    raise InputError(
      f"config.batch_size is {config.batch_size}, and there are only {len(held_out.image)} held-out images; "
      f"use a batch of {len(held_out.image)} at most, or a larger config.validation_share"
    )
  return batches


def check_best(config: Config, held_out: data.Dataset, method: Method, shapes: State) -> None:
  """Checks that config.best is a number that is measured of held-out images; compiles nothing.

  Raises:
    InputError: it is not.
  """
  examine = step.examine(method, seed=config.seed, batch_size=config.batch_size)
  arrays = abstract((held_out.image, held_out.label))
  seen = examine.lower(devices()[0].aval, shapes, arrays, np.uint32(0)).out_info
  names = [f"{HELD_OUT}{name}" for name in seen] + [ENERGY] * bool(method.generate)
  if config.best not in names:
    raise InputError(
      f"config.best is {config.best!r}; it must be one of {', '.join(names)}{suggest(config.best, names)}"
    )


class Validation:
  """What never changes while a run is looked at: held-out images, latents, programs."""

  def __init__(self, program: Program, config: Config, held_out: data.Dataset):
    """Compiles nothing yet.

    Raises:
      InputError: too few held-out images.
    """
    method, seed = program.method, config.seed
    self.batches = whole_batches(config, held_out)
    self.count = self.batches * config.batch_size
    self.images = to_float(held_out.image[: self.count])
    self.data = put(program, (held_out.image[: self.count], held_out.label[: self.count]))
    self.slots = program.slots
    examine = step.examine(method, seed=seed, batch_size=config.batch_size)
    arrays = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.data)
    self.lowered = examine.lower(self.slots.aval, program.shapes, arrays, np.uint32(0))
    self.generate = jax.jit(method.generate) if method.generate else None
    self.z = jax.random.normal(
      step.stream(seed, "sample"), (-(-self.count // GRID) * GRID, method.latent_dim)
    )
    uniform = jax.random.uniform(step.stream(seed, "sample labels"), (len(self.z),))
    self.label = jnp.asarray(draw_labels(uniform, program.spec.class_counts))
    self.grid_label = jnp.arange(GRID) % program.spec.num_classes  # a picture shows every class alike

  @functools.cached_property
  def examine(self) -> jax.stages.Compiled:
    """The program that scores a batch of held-out images."""
    return self.lowered.compile(convolution.compiler_options())

  def grid(self, state: State) -> np.ndarray:
    """Returns samples for a picture, [GRID, H, W, C]: one class after the other, always the same latents."""
    return self.generated(state, self.z[:GRID], self.grid_label)

  def samples(self, state: State) -> np.ndarray:
    """Returns samples to compare with the held-out images, [count, H, W, C], always of the same latents.

    Labels have the class frequencies of the training images.
    """
    return self.generated(state, self.z, self.label)[: self.count]

  def generated(self, state: State, z: Array, label: Array) -> np.ndarray:
    """Returns a generator's images of latents [N, latent_dim], N a multiple of GRID: [N, H, W, C]."""
    assert self.generate
    parts = [
      self.generate(state.eval_nets, z[i : i + GRID], label[i : i + GRID]) for i in range(0, len(z), GRID)
    ]
    return np.concatenate([np.asarray(p) for p in parts])

  def scores(self, state: State) -> dict[str, float]:
    """Returns the turns' numbers and, of a generator, the energy distance of its images to held-out ones.

    All are of the weights that are shown: the moving average where there is one.
    """
    seen = [self.examine(self.slots, state, self.data, np.uint32(i)) for i in range(self.batches)]
    means = {f"{HELD_OUT}{k}": float(np.mean([float(s[k]) for s in seen])) for k in seen[0]}
    if not self.generate:
      return means
    return means | {ENERGY: energy(self.samples(state), self.images)}


def energy(samples: np.ndarray, real: np.ndarray) -> float:
  """Energy distance of samples to real images; NaN of samples that are not finite."""
  return metrics.energy_distance(samples, real) if np.isfinite(samples).all() else math.nan
