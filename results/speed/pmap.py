"""Measures the cost of pmap over jit: the same step compiled by both, timed in turn in one process.

python results/speed/pmap.py [--rounds=15]

The jit twin has no devices to average over: pmap is replaced by jit, and pmean by the identity.
"""

import argparse
import json
import statistics
import time
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from gengap.command_line import cli
from gengap.method import Batch, Spec
from gengap.methods import METHODS
from gengap.networks import layers
from gengap.training import step

CASES = {
  "wgan_gp": ("wgan_gp", dict(network="resnet", width=32), 64),
  "vae": ("vae", {}, 256),
  "dense": ("wgan_gp", dict(network="dense", width=256, n_critic=1), 64),
}
SPEC = Spec((32, 32, 3), 1)


def as_jit(f, axis, in_axes, out_axes, donate_argnums):
  """Stands in for jax.pmap on one device."""
  del axis, in_axes, out_axes
  return jax.jit(lambda slot, seed, state, data: f(slot[0], seed, state, data), donate_argnums=donate_argnums)


def compare(name: str, args: dict, batch_size: int, rounds: int) -> dict:
  """Returns medians of both and the median of the ratios of neighbouring calls."""
  method = METHODS[name](SPEC, **args)
  example = Batch(jnp.zeros((1, *SPEC.shape)), jnp.zeros(1, jnp.int32))
  images = np.random.default_rng(0).integers(0, 256, (10_000, *SPEC.shape), np.uint8)
  data = jax.device_put((images, np.zeros(10_000, np.int32)))
  slots, seed = jnp.arange(1), jnp.uint32(0)

  def first(program):
    state, _ = program(slots, seed, step.init(method, 0, example, 0.0), data)
    return program, jax.block_until_ready(state)

  programs = {"pmap": first(step.dispatch(method, batch_size=batch_size))}
  with (
    mock.patch.object(jax, "pmap", as_jit),
    mock.patch.object(jax.lax, "pmean", lambda x, axis: x),
    mock.patch.object(jax.lax, "axis_size", lambda axis: 1),
    mock.patch.object(layers, "AXIS", None),
  ):
    programs["jit"] = first(step.dispatch(method, batch_size=batch_size))

  seconds = {"pmap": [], "jit": []}
  for _ in range(rounds):
    for kind, (program, state) in programs.items():
      start = time.perf_counter()
      programs[kind] = (program, jax.block_until_ready(program(slots, seed, state, data)[0]))
      seconds[kind].append(time.perf_counter() - start)
  ratios = [a / b for a, b in zip(seconds["pmap"], seconds["jit"], strict=True)]
  medians = {f"{kind}_step_seconds": statistics.median(times) for kind, times in seconds.items()}
  return medians | {"ratio": statistics.median(ratios)}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--rounds", type=int, default=15)
  args = parser.parse_args()
  cli.keep_memory()
  cli.keep_programs()
  for case, (name, settings, batch_size) in CASES.items():
    print(json.dumps({"which": case} | compare(name, settings, batch_size, args.rounds)), flush=True)


if __name__ == "__main__":
  main()
