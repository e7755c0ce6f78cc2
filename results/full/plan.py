"""What fits into some minutes: the seconds of every row, from times of steps, and the seeds that are trained.

Times are measured on this machine after compilation, or were measured by an earlier run on the same kind of
devices (step_times.json).
"""

import concurrent.futures
import json
import math
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from gengap.bench import bench
from gengap.method import Config
from gengap.training.cost import device
from gengap.training.program import compile_program, load_data

KNOWN = pathlib.Path(__file__).with_name("step_times.json")
MEASURED, RECORDED = "measured now", "recorded"
DISPATCHES = 3  # that are timed
AT_ONCE = 8  # programs that are compiled side by side for an accelerator
EVALUATION = 20.0  # seconds for a seed, before an evaluation of its kind has been timed


class Speed(NamedTuple):
  """How fast a program is."""

  step: float  # seconds of a training step
  setup: float  # seconds before the first one
  source: str  # MEASURED or RECORDED


class Cost(NamedTuple):
  """Seconds of a row."""

  setup: float  # once: data, programs
  seed: float  # training and evaluation of each seed
  judge: str = ""  # the classifier that it needs
  judging: float = 0.0  # seconds to train that classifier, once for all rows that need it; 0: it is there


def training_seconds(speed: Speed, config: Config, seeds: int) -> float:
  """Returns how long the training of some seeds takes at most: one after another."""
  return speed.step * config.steps * seeds


def choose(costs: Mapping[str, Cost], done: Mapping[str, int], left: float, most: int) -> dict[str, int]:
  """Returns how many more seeds of each row fit, the first seeds of all rows before any second one.

  A seed that does not fit is left out, and cheaper ones after it may still fit.

  Args:
    costs: of all rows, in the order of their value.
    done: row -> seeds that are finished; rows without any may be missing.
    left: seconds; infinity: all fit.
    most: seeds of a row.
  """
  chosen: dict[str, int] = {}
  judges: set[str] = set()
  for seed in range(most):
    for name, cost in costs.items():
      if seed < done.get(name, 0):
        continue
      setup = 0.0 if name in chosen else cost.setup
      needed = cost.seed + setup + (0.0 if cost.judge in judges else cost.judging)
      if needed <= left:
        left -= needed
        chosen[name] = chosen.get(name, 0) + 1
        judges.add(cost.judge)
  return chosen


def total(costs: Mapping[str, Cost], chosen: Mapping[str, int]) -> float:
  """Returns the seconds of what was chosen."""
  judges = {costs[name].judge: costs[name].judging for name in chosen}
  return sum(costs[name].setup + costs[name].seed * n for name, n in chosen.items()) + sum(judges.values())


def kept(file: pathlib.Path) -> dict[str, Any]:
  """Returns a file of step times: device -> program -> step and setup; {} if there is none."""
  return json.loads(file.read_text()) if file.is_file() else {}


def speeds(configs: Mapping[str, Config], file: pathlib.Path) -> dict[str, Speed]:
  """Returns the speed of every program; measures those that are not known of this kind of device.

  Args:
    configs: name of a program -> config.
    file: to which the measured ones are added.
  """
  known = kept(KNOWN).get(device(), {}) | kept(file).get(device(), {})
  found = {name: Speed(**known[name], source=RECORDED) for name in configs if name in known}
  unknown = {name: config for name, config in configs.items() if name not in known}
  if jax.default_backend() != "cpu" and len(unknown) > 1:  # into the cache of programs
    with concurrent.futures.ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)) as pool:
      list(pool.map(lambda config: compile_program(config, load_data(config, "train")), unknown.values()))
  for name, config in unknown.items():
    found[name] = speed = measure(config)
    everything = kept(file)
    everything.setdefault(device(), {})[name] = {"step": speed.step, "setup": speed.setup}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(everything, indent=1) + "\n")
  return found


def measure(config: Config) -> Speed:
  """Returns the speed of a config's program: a few dispatches after compilation."""
  config = config.copy_and_resolve_references()
  if jax.default_backend() == "cpu":  # where every step is a call of its own
    config.steps_per_dispatch = 1
  before = time.perf_counter()
  step = bench(config, DISPATCHES)["step_seconds"]
  timed = step * config.steps_per_dispatch * (DISPATCHES + 2)
  return Speed(step, max(0.0, time.perf_counter() - before - timed), MEASURED)


def minutes(seconds: float) -> str:
  """Returns a time in words."""
  if math.isinf(seconds):
    return "no limit"
  return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"
