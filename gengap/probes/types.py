"""The vocabulary of probes: what may be asked of a model, and what comes of it."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.figure import Figure

from gengap.method import draw_labels
from gengap.metrics.estimate import Estimate

Array: TypeAlias = np.ndarray


class Examples(NamedTuple):
  """Real images."""

  image: Array  # [N, H, W, C] float32 in [-1, 1]
  label: Array  # [N] int


Generate: TypeAlias = Callable[[Array, Array], Array]  # z [N, D], label -> images [N, H, W, C] in [-1, 1]


class Subject(NamedTuple):
  """A model, as functions of any number of items at once; what it cannot do is None.

  A label is a class, [N] int, or shares of classes, [N, classes] float; only a conditional model looks at it.
  Images are float32.
  """

  latent_dim: int
  classes: tuple[str, ...]  # of the data
  conditional: bool
  generate: Generate
  see: Callable[[Array], Array]  # images -> features [N, F]
  name: Callable[[Array], Array] | None  # images -> logits [N, classes] of a classifier
  class_counts: Array  # [classes], training images of each
  test: Examples
  train: Examples
  own_encoder: bool  # whether `encode` is a part of the model, or was fitted to it
  encode: Callable[[Array, Array], Array] | None  # images, label -> z
  refine: Callable[[Array, Array, Array], Array]  # images, label, z -> z whose images are nearer to them
  history: Callable[[], Iterable[tuple[int, Generate]]]  # steps of training, and what it was at each
  draw: Callable[[Array], Array] | None = None  # images -> z ~ q(z | x)
  told: Callable[[Array], tuple[Array, Array]] | None = None  # images -> its mean and KLs [N, D], if Gaussian
  elbo: Callable[[Array], Array] | None = None  # images -> [N] nats
  outside: Array | None = None  # images of other data
  centre: Callable[[Array], Array] | None = None  # images -> [N, 2], of the only blob; NaN without one
  fit_steps: int = 0  # updates of the fitted encoder

  @property
  def encoder(self) -> str:
    """Which encoder `encode` is, for protocols."""
    if not self.encode:
      return "none"
    return "own" if self.own_encoder else f"fitted, {self.fit_steps} steps"

  def labels(self, rng: np.random.Generator, number: int) -> Array:
    """Draws classes [number] as often as they occur among the training images."""
    return draw_labels(rng.uniform(size=number), self.class_counts)


class Options(NamedTuple):
  """What a probe may be told."""

  number: int = 1000  # of images in a set
  seed: int = 0
  dims: tuple[int, ...] = ()  # latents to be drawn; () are those of most effect
  grid: tuple[int, ...] = ()  # two latents to be drawn against each other; () are the two of most effect
  classes: tuple[int, ...] = ()  # between which paths lead; () are all

  def rng(self, *purpose: int) -> np.random.Generator:
    """Returns the random numbers for one purpose, independent of those for every other."""
    return np.random.default_rng([self.seed, *purpose])


class Found(NamedTuple):
  """What a probe has to say."""

  numbers: dict[str, Estimate]
  draw: Callable[[], Figure]  # draws the picture, once the numbers are safe
  detail: dict[str, Any]  # whatever else is worth keeping, as JSON has it
  notes: tuple[str, ...] = ()  # what could not be asked, and why
