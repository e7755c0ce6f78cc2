"""What do the dimensions of a latent space do? One latent at a time, two at a time, and the best directions.

`sensitivity` defines the effect of a latent and the metric; `disentanglement` compares the latents of images
of one blob with its position.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from gengap.evaluation.quantities import Quantity
from gengap.probes import disentanglement, sensitivity
from gengap.probes.sensitivity import Effects
from gengap.probes.types import Array, Options, Scores, Subject

REACH = 3.0  # the largest value of a latent in a traversal
SHOWN = 6  # latents in the figure, and half as many directions
COLUMNS = 15
GRID = 10  # images per side
QUANTITIES = (
  Quantity(
    "effective_dims",
    "latents with effect",
    meaning=(
      "How many latents matter to the image in effect: 1 if a single one does everything, all of "
      "them if each does equally much. It is not ranked."
    ),
  ),
  Quantity(
    "active_dims",
    "latents with an effect above 0.01",
    meaning=(
      "The number of latents of which each accounts for more than one per cent of the image's variance."
    ),
  ),
  Quantity(
    "interaction",
    "sum of the effects of all latents",
    meaning=(
      "Whether latents act independently: 1 if their effects add up, more if they depend on each other."
    ),
  ),
  Quantity(
    "top_dim",
    "largest effect of a latent on the image",
    meaning="The share of the image's variance that is due to the latent with the largest effect.",
  ),
  Quantity(
    "top_dim_sharpness",
    "its effect on sharpness",
    meaning=(
      "The share of the variance of sharpness that is due to the latent with the largest effect on the image."
    ),
  ),
  Quantity(
    "top_dim_class",
    "how often it changes the class",
    high=1,
    meaning=(
      "How often the class changes when the latent with the largest effect on the image is drawn again."
    ),
  ),
  Quantity(
    "mean_dim",
    "mean effect of a latent on the image",
    meaning="The share of the image's variance that is due to a latent, on average.",
  ),
  Quantity(
    "mean_dim_sharpness",
    "mean effect of a latent on sharpness",
    meaning="The share of the variance of sharpness that is due to a latent, on average.",
  ),
  Quantity(
    "mean_dim_class",
    "how often a latent changes the class",
    high=1,
    meaning="How often the class changes when one latent is drawn again, on average.",
  ),
  Quantity(
    "effective_directions",
    "principal directions with effect",
    meaning=(
      "How many directions of the latent space change the image in effect, if directions are chosen "
      "to be as few as possible."
    ),
  ),
  Quantity(
    "effective_axes",
    "latents with effect, by the Jacobian",
    meaning="How many single latents change the image in effect, by the slope of the image.",
  ),
  Quantity(
    "top_directions",
    "share of the best direction",
    high=1,
    meaning=(
      "The share of the image's change that happens along the best direction of the latent space: "
      "higher means that fewer directions matter."
    ),
  ),
  Quantity(
    "top_axes",
    "share of the best latent",
    high=1,
    meaning=(
      "The share of the image's change that happens along the best single latent: higher means that "
      "fewer latents matter."
    ),
  ),
  *disentanglement.QUANTITIES,
)


class Map(NamedTuple):
  """Images over two latents."""

  pair: tuple[int, int]  # the first increases to the right, the second upwards
  images: Array  # [GRID * GRID, H, W, C], by rows from the top
  title: str


class Measurements(NamedTuple):
  """Changes of images with their latents, and the images of the figure."""

  effects: Effects
  metric: Array  # [M, D, D], J^T J at M places; none where images are piecewise constant
  z: Array | None  # [N, D], latents of images with a single blob
  centres: Array | None  # [N, 2], of these blobs
  rows: dict[str, Array]  # name of a latent or direction -> images [COLUMNS, H, W, C]
  maps: tuple[Map, ...]  # two; titles only where there is a single latent


def requirements(subject: Subject) -> str:
  """Returns ""; the probe suits every subject."""
  del subject
  return ""


def measure(subject: Subject, options: Options) -> Measurements:
  """Measures effects, Jacobians and, of a single blob, its centres; generates the images of the figure."""
  dim, rng = subject.latent_dim, options.rng(0)
  measured = sensitivity.chosen_dims(dim, (*options.dims, *options.grid), options.rng(3))
  few = len(measured[0])
  n = int(np.clip(10 * options.number // few, 8, options.number))
  z, again = rng.standard_normal((2, n, dim))
  effects = sensitivity.measure_effects(subject, z, again, subject.labels(rng, n), measured)
  places = 0 if subject.piecewise_constant else int(np.clip(2 * options.number // few, 4, 64))
  at, label = rng.standard_normal((places, dim)), subject.labels(rng, places)
  jacobians = sensitivity.measure_jacobians(subject, at, label, effects.dims)
  metric = jacobians.swapaxes(1, 2) @ jacobians
  z, centres = None, None
  if subject.blob_centre:
    z = options.rng(1).standard_normal((2 * options.number, dim))
    centres = subject.blob_centre(subject.generate(z, np.zeros(len(z), int)))
  order = effects.dims[np.argsort(-sensitivity.mean_effects(effects)["image"])]
  base = options.rng(2).standard_normal(dim)
  axes = sensitivity.principal_directions(metric.mean(0))[1] if places else np.empty((few, 0))
  rows = traversals(subject, options, base, effects, axes)
  return Measurements(effects, metric, z, centres, rows, maps(subject, options, base, order))


def traversals(
  subject: Subject, options: Options, base: Array, effects: Effects, axes: Array
) -> dict[str, Array]:
  """Generates images along single latents and along directions, the columns of axes, through base [D]."""
  effect = dict(zip(effects.dims, sensitivity.mean_effects(effects)["image"], strict=True))
  t = np.linspace(-REACH, REACH, COLUMNS)
  rows = {}
  for d in options.dims or sorted(effect, key=lambda d: -effect[d])[:SHOWN]:
    rows[f"latent {d} ({100 * effect[d]:.1f} %)"] = np.where(np.arange(len(base)) == d, t[:, None], base)
  for i, v in enumerate(axes.T[: SHOWN // 2]):
    whole = np.zeros_like(base)
    whole[effects.dims] = v
    rows[f"direction {i}"] = base + (t - base @ whole)[:, None] * whole
  return {name: images_of_class(subject, options, z) for name, z in rows.items()}


def maps(subject: Subject, options: Options, base: Array, order: Array) -> tuple[Map, Map]:
  """Generates images over the first two latents, and over the two with the largest effects.

  Args:
    subject: the model.
    options: whose grid replaces both pairs.
    base: [D], the other latents of the second map; those of the first are 0.
    order: [D], latents by their effects.
  """
  first, most = options.grid or (0, 1), options.grid or tuple(np.sort(order[:2]))
  names = ("the two asked for",) * 2 if options.grid else ("the first two", "the two of most effect")
  quantiles = norm.ppf((np.arange(GRID) + 0.5) / GRID)
  found = []
  for pair, at, t, title in (
    (first, np.zeros_like(base), np.linspace(-1, 1, GRID), f"{names[0]}, from -1 to 1, the rest 0"),
    (most, base, quantiles, f"{names[1]}, by quantiles, the rest as above"),
  ):
    z = latents_of_map(at, pair, t) if len(base) > 1 else np.empty((0, len(base)))
    found.append(Map((pair[0], pair[-1]), images_of_class(subject, options, z), title))
  return found[0], found[1]


def latents_of_map(base: Array, pair: tuple[int, ...], t: Array) -> Array:
  """Latents over a grid of t [T] for two of them, the others as in base [D]: [T * T, D], top row first.

  The first of the pair increases to the right, the second upwards.
  """
  z = np.tile(base, (len(t), len(t), 1))
  z[..., pair[0]] = t
  z[..., pair[1]] = t[::-1, None]
  return z.reshape(-1, len(base))


def images_of_class(subject: Subject, options: Options, z: Array) -> Array:
  """Returns images of latents [N, D], of the first of the chosen classes; an empty array for none."""
  label = np.full(len(z), options.classes[0] if options.classes else 0)
  return subject.generate(z, label) if len(z) else np.empty(0)


def score(measurements: Measurements, options: Options) -> Scores:
  """Scores all latents, the metric and, of a single blob, the disentanglement of its position.

  Returns: effective_dims, how many latents matter to the image (`effective_number`); active_dims, how many
    have an effect above 0.01; interaction, the sum of effects (1: no interaction); of the latent with the
    largest effect, top_dim: its effect on the image, top_dim_sharpness: on the sharpness, top_dim_class: how
    often the class changes; mean_dim..., the means over latents; see `sensitivity.score_metric` and, where
    the centre of a blob is known, `disentanglement`. Intervals are over base latents.
  """
  effects, metric = measurements.effects, measurements.metric
  means = sensitivity.mean_effects(effects)
  numbers = sensitivity.score_effects(effects)
  notes = () if effects.changed is not None else ("no classes of traversals: a classifier has to name them",)
  if len(metric):
    numbers |= sensitivity.score_metric(metric)
  else:
    notes = (*notes, "no directions: images are piecewise constant in the latents, and have no Jacobian")
  if measurements.z is not None and measurements.centres is not None:
    found, why = disentanglement.score(measurements.z, measurements.centres, options.seed)
    numbers, notes = numbers | found, (*notes, *why)
  detail = {
    "base_latents": len(effects.image),
    "jacobians": len(metric),
    "dims": effects.dims[np.argsort(-means["image"])].tolist(),
    **{name: values.round(6).tolist() for name, values in means.items()},
  }
  if len(effects.dims) < (number := round(effects.weight.sum())):
    detail["measured"] = effects.dims.tolist()
    notes = (
      *notes,
      f"{len(effects.dims)} of {number} latents were measured: the first {sensitivity.FIRST}, those asked "
      "for, and others at random; numbers of all latents are estimated from them, and directions are "
      "among them",
    )
  return Scores(numbers, detail, notes)
