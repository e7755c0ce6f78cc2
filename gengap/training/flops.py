"""Counts the floating-point operations of a training step."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from gengap.method import Config, Method, State, Turn
from gengap.training import step


def count_flops(program: jax.stages.Lowered | jax.stages.Compiled) -> float | None:
  """Returns the floating-point operations of a program of one device, with one iteration per loop.

  None if XLA does not count them.
  """
  flops = (program.cost_analysis() or {}).get("flops", math.nan)
  return float(flops) if math.isfinite(flops) else None


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
  a second each and compiles nothing.
  """
  if not (device := cpu()):
    return None
  slots, seed = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((), jnp.uint32)

  def count(*turns: Turn) -> float:
    run = step.dispatch(
      method._replace(turns=turns),
      batch_size=config.batch_size // devices,
      ema=config.ema,
      devices=[device],
    )
    found = count_flops(run.lower(slots, seed, shapes, arrays))
    return math.nan if found is None else found

  rest = count()
  flops = rest + sum(turn.repeats * (count(turn._replace(repeats=1)) - rest) for turn in method.turns)
  return flops if math.isfinite(flops) else None
