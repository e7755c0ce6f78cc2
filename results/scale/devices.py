r"""Measures the distance between a run on one device and the same run on eight, step by step.

  XLA_FLAGS=--xla_force_host_platform_device_count=8 JAX_PLATFORMS=cpu \
    python -m results.scale.devices --out=DIR [--dtype=float64] [--width=128]

The WGAN-GP of configs/wgan_gp.py with its learning rates for images, 5 critic updates per step, and batches
of 16 images of 32x32 blobs. Adds to DIR/devices.json, by type and width, the relative distance |w - w'| / |w|
over the weights of both players after steps 0, 1, 2, 5 and 10. With float64, all sums, products and draws are
in float64.
"""

# ruff: noqa: E402

import argparse
import json
import pathlib
import sys

import jax
import jax.numpy as jnp

WIDE = "--dtype=float64" in sys.argv
if WIDE:
  jax.config.update("jax_enable_x64", True)
  jnp.float32 = jnp.float64  # before the modules below read it: they and Flax name their types by it

import numpy as np
import optax

from configs import wgan_gp
from gengap import data, methods
from gengap.method import Batch, Spec
from gengap.training import step

STEPS, LOGGED, BATCH, DEVICES, SIDE = 10, (0, 1, 2, 5, 10), 16, (1, 8), 32


def states(method, images, devices: int, dtype: str) -> list:
  """Trains on a number of devices; returns the weights after each of the logged steps."""
  example = Batch(jnp.zeros((1, *images[0].shape[1:])), jnp.zeros(1, jnp.int32))
  state, slots, found = step.init(method, 0, example, 0.0), jnp.arange(devices, dtype=jnp.int32), []
  assert {str(x.dtype) for x in jax.tree.leaves(state.nets)} == {dtype}
  program = step.dispatch(method, batch_size=BATCH).lower(slots, np.uint32(0), state, images).compile()
  places = program.input_shardings[0]
  for number in range(STEPS + 1):
    if number in LOGGED:
      found.append(jax.device_get({player: net["params"] for player, net in state.nets.items()}))
    state, _ = program(*jax.device_put((slots, np.uint32(0), state, images), places))
  return found


def distance(a, b) -> float:
  """Returns |a - b| / |a| over all arrays of two trees."""
  return float(optax.tree.norm(optax.tree.sub(a, b)) / optax.tree.norm(a))


def main() -> None:
  """Measures and writes."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
  parser.add_argument("--width", type=int, default=128)
  flags = parser.parse_args()
  config = wgan_gp.get_config("cifar10")  # the arguments for real images
  config.method_args.width = flags.width
  found = data.load("blobs_single", "train", image_size=SIDE)
  method = methods.build(config, Spec(found.image.shape[1:], len(found.classes), flags.dtype))
  runs = [states(method, (found.image, np.int32(found.label)), n, flags.dtype) for n in DEVICES]
  row = {str(at): distance(a, b) for at, a, b in zip(LOGGED, *runs, strict=True)}
  path = flags.out / "devices.json"
  written = json.loads(path.read_text()) if path.exists() else {}
  written[f"{flags.dtype}, width {flags.width}"] = row
  path.write_text(json.dumps(written, indent=2) + "\n")
  print(row)


if __name__ == "__main__":
  main()
