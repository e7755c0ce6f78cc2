"""From a config to a compiled program: data, method, state, all on the devices."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gengap import data, methods, step
from gengap.checkpoint import Checkpoints
from gengap.errors import InputError
from gengap.method import AXIS, Array, Batch, Config, Method, Metrics, Spec, State
from gengap.networks import convolution


class Program(NamedTuple):
  """A method, compiled for a data set and the devices."""

  method: Method
  spec: Spec
  slots: Array  # [devices]
  compiled: jax.stages.Compiled  # (slots, state, data) -> (state, metrics [steps])
  steps: int  # in the compiled program
  calls: int  # of the compiled program in one dispatch
  place: jax.sharding.NamedSharding  # of state and data: whole, on every device
  shapes: State  # of the state, abstract
  flops: float  # floating-point operations of one step on all devices, as XLA counts them

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
  slots, place = devices()
  # The CPU has nothing to gain from several steps in one program: launching it is cheap, and XLA needs its
  # loops unrolled there (see step.loop), which would make the program as many times longer to compile.
  steps = 1 if jax.default_backend() == "cpu" else config.steps_per_dispatch
  run = step.dispatch(method, seed=config.seed, batch_size=config.batch_size, ema=config.ema, steps=steps)
  compiled = run.lower(slots.aval, shapes, arrays).compile(convolution.compiler_options())
  flops = count_flops(compiled) / steps  # of one device
  if (
    not step.unrolled()
  ):  # XLA counts what is in a loop once: so each turn by itself, as often as it is taken
    flops = 0.0
    for turn in method.turns:
      one = method._replace(turns=(turn._replace(repeats=1),))
      once = step.dispatch(one, seed=config.seed, batch_size=config.batch_size, ema=config.ema)
      flops += turn.repeats * count_flops(once.lower(slots.aval, shapes, arrays))
  calls = config.steps_per_dispatch // steps
  return Program(method, spec, slots, compiled, steps, calls, place, shapes, flops * len(slots))


def count_flops(program: jax.stages.Lowered | jax.stages.Compiled) -> float:
  """Returns the floating-point operations of a program without loops; NaN: XLA does not count them."""
  return float((program.cost_analysis() or {}).get("flops", math.nan))


def devices() -> tuple[Array, jax.sharding.NamedSharding]:
  """Returns the numbers of all devices of all processes, each on its own, and the place of what all share."""
  ordered = [d for process in range(jax.process_count()) for d in jax.local_devices(process)]  # as pmap's
  mesh, number = jax.sharding.Mesh(np.array(ordered), AXIS), np.arange(len(ordered))
  each = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(AXIS))
  slots = jax.make_array_from_callback(number.shape, each, lambda index: number[index])
  return slots, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def put(program: Program, tree: Any) -> Any:
  """Places arrays of the host, the same in every process, where the program wants them."""
  return jax.tree.map(
    lambda x: jax.make_array_from_callback(x.shape, program.place, lambda index: x[index]), tree
  )


def start(program: Program, config: Config) -> State:
  """Returns the state before the first step, placed where the program wants it."""

  def init() -> State:
    example = Batch(jnp.zeros((1, *program.spec.shape)), jnp.zeros(1, jnp.int32))
    return step.init(program.method, config.seed, example, ema=config.ema)

  return jax.jit(init, out_shardings=program.place)()


def resume(program: Program, checkpoints: Checkpoints, say: Callable[[str], None]) -> State | None:
  """Returns the newest readable checkpoint, placed where the program wants it; None where there is none."""
  target = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=program.place), program.shapes
  )
  return checkpoints.resume(target, say)
