"""Times the training step of any config: seconds, images, floating-point operations, share of the peak.

  python -m gengap.bench --config=configs/wgan_gp.py:cifar10 [--steps=N] [--config.FIELD=VALUE ...]

The last line is JSON. Nothing is written but the caches of data and programs.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from ml_collections import config_flags

import gengap
from gengap import config as settings
from gengap.command_line import cli
from gengap.distributed import processes
from gengap.errors import InputError
from gengap.evaluation.speed import seconds
from gengap.method import Config
from gengap.training import intervals, program, step
from gengap.training.cost import counted, device
from gengap.training.population import Population

FLAGS = cli.flags()
processes.define_flags(FLAGS)
CONFIG = config_flags.DEFINE_config_file(
  "config", None, "Experiment, and after a colon its data set.", flag_values=FLAGS
)
STEPS = flags.DEFINE_integer("steps", 20, "Dispatches to time, after the first two.", flag_values=FLAGS)

# Dense peak in FLOP/s of matrix products by device kind, of float32 inputs at JAX's default precision (which
# is TF32 on NVIDIA and bfloat16 passes on TPU) and of bfloat16 inputs. From the makers' data sheets.
PEAKS = {
  "NVIDIA A100-SXM4-40GB": (156e12, 312e12),
  "NVIDIA A100-SXM4-80GB": (156e12, 312e12),
  "NVIDIA H100 80GB HBM3": (494e12, 989e12),
  "NVIDIA H200": (494e12, 989e12),
  "TPU v4": (275e12, 275e12),
  "TPU v5 lite": (197e12, 197e12),
  "TPU v5p": (459e12, 459e12),
  "TPU v6 lite": (918e12, 918e12),
}


def peak(dtype: str = "float32") -> float:
  """Returns the peak of all devices in FLOP/s: from the table above, or that of a large matrix product."""
  kind, count, on_cpu = jax.devices()[0].device_kind, jax.device_count(), jax.default_backend() == "cpu"
  if kind in PEAKS:
    return PEAKS[kind][dtype == "bfloat16"] * count
  n = 2048 if on_cpu else 8192
  product = jax.jit(jnp.dot)
  a = jnp.ones((n, n), dtype)
  times = seconds(lambda: product(a, a), 5)
  return 2 * n**3 / min(times) * (1 if on_cpu else count)  # devices of the CPU backend share its cores


def bench(config: Config, repeats: int) -> dict[str, Any]:
  """Times one config.

  Returns:
    seeds (runs that are trained together), step_seconds (median of one generator step of all of them; the
    mean over whole intervals if a turn has one),
    images_per_second (real images drawn), input_share (of the time, spent waiting for images), flops_per_step
    (as XLA counts them before it optimises) and peak_share (None both where they are not counted, and
    flops_reason says why), first_step_seconds (since the start of this command, data and compilation
    included) and device.
  """
  settings.check(config)
  dataset = program.load_data(config, "train")
  compiled = program.compile_program(config, dataset)
  seeds = range(config.seed, config.seed + config.seeds)
  states = list(map(program.starter(compiled), seeds))
  population = Population(compiled, config, dataset, states)
  processes.barrier()
  waits: list[float] = []

  def timed(calls: Iterator[program.Call]) -> Iterator[program.Call]:
    while True:
      before = time.perf_counter()
      found = next(calls)
      waits.append(time.perf_counter() - before)
      yield found

  population.calls = [timed(calls) for calls in population.calls]

  def dispatch():
    population.dispatch(range(config.seeds))
    return population.states

  jax.block_until_ready(dispatch())
  first = time.perf_counter() - gengap.STARTED
  repeats = -(-repeats // intervals.period(compiled.method)) * intervals.period(compiled.method)
  times = seconds(dispatch, repeats)
  typical = np.median if intervals.period(compiled.method) == 1 else np.mean
  step_seconds = float(typical(times)) / config.steps_per_dispatch
  flops = compiled.flops and compiled.flops * config.seeds
  drawn = config.batch_size * step.batches_per_step(compiled.method) * config.seeds
  return {
    "seeds": config.seeds,
    "step_seconds": step_seconds,
    "images_per_second": drawn / step_seconds,
    "input_share": sum(waits[-repeats * compiled.calls * len(population.calls) :]) / sum(times),
    **counted("flops_per_step", flops, compiled.flops_reason),
    "peak_share": flops and flops / step_seconds / peak(config.dtype),
    "first_step_seconds": first,
    "device": device(),
  }


def main(rest: list[str]) -> None:
  """Checks the flags, then times and prints."""
  cli.require(rest, config=CONFIG.value)
  if STEPS.value < 1:
    raise InputError(f"--steps is {STEPS.value}; it must be at least 1")
  found = bench(CONFIG.value, STEPS.value)
  if processes.is_first():
    print(json.dumps(found, allow_nan=False))


if __name__ == "__main__":
  cli.run(main, FLAGS)
