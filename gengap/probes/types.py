"""The types of probes: what may be asked of a model, what a caller chooses, and what a probe declares."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
from matplotlib.figure import Figure

from gengap.evaluation.quantities import Quantity
from gengap.method import draw_labels
from gengap.metrics.estimate import Estimate

Array: TypeAlias = np.ndarray
M = TypeVar("M")  # the measurements of one probe, arrays that `measure` returns


class Examples(NamedTuple):
  """Real images."""

  image: Array  # [N, H, W, C] float32 in [-1, 1]
  label: Array  # [N] int


Generate: TypeAlias = Callable[[Array, Array], Array]  # z [N, D], label -> images [N, H, W, C] in [-1, 1]


class Subject(NamedTuple):
  """A model, as functions of any number of items; a function that the model does not have is None.

  A label is a class, [N] int, or shares of classes, [N, classes] float; only a conditional model uses it.
  Images are float32.
  """

  latent_dim: int
  classes: tuple[str, ...]  # of the data
  conditional: bool
  generate: Generate
  features: Callable[[Array], Array]  # images -> features [N, F]
  classify: Callable[[Array], Array] | None  # images -> logits [N, classes] of a classifier
  class_counts: Array  # [classes], training images of each
  test: Examples
  train: Examples
  own_encoder: bool  # whether `encode` is part of the model, or was fitted to it
  encode: Callable[[Array, Array], Array] | None  # images, label -> z
  # images, label, z -> z whose images are closer to them; None: `not_searched` says why not
  refine: Callable[[Array, Array, Array], Array] | None
  history: Callable[[], Iterable[tuple[int, Generate]]]  # steps of training, and the generator at each
  sample_codes: Callable[[Array], Array] | None = None  # images -> z ~ q(z | x)
  posterior: Callable[[Array], tuple[Array, Array]] | None = None  # images -> means and KLs [N, D]
  elbo: Callable[[Array], Array] | None = None  # images -> [N] nats
  outside: Array | None = None  # images of another data set
  blob_centre: Callable[[Array], Array] | None = None  # images -> [N, 2], of the single blob; NaN without one
  fit_steps: int = 0  # updates of the fitted encoder
  not_searched: str = ""  # why there is no `refine`
  piecewise_constant: bool = False  # whether images are so in z: their derivatives say nothing

  @property
  def encoder(self) -> str:
    """Which encoder `encode` is, for protocols."""
    if not self.encode:
      return "none"
    return "own" if self.own_encoder else f"fitted, {self.fit_steps} steps"

  def labels(self, rng: np.random.Generator, number: int) -> Array:
    """Draws classes [number] with the class frequencies of the training images."""
    return draw_labels(rng.uniform(size=number), self.class_counts)


class Options(NamedTuple):
  """The options of a probe."""

  number: int = 1000  # of images in a set
  seed: int = 0
  dims: tuple[int, ...] = ()  # latents to draw; () draws those with the largest effects
  grid: tuple[int, ...] = ()  # two latents to draw against each other; () as above
  classes: tuple[int, ...] = ()  # that paths connect; () means all

  def rng(self, *purpose: int) -> np.random.Generator:
    """Returns a random generator for one purpose, independent of those for all others."""
    return np.random.default_rng([self.seed, *purpose])


class Scores(NamedTuple):
  """The result of scoring measurements."""

  numbers: dict[str, Estimate]
  detail: dict[str, Any]  # further results, as JSON stores them
  notes: tuple[str, ...] = ()  # what could not be measured, and why


@dataclasses.dataclass(frozen=True)
class Probe(Generic[M]):
  """A question to a model and its answer in three parts: measure the model, score the arrays, draw them."""

  name: str
  question: str
  requirements: Callable[[Subject], str]  # why the probe does not suit a subject; "" where it does
  measure: Callable[[Subject, Options], M]  # the only part that asks the model
  score: Callable[[M, Options], Scores]  # a pure function of arrays
  figure: Callable[[M, Scores, Options], Figure]
  quantities: tuple[Quantity, ...]  # declare every number of `score`
