"""Counts the floating-point operations of a training step."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from gengap.method import Config, Method, State, Turn
from gengap.training import intervals, step


def count_flops(program: jax.stages.Lowered | jax.stages.Compiled) -> float | None:
  """Returns the floating-point operations of a program of one device, with one iteration per loop.

  None if XLA does not count them.
  """
  flops = (program.cost_analysis() or {}).get("flops", math.nan)
  return float(flops) if math.isfinite(flops) else None


def weighted_sum(counts: Sequence[tuple[float | None, float]]) -> float | None:
  """Returns the sum of the operations of programs, each times its weight; None if one is not counted."""
  values = [math.nan if count is None else weight * count for count, weight in counts]
  return sum(values) if math.isfinite(sum(values)) else None


def cpu() -> Any | None:
  """Returns the device that programs are lowered for when counting; None if JAX_PLATFORMS excludes it."""
  try:
    return jax.local_devices(backend="cpu")[0]
  except RuntimeError:
    return None


def reason_not_counted() -> str:
  """Returns the reason why operations are not counted."""
  if cpu():
    return "XLA counts no operations of this program"
  return f"operations are counted on JAX's CPU backend; set JAX_PLATFORMS={jax.default_backend()},cpu"


def count_on_cpu(
  method: Method, config: Config, shapes: State, arrays: tuple[Any, Any], devices: int
) -> float | None:
  """Counts one device's floating-point operations in a step, whatever the backend; None if it cannot.

  JAX counts a program before it is compiled only on its CPU backend. A program that was compiled for a GPU
  lacks its convolutions and products, which are calls of cuDNN and cuBLAS. XLA counts the body of a loop
  once. So this lowers the step without turns, and with one repeat of each turn alone, for the CPU. That takes
  a second each and compiles nothing. A turn with an interval counts with its mean over the interval.
  """
  if not (device := cpu()):
    return None
  slots, seed = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((), jnp.uint32)

  def count(*turns: Turn) -> float | None:
    run = step.dispatch(
      method._replace(turns=turns),
      batch_size=config.batch_size // devices,
      ema=config.ema,
      horizontal_flip=config.horizontal_flip,
      devices=[device],
    )
    return count_flops(run.lower(slots, seed, shapes, arrays))

  def of_turn(turn: Turn) -> float | None:
    alone = method._replace(turns=(turn._replace(repeats=1),))
    return weighted_sum(
      [(count(*variant.turns), share) for variant, share in intervals.variants(alone).values()]
    )

  updates = sum(turn.repeats for turn in method.turns)
  return weighted_sum([(count(), 1 - updates), *((of_turn(turn), turn.repeats) for turn in method.turns)])
