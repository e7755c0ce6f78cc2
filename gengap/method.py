"""The types of training: a method is a set of players that take turns at minimising a loss each.

A method is data. It names the players, the order and number of their updates, and their losses. It never
computes a gradient: `gengap.training.step` does that, in one place, for every method.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import numpy as np
import optax
from jax import lax

Config: TypeAlias = Any  # an ml_collections.ConfigDict, whose fields type checkers do not know
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
from `whole_batch` of the examples; otherwise it depends on the number of devices. The tests compare the
losses and metrics of every method and every config on one device and on several.
"""


def whole_batch(tree: Tree) -> Tree:
  """Gathers arrays [B, ...] of one entry per example from all devices: [B * devices, ...], in order.

  Every device then computes the same function of the whole batch. The gradient is exact: on each device it is
  the derivative with respect to the device's own examples times the number of devices, so its mean over the
  devices is the gradient of the whole batch's loss. On one device, returns the arrays as they are.
  """
  if lax.axis_size(AXIS) == 1:
    return tree
  return jax.tree.map(lambda x: lax.all_gather(x, AXIS, tiled=True), tree)


class Turn(NamedTuple):
  """The updates of one player in a step.

  An expensive term of a loss need not be computed in every step: `loss` is that of every interval-th step,
  from step 0, and `between` that of the others. Both return the same variables and the same names of numbers.
  What `loss` has and `between` lacks should be `interval` times as large, in the loss and in the numbers, so
  that means over steps are those of a loss without an interval.
  """

  player: str  # whose weights are updated
  loss: Loss
  tx: optax.GradientTransformation
  repeats: int = 1  # updates per step, such as n_critic, each on a batch of its own
  interval: int = 1
  between: Loss | None = None  # None: `loss` in every step


class Kind(enum.Flag):
  """How a method learns; several may hold."""

  ADVERSARIAL = enum.auto()  # a critic or discriminator, of whatever name, trains the generator
  VARIATIONAL = enum.auto()  # it has p(x | z) and q(z | x), and so `Method.density`
  AUTOENCODER = enum.auto()  # it reconstructs images from a code without a prior
  CLASSIFIER = enum.auto()  # it predicts classes; represent has "features" and "logits"
  INVERSE = enum.auto()  # it fits an encoder to a frozen generator
  DIFFUSION = enum.auto()  # it learns to remove noise, and generates by solving an ODE


class Encoding(enum.Enum):
  """What a method's encoder returns for an image; represent always has "code"."""

  CODE = "code"  # the code alone
  GAUSSIAN = "gaussian"  # also "mean" and "log_std" of a Gaussian q(z | x), whose mean is the code
  FLOW = "flow"  # also "mean" and "log_std" of the Gaussian that a flow turns into q(z | x)
  LEVELS = "levels"  # also "mean" and "log_std" of each level, given the means of the levels above


class Observation(enum.Enum):
  """The data that a likelihood describes. Likelihoods of different data cannot be compared."""

  IMAGES = "images"
  BITS = "bits"  # binarised images


class Density(NamedTuple):
  """Evaluates log p(x) of a method with a tractable bound, in nats with all constants.

  x is what the method models of images [B, H, W, C]: the images themselves or their bits.
  """

  observes: Observation
  target: Callable[[Array, Keys], Array]  # images, keys -> x
  # nets, x, keys -> log p(x | z) [B], log p(z) - log q(z | x) [B] and z [B, latent_dim], at one z ~ q each
  elbo_terms: Callable[[Nets, Array, Keys], tuple[Array, Array, Array]]
  log_joint: Callable[[Nets, Array, Array], Array]  # nets, x, z -> log p(x, z) [B]
  bits: Callable[[Any], Any]  # log p(x) in nats -> bits per dimension, of 8-bit images or of bits
  # nets, x -> mean and log std [B, latent_dim] of q(z | x); None unless q is a Gaussian
  posterior: Callable[[Nets, Array], tuple[Array, Array]] | None
  draw: Callable[[Nets, Array, Keys], Array]  # nets, z, keys -> draws of p(x | z), which may leave [-1, 1]


class Alarm(NamedTuple):
  """A logged number that signals failure when it falls below a threshold."""

  name: str  # of the number, such as "critic/diversity"
  threshold: float
  since: int  # the first step at which the number is checked
  batch: int  # the smallest batch size for which the number means anything
  text: str  # of the warning; {value} stands for the number


class Method(NamedTuple):
  """A way of training a generator, or any other network that learns from images."""

  latent_dim: int
  init: Callable[[Key, Batch], Nets]  # player -> Linen variables
  turns: tuple[Turn, ...]  # the last is the generator's (or decoder's): exactly one update per step
  # z [B, latent_dim] ~ N(0, I), label [B] (if conditional, also class weights [B, classes]) -> images;
  # None if the method generates no images
  generate: Callable[[Nets, Array, Array], Array] | None
  represent: Mapping[str, Callable[[Nets, Array], Array]]  # name -> images -> features
  kind: Kind
  encodes: Encoding | None = None  # None if it has no encoder
  density: Density | None = None  # None if it gives no bound on log p(x)
  # nets, images, keys, temperature -> z [B, latent_dim], one draw of q(z | x) each, whose Gaussian noise has
  # the temperature as its standard deviation; None if the method has no q(z | x)
  sample_posterior: Callable[[Nets, Array, Keys, Array], Array] | None = None
  conditional: bool = False  # whether `generate` uses the label
  alarms: tuple[Alarm, ...] = ()  # that watch its training
  piecewise_constant: bool = False  # whether images are so in z, which then have no gradient to follow


class State(NamedTuple):
  """Everything that training changes, and so everything that a checkpoint holds."""

  step: Array  # [] int32, generator (decoder) updates so far
  nets: Nets
  opt: dict[str, optax.OptState]  # player -> optimiser state
  ema: Nets  # moving average of nets; empty if config.ema is 0

  @property
  def eval_nets(self) -> Nets:
    """The weights used for samples and held-out metrics: the moving average if there is one."""
    return self.ema or self.nets


class Spec(NamedTuple):
  """What a method is built for: the shape of images, the classes and the dtype of computations."""

  shape: tuple[int, int, int]  # (H, W, C)
  num_classes: int
  dtype: str = "float32"  # of the computations; parameters are always float32
  class_counts: tuple[int, ...] = ()  # training images of each class; () if unknown


def draw_labels(uniform: Any, class_counts: Any) -> np.ndarray:
  """Draws classes with the frequencies of the data, by inverse transform sampling.

  Samples of a conditional model are compared with data of these frequencies, so their labels follow them.

  Args:
    uniform: [N] random numbers in [0, 1).
    class_counts: [classes], images of each class; an empty class is never drawn.

  Returns:
    [N] int32.
  """
  edges = np.cumsum(np.asarray(class_counts, np.int64))
  return np.searchsorted(edges, np.asarray(uniform, np.float64) * edges[-1], side="right").astype(np.int32)


def draw_prior(
  key: Key,
  number: int,
  latent_dim: int,
  class_counts: Any,
  temperature: float = 1.0,
  truncation: float | None = None,
) -> tuple[Array, np.ndarray]:
  """Draws latents of the prior, and classes with the frequencies of the data.

  Args:
    key: of both.
    number: how many.
    latent_dim: of z.
    class_counts: see `draw_labels`.
    temperature: standard deviation of the latents.
    truncation: bound T of every latent: it is redrawn until it lies in [-T, T] (Brock et al. 2019,
      arXiv:1809.11096, section 3.1), so it follows a truncated normal distribution, which is drawn by inverse
      transform; None sets no bound.

  Returns:
    [number, latent_dim] float32, [number] int32.
  """
  latents, labels = jax.random.split(key)
  shape = (number, latent_dim)
  if truncation is None:
    z = temperature * jax.random.normal(latents, shape)
  else:
    z = temperature * jax.random.truncated_normal(latents, -truncation, truncation, shape)
  return z, draw_labels(jax.random.uniform(labels, (number,)), class_counts)
