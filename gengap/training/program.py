"""From a config to a compiled program: data, method, state, all on the devices."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gengap import data, methods
from gengap.data import host_reader
from gengap.errors import InputError
from gengap.method import AXIS, Array, Batch, Config, Method, Metrics, Spec, State, Turn
from gengap.networks import convolution
from gengap.training import step
from gengap.training.checkpoint import Checkpoints

Ready: TypeAlias = Callable[[Method, State], None]


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
  flops: float | None  # floating-point operations of one step on all devices; None: not counted
  flops_reason: str  # why they were not counted; "" where they were
  by_host: host_reader.Share | None  # what this process reads, where the data are too large for the devices

  def dispatch(self, state: State, source: Iterator[step.Data]) -> tuple[State, list[Metrics]]:
    """Sends config.steps_per_dispatch steps to the devices, without waiting for them.

    Args:
      state: before them.
      source: see `source`.

    Returns:
      The state after them (the given one is donated) and their numbers, [steps] from each call.
    """
    seen = []
    for _ in range(self.calls):
      state, metrics = self.compiled(self.slots, state, next(source))
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


def compile_program(
  config: Config, dataset: data.Dataset, ready: Ready = lambda method, shapes: None
) -> Program:
  """Builds the method and compiles its training program.

  Args:
    config: of the run.
    dataset: its training images.
    ready: called with the method and the shapes of its state, before the minutes of compiling.

  Raises:
    InputError: a method argument that does not suit the data.
  """
  return compile_method(methods.build(config, spec_of(config, dataset)), config, dataset, ready)


def spec_of(config: Config, dataset: data.Dataset) -> Spec:
  """Returns what a method must know of a data set."""
  counts = np.bincount(dataset.label, minlength=len(dataset.classes))
  return Spec(dataset.image.shape[1:], len(dataset.classes), config.dtype, tuple(counts.tolist()))


def compile_method(
  method: Method, config: Config, dataset: data.Dataset, ready: Ready = lambda method, shapes: None
) -> Program:
  """Compiles the training program of any method, whichever the config names.

  See `compile_program` for the arguments.

  Raises:
    InputError: the run would draw too many images.
  """
  spec = spec_of(config, dataset)
  images = config.steps * step.batches_per_step(method) * config.batch_size
  if images >= 2**32:
    raise InputError(f"config.steps is {config.steps}: the run would draw {images} images, 2^32 at most")
  example = Batch(jnp.zeros((1, *spec.shape)), jnp.zeros(1, jnp.int32))
  shapes = jax.eval_shape(functools.partial(step.init, method, config.seed, ema=config.ema), example)
  ready(method, shapes)
  slots, place = devices()
  # The CPU has nothing to gain from several steps in one program: launching it is cheap, and XLA needs its
  # loops unrolled there (see step.loop), which would make the program as many times longer to compile.
  steps = 1 if jax.default_backend() == "cpu" else config.steps_per_dispatch
  share, shape = None, (len(dataset.image),)
  if dataset.image.nbytes > config.data_device_bytes:
    mine = range(len(slots) // jax.process_count() * jax.process_index(), len(slots))
    mine = mine[: jax.local_device_count()]
    share = host_reader.Share(config.batch_size, len(slots), mine, steps * step.batches_per_step(method))
    shape = (len(slots), share.batches, config.batch_size // len(slots))
  image = jax.ShapeDtypeStruct((*shape, *dataset.image.shape[1:]), dataset.image.dtype)
  arrays = (image, jax.ShapeDtypeStruct(shape, dataset.label.dtype))
  build = functools.partial(
    step.dispatch, seed=config.seed, batch_size=config.batch_size, ema=config.ema, by_host=bool(share)
  )
  lowered = build(method, steps=steps).lower(slots.aval, shapes, arrays)
  if step.unrolled():
    flops = count_flops(lowered)
  else:
    flops = count_on_cpu(method, config, shapes, abstract((dataset.image, dataset.label)), len(slots))
  compiled = lowered.compile(convolution.compiler_options())
  return Program(
    method,
    spec,
    slots,
    compiled,
    steps,
    config.steps_per_dispatch // steps,
    place,
    shapes,
    None if flops is None else flops * len(slots),
    not_counted() if flops is None else "",
    share,
  )


def abstract(tree: Any) -> Any:
  """Returns the shapes and types of a tree of arrays."""
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def count_flops(program: jax.stages.Lowered | jax.stages.Compiled) -> float | None:
  """Returns the floating-point operations of a program of one device, each loop taken once; None: unknown."""
  flops = (program.cost_analysis() or {}).get("flops", math.nan)
  return float(flops) if math.isfinite(flops) else None


def cpu() -> Any | None:
  """Returns the device for which programs are lowered to be counted; None if JAX_PLATFORMS excludes it."""
  try:
    return jax.local_devices(backend="cpu")[0]
  except RuntimeError:
    return None


def not_counted() -> str:
  """Returns why operations are not counted."""
  if cpu():
    return "XLA counts no operations of this program"
  return f"operations are counted on JAX's CPU backend; set JAX_PLATFORMS={jax.default_backend()},cpu"


def count_on_cpu(
  method: Method, config: Config, shapes: State, arrays: tuple[Any, Any], devices: int
) -> float | None:
  """Counts one device's floating-point operations in a step, whatever the backend; None: it cannot.

  JAX counts a program before it is compiled on its CPU backend alone; a program that was compiled for a GPU
  lacks its convolutions and products, which are calls of cuDNN and cuBLAS. And XLA counts the body of a loop
  once. So the step without turns and every turn by itself, taken once, are lowered for the CPU, which takes a
  second each; nothing is compiled.
  """
  if not (device := cpu()):
    return None
  slots = jax.ShapeDtypeStruct((1,), jnp.int32)

  def count(*turns: Turn) -> float:
    run = step.dispatch(
      method._replace(turns=turns),
      seed=config.seed,
      batch_size=config.batch_size // devices,
      ema=config.ema,
      devices=[device],
    )
    found = count_flops(run.lower(slots, shapes, arrays))
    return math.nan if found is None else found

  rest = count()
  flops = rest + sum(turn.repeats * (count(turn._replace(repeats=1)) - rest) for turn in method.turns)
  return flops if math.isfinite(flops) else None


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


def source(program: Program, config: Config, dataset: data.Dataset, at: int) -> Iterator[step.Data]:
  """Returns what each call of the compiled program is given, from a step on: the data set, or its part."""
  if not (share := program.by_host):
    return itertools.repeat(put(program, (dataset.image, dataset.label)))

  def placed(x: np.ndarray) -> Array:
    return jax.make_array_from_process_local_data(program.slots.sharding, x)

  fed = host_reader.read_calls(dataset, config.seed, share, at // program.steps)
  return ((placed(image), placed(label)) for image, label in fed)


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
