"""The vocabulary of training: players take turns at a batch.

A method is data. It says who plays, in which order, how often and with which loss; it never computes a
gradient. `gengap.training.step` does that, once, for every method.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import numpy as np
import optax
from jax import lax

Config: TypeAlias = Any  # an ml_collections.ConfigDict, whose fields no type checker knows
Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array  # one typed PRNG key
Keys: TypeAlias = jax.Array  # [B], one typed PRNG key per example
Params: TypeAlias = Any  # the "params" collection of one player
Nets: TypeAlias = dict[str, dict[str, Any]]  # player -> Linen variables
Metrics: TypeAlias = dict[str, Array]  # name -> scalar

AXIS = "devices"  # the mapped axis over which gradients and batch statistics are averaged
Tree = TypeVar("Tree")  # of arrays


class Batch(NamedTuple):
  """Examples on the device."""

  image: Array  # [B, H, W, C] float32 in [-1, 1]
  label: Array  # [B] int32


Loss: TypeAlias = Callable[[Params, Nets, Batch, Keys, Array], tuple[Array, tuple[Nets, Metrics]]]
"""Own params, all variables, batch, one key per example, step -> loss, (changed variables, numbers to log).

Each device calls the loss with its slice of the batch. `gengap.training.step` averages the loss, its gradient
and the metrics over the devices, so a mean over examples needs no care. Any other function of the batch (a
variance, a ratio of means, a median, a distance between pairs, the absolute value of a mean) must be computed
from `whole_batch` of the examples; otherwise it depends on the number of devices.
"""


def whole_batch(tree: Tree) -> Tree:
  """Gathers arrays [B, ...] of one entry per example from all devices: [B * devices, ...], in order.

  Every device then computes the same function of the whole batch. The gradient is exact: on each device it is
  the derivative by the device's own examples times the number of devices, so that its mean over the devices
  is the gradient of the whole batch's loss. On one device, returns the arrays as they are.
  """
  if lax.axis_size(AXIS) == 1:
    return tree
  return jax.tree.map(lambda x: lax.all_gather(x, AXIS, tiled=True), tree)


class Turn(NamedTuple):
  """One player's move: which weights follow which loss."""

  player: str  # whose weights move
  loss: Loss
  tx: optax.GradientTransformation
  repeats: int = 1  # n_critic


class Density(NamedTuple):
  """What a method with a tractable bound says of log p(x), in nats with all constants.

  x stands for what is modelled of images [B, H, W, C], such as their bits.
  """

  observe: Callable[[Array, Keys], Array]  # images, keys -> x
  # nets, x, keys -> log p(x | z) [B], log p(z) - log q(z | x) [B] and z [B, latent_dim], at one z ~ q each
  look: Callable[[Nets, Array, Keys], tuple[Array, Array, Array]]
  log_joint: Callable[[Nets, Array, Array], Array]  # nets, x, z -> log p(x, z) [B]
  bits: Callable[[Any], Any]  # log p(x) -> the same in bits a dimension, of 8-bit images or of their bits
  # nets, x -> mean and log std [B, latent_dim] of q(z | x); None: it is no Gaussian
  posterior: Callable[[Nets, Array], tuple[Array, Array]] | None


class Method(NamedTuple):
  """A way of training a generator, or whatever else learns from images."""

  latent_dim: int
  init: Callable[[Key, Batch], Nets]  # player -> Linen variables
  turns: tuple[Turn, ...]  # the last is the generator's (or decoder's): exactly one update per step
  # z [B, latent_dim] ~ N(0, I), label [B] (if conditional, also shares of classes [B, classes]) -> images;
  # None: it makes no images, and looks at them only
  generate: Callable[[Nets, Array, Array], Array] | None
  represent: Mapping[str, Callable[[Nets, Array], Array]]  # name -> images -> features
  density: Density | None = None  # None: it says nothing of how likely an image is
  conditional: bool = False  # whether `generate` looks at the label


class State(NamedTuple):
  """All that training changes, which is all that a checkpoint holds."""

  step: Array  # [] int32, generator (decoder) updates so far
  nets: Nets
  opt: dict[str, optax.OptState]  # player -> optimiser state
  ema: Nets  # moving average of nets; empty where config.ema is 0

  @property
  def shown(self) -> Nets:
    """The weights that samples and held-out numbers come from: the moving average where there is one."""
    return self.ema or self.nets


class Spec(NamedTuple):
  """What a method must know of the data and the arithmetic before it sees a batch."""

  shape: tuple[int, int, int]  # (H, W, C)
  num_classes: int
  dtype: str = "float32"  # of the computations; parameters are always float32
  class_counts: tuple[int, ...] = ()  # training images of each class; () where they are unknown


def draw_labels(uniform: Any, class_counts: Any) -> np.ndarray:
  """Draws classes as often as they occur in the data, by inverse transform sampling.

  Samples of a conditional model are compared with data of these frequencies, so their labels must have them.

  Args:
    uniform: [N] random numbers in [0, 1).
    class_counts: [classes], how often each class occurs; a class of no images is never drawn.

  Returns:
    [N] int32.
  """
  edges = np.cumsum(np.asarray(class_counts, np.int64))
  return np.searchsorted(edges, np.asarray(uniform, np.float64) * edges[-1], side="right").astype(np.int32)
