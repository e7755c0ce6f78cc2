"""Compares runs of several seeds that train together with the same runs one after another.

  python -m results.speed.population [CASE ...] [--seeds=4] [--rounds=5] [--steps=10] [--commands]

It times steps, each form in turn in one process: the calls of one run's program for each run (`in turn`), and
one program for all (`mapped`), whose convolutions have a kernel for each run: XLA's grouped convolutions
(`stock`) or batched matrix products of patches (`products`). With --commands it times whole commands instead,
each time from an empty cache: one `gengap.main --config.seeds=N`, and N commands of one seed each. One JSON
line for each case; ratios are those of each round to the runs one after another.
"""

import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from gengap.command_line import cli
from gengap.method import Batch, Method, Spec
from gengap.methods import METHODS
from gengap.networks import convolution
from gengap.training import cost, step
from launch.parser import Parser

ROOT = pathlib.Path(__file__).parents[2]
SPEC = Spec((32, 32, 1), 1)
BATCH = 64
CASES: dict[str, dict[str, Any]] = {
  "dense": {"network": "dense", "width": 256, "n_critic": 1},
  "dcgan": {"network": "dcgan", "width": 32, "n_critic": 1},
  "resnet": {"network": "resnet", "width": 16, "n_critic": 1},
}
FORMS = {"stock": (True, convolution.FEW), "products": (False, 2**30)}  # stock(), FEW
COMMAND_STEPS = 100


def states(method: Method, seeds: int) -> list[Any]:
  """Returns the states of runs of seeds 0, 1, ..."""
  example = Batch(jnp.zeros((1, *SPEC.shape)), jnp.zeros(1, jnp.int32))
  init = jax.jit(lambda seed: step.init(method, seed, example, 0.0))
  return [init(np.uint32(seed)) for seed in range(seeds)]


def in_turn(method: Method, seeds: int, data: step.Data) -> Callable[[], Any]:
  """Returns a function that makes one step of every run, by calls of one run's program."""
  now, slots = states(method, seeds), jnp.arange(1)
  run = step.dispatch(method, batch_size=BATCH).lower(slots, np.uint32(0), now[0], data)
  run = run.compile(convolution.compiler_options())

  def once() -> Any:
    for seed in range(seeds):
      now[seed], _ = run(slots, np.uint32(seed), now[seed], data)
    return now

  return once


def mapped(method: Method, seeds: int, data: step.Data, form: str) -> Callable[[], Any]:
  """Returns a function that makes one step of every run, by one program."""
  now = [jax.tree.map(lambda *x: jnp.stack(x), *states(method, seeds))]
  slots, each = jnp.arange(1), np.arange(seeds, dtype=np.uint32)
  stock, few = FORMS[form]
  with mock.patch.object(convolution, "stock", lambda: stock), mock.patch.object(convolution, "FEW", few):
    lowered = step.dispatch(method, batch_size=BATCH, runs=step.Runs(1, seeds)).lower(
      slots, each, now[0], data
    )
  run = lowered.compile(convolution.compiler_options())

  def once() -> Any:
    now[0], _ = run(slots, each, now[0], data)
    return now

  return once


def seconds(call: Callable[[], Any], steps: int) -> float:
  """Returns the time of a step of all runs."""
  start = time.perf_counter()
  jax.block_until_ready([call() for _ in range(steps)][-1])
  return (time.perf_counter() - start) / steps


def ratios(times: dict[str, list[float]], base: str) -> dict[str, Any]:
  """Returns medians, and of the others the median and the range of the ratios to `base` in each round."""
  found: dict[str, Any] = {"seconds": {name: round(statistics.median(t), 5) for name, t in times.items()}}
  for name in times.keys() - {base}:
    each = [a / b for a, b in zip(times[name], times[base], strict=True)]
    found |= {f"{name} / {base}": [round(x, 3) for x in (statistics.median(each), min(each), max(each))]}
  return found


def time_steps(case: str, seeds: int, rounds: int, steps: int) -> dict[str, Any]:
  """Times steps of a WGAN-GP, all forms in turn; also the seconds until each made its first step."""
  method = METHODS["wgan_gp"](SPEC, **CASES[case])
  images = np.random.default_rng(0).integers(0, 256, (10_000, *SPEC.shape), np.uint8)
  data = jax.device_put((images, np.zeros(10_000, np.int32)))
  calls: dict[str, Callable[[], Any]] = {}
  first: dict[str, float] = {}
  makes = {"in turn": in_turn}
  makes |= {f"mapped, {form}": functools.partial(mapped, form=form) for form in FORMS}
  for name, make in makes.items():
    start = time.perf_counter()
    calls[name] = make(method, seeds, data)
    jax.block_until_ready(calls[name]())
    first[name] = round(time.perf_counter() - start, 1)
  times = {name: [] for name in calls}
  for _ in range(rounds):
    for name, call in calls.items():
      times[name].append(seconds(call, steps))
  return {"first_step_seconds": first} | ratios(times, "in turn")


def command(case: str, workdir: pathlib.Path, **fields: object) -> list[str]:
  """Returns the command that trains a case on blobs."""
  args = {f"method_args.{name}": value for name, value in CASES[case].items()}
  fields = dict(steps=COMMAND_STEPS, image_size=32, batch_size=BATCH, eval_images=BATCH) | args | fields
  every = dict.fromkeys(("eval_every", "sample_every", "checkpoint_every"), COMMAND_STEPS)
  flags = [f"--config.{name}={value}" for name, value in (fields | every).items()]
  return [sys.executable, "-m", "gengap.main", "--config=configs/wgan_gp.py", f"--workdir={workdir}", *flags]


def time_commands(case: str, seeds: int, rounds: int) -> dict[str, Any]:
  """Times whole commands, from an empty cache of programs and data."""
  times: dict[str, list[float]] = {"one after another": [], "together": []}
  for _ in range(rounds):
    for name, taken in times.items():
      with tempfile.TemporaryDirectory() as folder:
        out, environment = pathlib.Path(folder), os.environ | {"GENGAP_CACHE": f"{folder}/cache"}
        calls = [command(case, out / "runs", seeds=seeds)]
        if name == "one after another":
          calls = [command(case, out / "runs" / str(seed), seed=seed) for seed in range(seeds)]
        start = time.perf_counter()
        for call in calls:
          subprocess.run(call, cwd=ROOT, env=environment, check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
  return {"steps": COMMAND_STEPS} | ratios(times, "one after another")


def main() -> None:
  parser = Parser(__doc__)
  parser.add_argument("--seeds", type=int, default=4)
  parser.add_argument("--rounds", type=int, default=5)
  parser.add_argument("--steps", type=int, default=10)
  parser.add_argument("--commands", action="store_true")
  parser.add_argument("cases", nargs="*", default=list(CASES))
  args = parser.parse_args()
  if unknown := [case for case in args.cases if case not in CASES]:
    parser.error(f"{unknown[0]} is none of {', '.join(CASES)}")
  cli.keep_memory()
  for case in args.cases:
    found = (
      time_commands(case, args.seeds, args.rounds)
      if args.commands
      else time_steps(case, args.seeds, args.rounds, args.steps)
    )
    print(json.dumps({"case": case, "seeds": args.seeds, "device": cost.device()} | found), flush=True)


if __name__ == "__main__":
  main()
