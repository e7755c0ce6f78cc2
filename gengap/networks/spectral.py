"""Spectral normalisation of any network, from outside (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).

Every kernel [..., out] counts as a matrix W [in, out] and is divided by its largest singular value, which a
power iteration finds: one round for each update, carried on from update to update in a vector u [out] for
each kernel. Biases and other parameters are left as they are.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util

from gengap.method import Array, Key, Params

Vectors = dict[str, Array]  # path of a kernel -> u [out], of length 1
Variables = Mapping[str, Any]  # of one player: "params", "spectral" where its kernels are normalised, others


def kernels(params: Params) -> dict[str, Array]:
  """Returns the kernels among the parameters, as matrices [in, out]."""
  flat: Any = traverse_util.flatten_dict(params, sep="/")
  return {path: w.reshape(-1, w.shape[-1]) for path, w in flat.items() if path.endswith("kernel")}


def unit(x: Array) -> Array:
  """Scales a vector to length 1."""
  return x / (jnp.linalg.norm(x) + 1e-12)


def init(key: Key, params: Params) -> Vectors:
  """Returns random vectors to start from."""
  found = kernels(params)
  keys = jax.random.split(key, len(found))
  return {
    path: unit(jax.random.normal(k, w.shape[1:])) for k, (path, w) in zip(keys, found.items(), strict=True)
  }


def advance(variables: Variables) -> Variables:
  """One round for every kernel, u <- W^T v / |W^T v| with v = W u / |W u|; nothing where there is no u."""
  if "spectral" not in variables:
    return variables
  found = jax.lax.stop_gradient(kernels(variables["params"]))
  ahead = {path: unit(unit(found[path] @ u) @ found[path]) for path, u in variables["spectral"].items()}
  return {**variables, "spectral": ahead}


def normalised(variables: Variables) -> Variables:
  """Divides kernels by sigma = v^T W u, where they have a u; the gradient goes through W, not u and v."""
  if "spectral" not in variables:
    return variables
  flat: Any = traverse_util.flatten_dict(variables["params"], sep="/")
  for path, w in kernels(variables["params"]).items():
    seen = w @ unit(variables["spectral"][path])  # a moving average of unit vectors is shorter than 1
    flat[path] = flat[path] / jnp.dot(jax.lax.stop_gradient(unit(seen)), seen)
  return {**variables, "params": traverse_util.unflatten_dict(flat, sep="/")}
