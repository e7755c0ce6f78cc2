"""Computes how runs would scale on TPU slices: the traffic between chips in a step, against the work.

XLA_FLAGS=--xla_force_host_platform_device_count=2 JAX_PLATFORMS=cpu python -m results.scale.plan  (plan.json)

Counted in the program for two devices: the operations of every turn, as XLA counts them, and its all-reduces
with their bytes. Published (cloud.google.com/tpu/docs/v5e and v5p): a chip's peak, memory and links. Assumed:
a chip reaches SHARE of its peak, and a message takes HOP per chip on its way.
"""

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from gengap import config as settings
from gengap import methods
from gengap.method import Batch, Method, Spec, Turn
from gengap.training import step
from gengap.training.flops import count_flops

HERE = pathlib.Path(__file__).parent
SHARE = 0.3  # of the peak; the step's on two CPU cores, of a large matrix product's, is 0.27
HOP = 1e-6  # seconds


class Slice(NamedTuple):
  """Chips and what connects them."""

  kind: str
  peak: float  # FLOP/s of a chip, bfloat16
  memory: float  # bytes/s of its memory
  sent: float  # bytes/s that a chip can send over all its links
  shape: tuple[int, ...]  # of the torus

  def chips(self) -> int:
    """Returns how many."""
    return math.prod(self.shape)

  def reduce(self, size: float, messages: int) -> float:
    """Returns the seconds of all-reduces of a total size: each is a reduce-scatter and an all-gather.

    Both send size * (n - 1) / n from every chip, and take as many hops as there are to the farthest chip. On
    v5e, axes shorter than that of a whole pod (16 chips) are not rings: the links at their ends are missing,
    and half of the others are idle.
    """
    n = self.chips()
    ring = self.kind != "v5e" or min(self.shape) == 16
    far = sum(axis // 2 if ring else axis - 1 for axis in self.shape)
    return 2 * size * (n - 1) / n / (self.sent if ring else self.sent / 2) + messages * 2 * far * HOP


V5E = [Slice("v5e", 197e12, 819e9, 200e9, shape) for shape in ((1, 1), (2, 2), (4, 4), (8, 8), (16, 16))]
V5P = [Slice("v5p", 459e12, 2765e9, 600e9, shape) for shape in ((2, 2, 1), (4, 4, 4), (8, 8, 16))]
CASES = {  # what is trained -> config, its fields, its images
  "C3's WGAN-GP, width 128": ("wgan_gp", dict(network="resnet", width=128, latent_dim=128, n_critic=5)),
  "C's VAE, 1024 latents": ("vae", dict(latent_dim=1024)),
}
SPEC = Spec((32, 32, 3), 10)


class Work(NamedTuple):
  """The work of a step: operations per image, and what every device sends."""

  flops: float  # of an image
  sent: int  # bytes: gradients, moments of BatchNorm, numbers for the log
  messages: int  # all-reduces that wait for each other: of gradients, and of each BatchNorm
  moved: int  # bytes that Adam reads and writes, on every chip alike: weights, gradients and two moments


def reductions(jaxpr: Any, before: Sequence[int]) -> tuple[list[int], int]:
  """Counts the all-reduces of a program without loops.

  Args:
    jaxpr: of the program.
    before: the number of all-reduces before each input.

  Returns:
    The number on the longest path to each output (independent all-reduces can be sent as one), and the bytes
    of all.
  """
  way, size = dict(zip(jaxpr.invars, before, strict=True)), 0
  for equation in jaxpr.eqns:
    known = [0 if isinstance(x, Literal) else way.get(x, 0) for x in equation.invars]
    held = (getattr(value, "jaxpr", value) for value in equation.params.values())
    inner = next((x for x in held if hasattr(x, "eqns")), None)
    if inner is not None:
      found, more = reductions(inner, known)
    else:
      sends = equation.primitive.name.startswith("psum")
      more = sum(x.aval.size * x.aval.dtype.itemsize for x in equation.invars) if sends else 0
      found = [max(known, default=0) + sends] * len(equation.outvars)
    way |= dict(zip(equation.outvars, found, strict=True))
    size += more
  return [0 if isinstance(x, Literal) else way.get(x, 0) for x in jaxpr.outvars], size


def turn_work(method: Method, turn: Turn, batch: int) -> Work:
  """Returns the work of one turn of a method."""
  one = method._replace(turns=(turn._replace(repeats=1),))
  example = Batch(jnp.zeros((1, *SPEC.shape)), jnp.zeros(1, jnp.int32))
  shapes = jax.eval_shape(lambda: step.init(method, 0, example, 0.0))
  data = jax.ShapeDtypeStruct((50_000, *SPEC.shape), jnp.uint8), jax.ShapeDtypeStruct((50_000,), jnp.int32)
  slots = jax.ShapeDtypeStruct((jax.device_count(),), jnp.int32)
  seed = jax.ShapeDtypeStruct((), jnp.uint32)
  run = step.dispatch(one, batch_size=batch * jax.device_count(), ema=0.0)
  jaxpr = jax.make_jaxpr(run)(slots, seed, shapes, data).jaxpr
  ways, size = reductions(jaxpr, [0] * len(jaxpr.invars))
  weights = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes.nets[turn.player]["params"]))
  flops = count_flops(run.lower(slots, seed, shapes, data))
  assert flops is not None, "XLA counts no operations here"
  return Work(flops / batch, size, max(ways), 7 * weights)


def work(name: str, args: dict) -> Work:
  """Returns the work of a step of a method."""
  config = settings.base(name, "cifar10", **args)
  method = methods.build(config, SPEC)
  found = [(turn.repeats, turn_work(method, turn, 16)) for turn in method.turns]
  flops, *rest = (sum(times * part[i] for times, part in found) for i in range(len(Work._fields)))
  return Work(flops, *map(int, rest))


def times(of: Work, where: Slice, batch: int) -> tuple[float, float, float]:
  """Returns the seconds of a step that its work, its updates and its messages take."""
  sent = where.reduce(of.sent, of.messages) if where.chips() > 1 else 0.0
  return of.flops * batch / (where.chips() * where.peak * SHARE), of.moved / where.memory, sent


def row(of: Work, where: Slice, batch: int, a_chip: int | None = None) -> dict[str, float | str]:
  """Returns a row of the plan: one batch on all chips, or `a_chip` images on each."""
  n = where.chips()
  seconds = times(of, where, a_chip * n if a_chip else batch)
  alone = sum(times(of, where._replace(shape=(1,)), a_chip or batch))  # on one chip
  names = ("work_ms", "update_ms", "sent_ms")
  return {
    "slice": f"{where.kind}, {n} chips",
    "images": a_chip * n if a_chip else batch,
    **{name: 1e3 * x for name, x in zip(names, seconds, strict=True)},
    "efficiency": alone / sum(seconds) / (1 if a_chip else n),
  }


def main() -> None:
  if jax.device_count() < 2:
    raise SystemExit("one device sends nothing: see the command above")
  plan = {}
  for case, (name, args) in CASES.items():
    of = work(name, args)
    usual = 192 if name == "wgan_gp" else 256
    rows = [row(of, where, usual) for where in (*V5E, *V5P) if usual >= where.chips()]
    rows += [row(of, where, usual, a_chip=64) for where in (V5E[2], V5P[-1])]
    plan[case] = {"step": of._asdict(), "rows": rows}
    print(json.dumps({case: plan[case]}, indent=1), flush=True)
  (HERE / "plan.json").write_text(json.dumps(plan, indent=2) + "\n")


if __name__ == "__main__":
  main()
