"""How fast a run generates images."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gengap.evaluation.quantities import Better, Block, Quantity
from gengap.method import draw_labels
from gengap.run import Run
from gengap.training import sampling_cost
from gengap.training.cost import counted, device
from gengap.training.sampling_cost import BATCH

REPEATS = 5

BLOCKS = {  # of eval/STEP.json
  "sampling": Block(
    (
      Quantity(
        "images_per_second",
        "images a second",
        better=Better.HIGH,
        meaning="How many images the generator makes in a second on the named device: higher is cheaper.",
      ),
      Quantity(
        "flops_per_image",
        "operations an image",
        better=Better.LOW,
        meaning="How many floating point operations one sample takes: lower is cheaper.",
      ),
    ),
    frozenset({"batch", "device"}),
    on_images=False,
  )
}


def seconds(call: Callable[[], Any], repeats: int) -> list[float]:
  """Returns the wall times of calls, each waited for, after a first one that is not counted."""
  jax.block_until_ready(call())
  times = []
  for _ in range(repeats):
    before = time.perf_counter()
    jax.block_until_ready(call())
    times.append(time.perf_counter() - before)
  return times


def sampling(run: Run) -> dict[str, Any]:
  """Measures how fast a run generates images, from latents on the device to images on the device.

  Returns:
    images_per_second, the median over batches of 256; flops_per_image, the sampling_flops of run.json, or
    None with flops_reason; batch and device.
  """
  z = jax.random.normal(jax.random.key(0), (BATCH, run.method.latent_dim))
  label = jnp.asarray(draw_labels(np.arange(BATCH) / BATCH, run.class_counts))
  compiled = jax.jit(run.generator()).lower(run.nets, z, label).compile()
  times = seconds(lambda: compiled(run.nets, z, label), REPEATS)
  flops, reason = sampling_cost.per_image(run.method, run.nets)
  return {
    "images_per_second": BATCH / float(np.median(times)),
    **counted("flops_per_image", flops, reason),
    "batch": BATCH,
    "device": device(),
  }
