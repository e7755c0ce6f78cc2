"""Adds the largest singular values of all kernels to the losses of a method.

  L + lambda sum_i s_i    (Vahdat and Kautz 2020, arXiv:2007.03898, "spectral regularization")

with s_i the largest singular value of kernel i, as `networks.spectral` estimates it: by one iteration of the
power method per update. A network whose kernels have small singular values changes little when its input
does, so the KL of an image far from the others stays bounded. Unlike in the paper, dense kernels count too.
"""

import jax
import jax.numpy as jnp

from gengap.method import Array, Batch, Key, Keys, Loss, Method, Nets, Params
from gengap.methods import kl
from gengap.networks import spectral


def penalised(loss: Loss, player: str, weight: float) -> Loss:
  """Returns a player's loss with the penalty; it logs the sum of the s_i as "spectral_norms"."""

  def with_penalty(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    variables = advance({**nets[player], "params": params})
    value, (changed, metrics) = loss(params, nets, batch, keys, step)
    total = sum(spectral.norms(variables).values())
    own = {**changed.get(player, {}), "spectral": variables["spectral"]}
    return value + weight * total, ({**changed, player: own}, {**metrics, "spectral_norms": total})

  return with_penalty


def advance(variables: spectral.Variables) -> spectral.Variables:
  """One power iteration per kernel; the vector of a kernel that is 0, as some are at first, is kept."""
  ahead = spectral.advance(variables)
  kept = {
    path: jnp.where(jnp.any(u), u, variables["spectral"][path]) for path, u in ahead["spectral"].items()
  }
  return {**ahead, "spectral": kept}


def regularise(method: Method, weight: float) -> Method:
  """Adds the penalty to the loss of every player.

  Args:
    method: with losses that have no power iteration of their own.
    weight: lambda; 0 returns the method as it is.

  Raises:
    InputError: a weight that is negative or no number.
  """
  kl.not_negative(spectral_weight=weight)
  if not weight:
    return method

  def init(key: Key, batch: Batch) -> Nets:
    nets = method.init(key, batch)
    keys = jax.random.split(jax.random.fold_in(key, 1), len(nets))
    return {
      player: {**variables, "spectral": spectral.init(k, variables["params"])}
      for k, (player, variables) in zip(keys, nets.items(), strict=True)
    }

  turns = tuple(turn._replace(loss=penalised(turn.loss, turn.player, weight)) for turn in method.turns)
  return method._replace(init=init, turns=turns)
