"""From a config to a compiled program: data, method, state, all on the devices."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gengap import data, methods, step
from gengap.checkpoint import Checkpoints
from gengap.errors import InputError
from gengap.method import Array, Batch, Config, Method, Metrics, Spec, State
from gengap.networks import convolution


class Program(NamedTuple):
  """A method, compiled for a data set and the devices."""

  method: Method
  spec: Spec
  slots: Array  # [devices]
  compiled: jax.stages.Compiled  # (slots, state, data) -> (state, metrics [steps])
  steps: int  # in the compiled program
  calls: int  # of the compiled program in one dispatch
  place: tuple[Any, Any]  # where the program wants its state and its data
  shapes: State  # of the state, abstract

  @property
  def flops(self) -> float:
    """Floating-point operations of one step, as XLA counts those of the compiled program."""
    return float((self.compiled.cost_analysis() or {}).get("flops", float("nan"))) / self.steps

  def dispatch(self, state: State, data: step.Data) -> tuple[State, list[Metrics]]:
    """Sends config.steps_per_dispatch steps to the devices, without waiting for them.

    Returns:
      The state after them (the given one is donated) and their numbers, [steps] from each call.
    """
    seen = []
    for _ in range(self.calls):
      state, metrics = self.compiled(self.slots, state, data)
      seen.append(metrics)
    return state, seen


def load_data(config: Config, split: str) -> data.Dataset:
  """Loads the split that a config's fields describe."""
  return data.load(
    config.dataset,
    split,
    data_dir=config.data_dir,
    image_size=config.image_size,
    channels=config.channels,
    validation_share=config.validation_share,
    dataset_args={k: v for k, v in config.dataset_args.items() if v is not None},
  )


def compile_program(config: Config, dataset: data.Dataset) -> Program:
  """Builds the method and compiles its training program.

  Raises:
    InputError: a method argument that does not suit the data.
  """
  return compile_method(methods.build(config, spec_of(config, dataset)), config, dataset)


def spec_of(config: Config, dataset: data.Dataset) -> Spec:
  """Returns what a method must know of a data set."""
  return Spec(dataset.image.shape[1:], len(dataset.classes), config.dtype)


def compile_method(method: Method, config: Config, dataset: data.Dataset) -> Program:
  """Compiles the training program of any method, whichever the config names.

  Raises:
    InputError: the run would draw too many images.
  """
  spec = spec_of(config, dataset)
  images = config.steps * step.batches_per_step(method) * config.batch_size
  if images >= 2**32:
    raise InputError(f"config.steps is {config.steps}: the run would draw {images} images, 2^32 at most")
  example = Batch(jnp.zeros((1, *spec.shape)), jnp.zeros(1, jnp.int32))
  shapes = jax.eval_shape(functools.partial(step.init, method, config.seed, ema=config.ema), example)
  arrays = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (dataset.image, dataset.label))
  slots = jnp.arange(jax.device_count())
  # The CPU has nothing to gain from several steps in one program: launching it is cheap, and XLA needs its
  # loops unrolled there (see step.loop), which would make the program as many times longer to compile.
  steps = 1 if jax.default_backend() == "cpu" else config.steps_per_dispatch
  run = step.dispatch(method, seed=config.seed, batch_size=config.batch_size, ema=config.ema, steps=steps)
  compiled = run.lower(slots, shapes, arrays).compile(convolution.compiler_options())
  place = compiled.input_shardings[0][1:]
  return Program(method, spec, slots, compiled, steps, config.steps_per_dispatch // steps, place, shapes)


def start(program: Program, config: Config) -> State:
  """Returns the state before the first step, placed where the program wants it."""
  example = Batch(jnp.zeros((1, *program.spec.shape)), jnp.zeros(1, jnp.int32))
  init = jax.jit(functools.partial(step.init, program.method, config.seed, ema=config.ema))
  return jax.device_put(init(example), program.place[0])


def resume(program: Program, checkpoints: Checkpoints, say: Callable[[str], None]) -> State | None:
  """Returns the newest readable checkpoint, placed where the program wants it; None where there is none."""
  target = jax.tree.map(
    lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
    program.shapes,
    program.place[0],
  )
  return checkpoints.resume(target, say)
