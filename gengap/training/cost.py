"""Writes run.json: what a run's method is, and what its training and sampling cost.

Comparing methods under equal budgets needs the budget of each. run.json holds what is known once the program
is compiled; `gengap.evaluate` measures the speed of sampling.
"""

import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gengap
from gengap import families
from gengap.command_line import cli
from gengap.errors import InputError
from gengap.method import Config, Kind, Method, Nets
from gengap.storage import paths
from gengap.training import sampling_cost, step
from gengap.training.program import Program


def device() -> str:
  """Returns the number and the kind of the devices."""
  return f"{jax.device_count()} x {jax.devices()[0].device_kind}"


def size(tree: Any) -> int:
  """Returns the total number of elements in a tree of arrays, or of their shapes."""
  return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(tree))


def sampling_parameters(method: Method, nets: Nets) -> int:
  """Counts the parameters of all players that an image depends on when it is generated.

  Args:
    method: that generates images.
    nets: the variables, or their shapes.
  """
  assert method.generate
  z = jax.ShapeDtypeStruct((1, method.latent_dim), jnp.float32)
  label = jax.ShapeDtypeStruct((1,), jnp.int32)
  jaxpr = jax.make_jaxpr(method.generate)(nets, z, label).jaxpr
  used = {v for equation in jaxpr.eqns for v in equation.invars if isinstance(v, type(jaxpr.invars[0]))}
  flat, _ = jax.tree_util.tree_flatten_with_path(nets)
  return sum(
    size(leaf)
    for (path, leaf), v in zip(flat, jaxpr.invars, strict=False)
    if v in used and any(getattr(key, "key", None) == "params" for key in path)
  )


def counted(name: str, flops: float | None, reason: str, under: str = "flops_reason") -> dict[str, Any]:
  """Returns {name: flops}, or None instead and the reason under the name `under`."""
  return {name: flops} if flops is not None else {name: None, under: reason}


def training(program: Program, config: Config) -> dict[str, Any]:
  """Returns the contents of run.json.

  Returns:
    command, device, version; family, adversarial, variational, generates and encodes, as the method declares
    (see `gengap.families`);
    flops_per_step (as XLA counts them before it optimises; None if it does not, with the flops_reason);
    images_per_step (real images drawn); updates_per_step and parameters of every player;
    sampling_parameters, and sampling_flops of one image (see `gengap.training.sampling_cost`; None if it
    generates no images, or if they cannot be counted, with the sampling_flops_reason).
  """
  method, nets = program.method, program.shapes.nets
  updates: dict[str, int] = {}
  for turn in method.turns:
    updates[turn.player] = updates.get(turn.player, 0) + turn.repeats
  return {
    "command": cli.command(),
    "device": device(),
    "version": gengap.__version__,
    "family": families.of_kind(method.kind).name,
    "adversarial": Kind.ADVERSARIAL in method.kind,
    "variational": Kind.VARIATIONAL in method.kind,
    "generates": method.generate is not None,
    "encodes": method.encodes is not None,
    **counted("flops_per_step", program.flops, program.flops_reason),
    "images_per_step": step.batches_per_step(method) * config.batch_size,
    "updates_per_step": updates,
    "parameters": {player: size(net["params"]) for player, net in nets.items()},
    **sampling(method, nets),
  }


def sampling(method: Method, nets: Nets) -> dict[str, Any]:
  """Returns what run.json says of the cost of sampling: parameters, and operations of one image."""
  if not method.generate:
    return {"sampling_parameters": None, "sampling_flops": None}
  flops, reason = sampling_cost.per_image(method, nets)
  return {
    "sampling_parameters": sampling_parameters(method, nets),
    **counted("sampling_flops", flops, reason, "sampling_flops_reason"),
  }


def write(workdir: pathlib.Path, program: Program, config: Config) -> None:
  """Writes a run's run.json.

  Raises:
    InputError: the folder cannot be written.
  """
  try:
    paths.write(workdir / "run.json", json.dumps(training(program, config), indent=2) + "\n")
  except OSError as error:
    raise InputError(f"--workdir={workdir} cannot be written: {error.strerror}") from error
