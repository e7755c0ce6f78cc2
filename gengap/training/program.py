"""Compiles the training program of a config, and places its data and state on the devices."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gengap import data, methods
from gengap.data import host_reader
from gengap.errors import InputError
from gengap.logs.log import still_alive
from gengap.method import AXIS, Array, Batch, Config, Method, Metrics, Spec, State
from gengap.training import compiling, flops, intervals, step
from gengap.training.checkpoint import Checkpoints

Ready: TypeAlias = Callable[[Method, State], None]


class Call(NamedTuple):
  """A call of a compiled program."""

  program: jax.stages.Compiled
  data: step.Data


class Program(NamedTuple):
  """A method, compiled for a data set and the devices."""

  method: Method
  spec: Spec
  slots: Array  # [devices]
  seed: Any  # of the run, uint32; of several runs an array [*runs.shape]
  runs: step.Runs  # that one call of the program trains
  # what is due in a step -> (slots, seed, state, data) -> (state, metrics [steps]); only on the CPU are these
  # different programs (see intervals.variants)
  compiled: Mapping[intervals.Due, jax.stages.Compiled]
  steps: int  # in the compiled program
  calls: int  # calls of the compiled program in one dispatch
  place: jax.sharding.NamedSharding  # of state and data: a whole copy on every device
  shapes: State  # abstract
  flops: float | None  # floating-point operations of a run's step on all devices, a mean; None: not counted
  flops_reason: str  # why they were not counted; "" if they were
  by_host: host_reader.Share | None  # what this process reads if the data are too large for the devices
  first_state: jax.stages.Compiled  # seed [] uint32 -> the state before the first step, on every device

  @property
  def place_of_runs(self) -> jax.sharding.NamedSharding:
    """The sharding of states that begin with the axes `runs.shape`."""
    return self.slots.sharding if self.runs.spread > 1 else self.place  # pyright: ignore

  def dispatch(self, state: State, source: Iterator[Call]) -> tuple[State, list[Metrics]]:
    """Sends config.steps_per_dispatch steps to the devices, without waiting for them.

    Args:
      state: before the steps; it is donated.
      source: see `source`.

    Returns:
      The state after the steps, and the metrics of each call, [*runs.shape, steps] each.
    """
    calls = []
    for _ in range(self.calls):
      call = next(source)
      state, metrics = call.program(self.slots, self.seed, state, call.data)
      calls.append(metrics)
    return state, calls


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
    ready: called with the method and the shapes of its state before compiling, which may take minutes.

  Raises:
    InputError: a method argument is out of range or does not suit the data.
  """
  return compile_method(methods.build(config, spec_of(config, dataset)), config, dataset, ready)


def spec_of(config: Config, dataset: data.Dataset) -> Spec:
  """Returns the Spec of a data set."""
  counts = np.bincount(dataset.label, minlength=len(dataset.classes))
  return Spec(dataset.image.shape[1:], len(dataset.classes), config.dtype, tuple(counts.tolist()))


def compile_method(
  method: Method, config: Config, dataset: data.Dataset, ready: Ready = lambda method, shapes: None
) -> Program:
  """Compiles the training program of a method, which need not be the one that the config names.

  See `compile_program` for the arguments.

  Raises:
    InputError: the run would draw too many images, or several runs would need images from the host.
  """
  spec = spec_of(config, dataset)
  images = config.steps * step.batches_per_step(method) * config.batch_size
  if images >= 2**32:
    raise InputError(f"config.steps is {config.steps}: the run would draw {images} images, 2^32 at most")
  if config.seeds > 1 and dataset.image.nbytes > config.data_device_bytes:
    raise InputError(
      f"config.seeds is {config.seeds}: runs that are trained together need the data on the device; raise "
      f"config.data_device_bytes to {dataset.image.nbytes}, or train one run at a time"
    )
  example = Batch(jnp.zeros((1, *spec.shape)), jnp.zeros(1, jnp.int32))
  shapes = jax.eval_shape(functools.partial(step.init, method, config.seed, ema=config.ema), example)
  ready(method, shapes)
  slots, place = devices()
  # On the CPU several steps in one program gain nothing: launching a program is cheap, and loops must be
  # unrolled (see step.loop), which would multiply the time to compile.
  steps = 1 if jax.default_backend() == "cpu" else config.steps_per_dispatch
  share = host_share(config, dataset, len(slots), steps * step.batches_per_step(method))
  runs = runs_of_program(config.seeds)
  seed = seeds_of_programs(config, runs)[0]

  def lower(method: Method) -> jax.stages.Lowered:
    run = step.dispatch(
      method,
      batch_size=config.batch_size,
      ema=config.ema,
      steps=steps,
      by_host=bool(share),
      horizontal_flip=config.horizontal_flip,
      runs=runs,
    )
    stacked = jax.tree.map(lambda x: jax.ShapeDtypeStruct((*runs.shape, *x.shape), x.dtype), shapes)
    return run.lower(slots.aval, seed, stacked, abstract_data(dataset, share, len(slots)))

  variants = intervals.variants(method)
  sharing = len(slots) // runs.spread  # devices of a run
  with still_alive("tracing"):
    if step.unrolled():
      lowered = {due: lower(variant) for due, (variant, _) in variants.items()}
      counts = [(flops.count_flops(lowered[due]), part / runs.mapped) for due, (_, part) in variants.items()]
      count = flops.weighted_sum(counts)
    else:
      lowered = dict.fromkeys(variants, lower(method))
      whole = abstract((dataset.image, dataset.label))
      count = flops.count_on_cpu(method, config, shapes, whole, sharing)
    lowered_first = lower_first_state(method, config, spec, place)
  different = {id(each): each for each in lowered.values()}
  *training, first_state = compiling.together([*different.values()], lowered_first)
  programs = dict(zip(different, training, strict=True))
  return Program(
    method,
    spec,
    slots,
    seed,
    runs,
    {due: programs[id(each)] for due, each in lowered.items()},
    steps,
    config.steps_per_dispatch // steps,
    place,
    shapes,
    None if count is None else count * sharing,
    flops.reason_not_counted() if count is None else "",
    share,
    first_state,
  )


def runs_of_program(seeds: int) -> step.Runs:
  """Returns how many of a config's runs one call of the program trains, and how.

  Several devices get whole runs if every device gets equally many; otherwise they share every run's batches.
  The runs of a device are mapped, except on the CPU, where calls of one run's program are compiled once and
  give the bits of the run that is trained alone. Several processes share batches.
  """
  devices = jax.device_count()
  spread = devices if seeds % devices == 0 and jax.process_count() == 1 else 1
  return step.Runs(spread, seeds // spread if step.maps_runs() else 1)


def seeds_of_programs(config: Config, runs: step.Runs) -> np.ndarray:
  """Returns the seeds of a config's runs, [calls, *runs.shape] uint32."""
  seeds = config.seed + np.arange(config.seeds)
  return seeds.astype(np.uint32).reshape(-1, *runs.shape)


def host_share(config: Config, dataset: data.Dataset, slots: int, batches: int) -> host_reader.Share | None:
  """Returns what this process reads for each call of a program; None if the data fit on the devices.

  Args:
    config: of the run.
    dataset: its training images.
    slots: devices of all processes.
    batches: that one call of the program draws.
  """
  if dataset.image.nbytes <= config.data_device_bytes:
    return None
  mine = range(slots // jax.process_count() * jax.process_index(), slots)
  return host_reader.Share(config.batch_size, slots, mine[: jax.local_device_count()], batches)


def abstract_data(dataset: data.Dataset, share: host_reader.Share | None, slots: int) -> Any:
  """Returns the shapes and types of the data that one call of the program gets."""
  if not share:
    return abstract((dataset.image, dataset.label))
  shape = (slots, share.batches, share.batch_size // slots)
  image, label = dataset.image, dataset.label
  images = jax.ShapeDtypeStruct((*shape, *image.shape[1:]), image.dtype)
  return images, jax.ShapeDtypeStruct(shape, label.dtype)


def abstract(tree: Any) -> Any:
  """Returns the shapes and types of a tree of arrays."""
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def devices() -> tuple[Array, jax.sharding.NamedSharding]:
  """Returns each device's number, on that device, and the sharding of arrays that all devices hold whole."""
  ordered = [d for process in range(jax.process_count()) for d in jax.local_devices(process)]  # as pmap's
  mesh, number = jax.sharding.Mesh(np.array(ordered), AXIS), np.arange(len(ordered))
  each = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(AXIS))
  slots = jax.make_array_from_callback(number.shape, each, lambda index: number[index])
  return slots, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def put(program: Program, tree: Any) -> Any:
  """Copies arrays of the host, the same in every process, to every device."""
  return jax.tree.map(
    lambda x: jax.make_array_from_callback(x.shape, program.place, lambda index: x[index]), tree
  )


def source(program: Program, config: Config, dataset: data.Dataset, at: int) -> Iterator[Call]:
  """Returns the calls of compiled programs from a step on, with their data: the data set, or its batches."""
  return calls_from(program, at, data_of_calls(program, config, dataset, at))


def calls_from(program: Program, at: int, data_of: Iterator[step.Data]) -> Iterator[Call]:
  """Returns the calls of compiled programs from a step on, with the given data."""
  steps = itertools.count(at, program.steps)
  programs = (program.compiled[intervals.due(program.method, first)] for first in steps)
  return map(Call, programs, data_of)


def data_of_calls(program: Program, config: Config, dataset: data.Dataset, at: int) -> Iterator[step.Data]:
  """Returns the data of each call from a step on."""
  if not (share := program.by_host):
    return itertools.repeat(put(program, (dataset.image, dataset.label)))

  def placed(x: np.ndarray) -> Array:
    return jax.make_array_from_process_local_data(program.slots.sharding, x)

  batches = host_reader.read_calls(dataset, config.seed, share, at // program.steps)
  return ((placed(image), placed(label)) for image, label in batches)


def lower_first_state(
  method: Method, config: Config, spec: Spec, place: jax.sharding.NamedSharding
) -> jax.stages.Lowered:
  """Returns the program that makes the state before the first step, on every device, from a seed."""

  @functools.partial(jax.jit, out_shardings=place)
  def init(seed: Array) -> State:
    example = Batch(jnp.zeros((1, *spec.shape)), jnp.zeros(1, jnp.int32))
    return step.init(method, seed, example, ema=bool(config.ema))

  return init.lower(jax.ShapeDtypeStruct((), jnp.uint32))


def starter(program: Program) -> Callable[[int], State]:
  """Returns a function of the seed: the state of its run before the first step, on every device."""
  return lambda seed: program.first_state(np.uint32(seed))


def resume(program: Program, checkpoints: Checkpoints, say: Callable[[str], None]) -> State | None:
  """Returns the state of the newest readable checkpoint, on every device; None if there is no checkpoint."""
  target = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=program.place), program.shapes
  )
  return checkpoints.resume(target, say)
