"""Spectral normalisation of the kernels of any network (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).

Every kernel [..., out] is treated as a matrix W [in, out] and divided by its largest singular value. A power
iteration estimates that value: one iteration per update, continued from update to update in a vector u [out]
per kernel. Biases and other parameters are unchanged.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util

from gengap.method import Array, Key, Params

Vectors = dict[str, Array]  # path of a kernel -> u [out], of length 1
Variables = Mapping[str, Any]  # of one player: "params", "spectral" if its kernels are normalised, and others


def kernels(params: Params) -> dict[str, Array]:
  """Returns the kernels among the parameters, as matrices [in, out]."""
  flat: Any = traverse_util.flatten_dict(params, sep="/")
  return {path: w.reshape(-1, w.shape[-1]) for path, w in flat.items() if path.endswith("kernel")}


def unit(x: Array) -> Array:
  """Scales a vector to length 1."""
  return x / (jnp.linalg.norm(x) + 1e-12)


def init(key: Key, params: Params) -> Vectors:
  """Returns random initial vectors."""
  found = kernels(params)
  keys = jax.random.split(key, len(found))
  return {
    path: unit(jax.random.normal(k, w.shape[1:])) for k, (path, w) in zip(keys, found.items(), strict=True)
  }


def advance(variables: Variables) -> Variables:
  """One power iteration per kernel, u <- W^T v / |W^T v| with v = W u / |W u|; does nothing without u."""
  if "spectral" not in variables:
    return variables
  found = jax.lax.stop_gradient(kernels(variables["params"]))
  ahead = {path: unit(unit(found[path] @ u) @ found[path]) for path, u in variables["spectral"].items()}
  return {**variables, "spectral": ahead}


def norms(variables: Variables) -> dict[str, Array]:
  """Returns sigma = v^T W u [] of every kernel; gradients flow through W, not through u and v."""
  found = {}
  for path, w in kernels(variables["params"]).items():
    wu = w @ unit(variables["spectral"][path])  # a moving average of unit vectors is shorter than 1
    found[path] = jnp.dot(jax.lax.stop_gradient(unit(wu)), wu)
  return found


def normalised(variables: Variables) -> Variables:
  """Divides kernels that have a u by their `norms`."""
  if "spectral" not in variables:
    return variables
  flat: Any = traverse_util.flatten_dict(variables["params"], sep="/")
  for path, norm in norms(variables).items():
    flat[path] = flat[path] / norm
  return {**variables, "params": traverse_util.unflatten_dict(flat, sep="/")}
