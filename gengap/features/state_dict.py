"""Takes the arrays of a network by name, and checks that they are exactly those of the network."""

from collections.abc import Callable, Mapping

import numpy as np

from gengap.errors import InputError


class StateDict:
  """Arrays by name, each of which is taken once."""

  def __init__(
    self, state: Mapping[str, np.ndarray], network: str, ignored: Callable[[str], bool] = lambda name: False
  ):
    """Copies the names.

    Args:
      state: name -> array.
      network: which the arrays must be of, for messages.
      ignored: tells names that are left out.
    """
    self.left = {name: np.asarray(value) for name, value in state.items() if not ignored(name)}
    self.network = network

  def take(self, name: str, *shape: int) -> np.ndarray:
    """Returns an array as float64.

    Raises:
      InputError: it is missing, of another shape, or not finite.
    """
    if name not in self.left:
      raise InputError(f"the weights lack {name!r}: they are not those of the {self.network}")
    value = self.left.pop(name)
    if value.shape != shape:
      raise InputError(f"{name!r} has shape {value.shape}; the {self.network} wants {shape}")
    if not np.isfinite(value).all():
      raise InputError(f"{name!r} holds numbers that are not finite")
    return value.astype(np.float64)

  def end(self) -> None:
    """Checks that nothing is left.

    Raises:
      InputError: arrays are left, which the network does not have.
    """
    if self.left:
      first = sorted(self.left)[0]
      raise InputError(f"the {self.network} has no {first!r} ({len(self.left)} such arrays)")
