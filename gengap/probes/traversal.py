"""What do the dimensions of a latent space do? One latent at a time, two at a time, and the best directions.

The effect of a latent is its total Sobol index: the share of the variance of what is looked at that goes
when all other latents are held and it is not,

  T_d = E |f(z) - f(z')|^2 / (2 Var f),    z' being z with its d-th number drawn again

(Jansen 1999). For a linear generator G(z) = A z it is |a_d|^2 / sum |a|^2; where latents act together, the
sum over d exceeds 1. f is the image itself and, beside it, its sharpness; for classes it is how often they
change.

The metric E J^T J, J being the generator's Jacobian, has principal directions along which images change
most (Wang and Ponce 2021, arXiv:2101.06006). Where its largest eigenvalue is no larger than its largest
diagonal entry, no direction does more than a raw axis.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from gengap.data.pixels import tile
from gengap.evaluation.quantities import Quantity
from gengap.metrics import estimate, sharpness
from gengap.metrics.coverage import confidence
from gengap.probes import disentangle, figures
from gengap.probes.types import Array, Found, Options, Subject

STEP = 0.01  # half of the difference that a derivative is taken by
REACH = 3.0  # how far a traversal goes
SHOWN = 6  # latents, and half as many directions, in the picture
COLUMNS = 15
GRID = 10  # images a side
QUANTITIES = (
  Quantity("effective_dims", "latents with effect"),
  Quantity("active_dims", "latents with an effect above 0.01"),
  Quantity("interaction", "sum of the effects of all latents"),
  Quantity("top_dim", "largest effect of a latent on the image"),
  Quantity("top_dim_sharpness", "its effect on sharpness"),
  Quantity("top_dim_class", "how often it changes the class", high=1),
  Quantity("mean_dim", "mean effect of a latent on the image"),
  Quantity("mean_dim_sharpness", "mean effect of a latent on sharpness"),
  Quantity("mean_dim_class", "how often a latent changes the class", high=1),
  Quantity("effective_directions", "principal directions with effect"),
  Quantity("effective_axes", "latents with effect, by the Jacobian"),
  Quantity("top_directions", "share of the best direction", high=1),
  Quantity("top_axes", "share of the best latent", high=1),
  *disentangle.QUANTITIES,
)
ACTIVE = 0.01  # effect above which a latent counts


class Effects(NamedTuple):
  """Halves of squared differences that drawing a latent again makes, and the variance they are a share of."""

  image: Array  # [N, D]
  sharpness: Array  # [N, D]
  changed: Array | None  # [N, D] bool: whether the class is another one
  image_variance: float
  sharpness_variance: float


def variance(values: Array) -> float:
  """Total variance of outputs [N, ...]."""
  return float(np.var(values.reshape(len(values), -1).astype(np.float64), 0).sum())


def half_square(before: Array, after: Array) -> Array:
  """|after - before|^2 / 2 of outputs [N, ...]: [N]."""
  gap = after.reshape(len(after), -1).astype(np.float64) - before.reshape(len(before), -1)
  return 0.5 * np.sum(gap**2, 1)


def effective(weights: Array) -> float:
  """How many of weights [D] matter: (sum w)^2 / sum w^2, from 1 (one of them) to D (all alike); NaN: none."""
  square = np.sum(weights**2)
  return float(np.sum(weights) ** 2 / square) if square > 0 else float("nan")


def effects(subject: Subject, z: Array, again: Array, label: Array) -> Effects:
  """Measures what every latent does to images of z [N, D], when it becomes that of `again` [N, D]."""
  before, other = subject.generate(z, label), subject.generate(again, label)
  both = np.concatenate([before, other])
  sharp, classes = sharpness(before), confidence(subject.name(before))[0] if subject.name else None
  image, edges, changed = [], [], []
  for d in range(z.shape[1]):
    moved = z.copy()
    moved[:, d] = again[:, d]
    after = subject.generate(moved, label)
    image.append(half_square(before, after))
    edges.append(half_square(sharp, sharpness(after)))
    if subject.name:
      changed.append(confidence(subject.name(after))[0] != classes)
  return Effects(
    np.stack(image, 1),
    np.stack(edges, 1),
    np.stack(changed, 1) if changed else None,
    variance(both),
    variance(sharpness(both)),
  )


def jacobian(subject: Subject, z: Array, label: Array) -> Array:
  """Jacobians of images at z [M, D], by central differences: [M, pixels, D] float64."""
  m, d = z.shape
  moves = STEP * np.concatenate([np.eye(d), -np.eye(d)])
  found = []
  for point, c in zip(z, label, strict=True):
    images = subject.generate(point + moves, np.repeat(c, 2 * d)).reshape(2, d, -1).astype(np.float64)
    found.append((images[0] - images[1]).T / (2 * STEP))
  return np.stack(found) if m else np.empty((0, 0, d))


def directions(metric: Array) -> tuple[Array, Array]:
  """Eigenvalues, the largest first, and eigenvectors, by columns, of metrics [..., D, D]."""
  values, vectors = np.linalg.eigh(metric)
  return np.maximum(values[..., ::-1], 0), vectors[..., ::-1]


def geometry(metric: Array) -> dict[str, estimate.Estimate]:
  """Compares the principal directions of metrics [M, D, D] with the raw axes.

  Returns: The means over places of effective_directions and effective_axes, how many of each matter
    (`effective`), and of top_directions and top_axes, the share of all change that the best of each makes.
  """
  metric = metric[np.trace(metric, axis1=1, axis2=2) > 0]  # elsewhere nothing changes at all
  along, axes = directions(metric)[0], np.diagonal(metric, axis1=1, axis2=2)
  found = {}
  for name, weights in (("directions", along), ("axes", axes)):
    found[f"effective_{name}"] = estimate.mean([effective(w) for w in weights])
    found[f"top_{name}"] = estimate.mean(weights.max(1) / weights.sum(1))
  return found


def unfit(subject: Subject) -> str:
  """Returns why the probe cannot be taken; "" where it can."""
  del subject
  return ""


def probe(subject: Subject, options: Options) -> Found:
  """Ranks latents by what they do, and draws them.

  Returns: effective_dims, how many latents matter to the image (see `effective`); active_dims, how many
    have an effect above 0.01; interaction, the sum of effects (1: each acts by itself); of the latent of
    most effect, top_dim: its effect on the image, top_dim_sharpness: on sharpness, top_dim_class: how often
    the class changes; mean_dim..., the same in the mean over latents; see `geometry` and, where a blob's
    centre is known, `disentangle`. Intervals are over base latents.
  """
  dim, rng = subject.latent_dim, options.rng(0)
  n = int(np.clip(10 * options.number // dim, 8, options.number))
  z, again = rng.standard_normal((2, n, dim))
  label = subject.labels(rng, n)
  seen = effects(subject, z, again, label)
  ranks, numbers = rank(seen)
  places = int(np.clip(2 * options.number // dim, 4, 64))
  here, kinds = rng.standard_normal((places, dim)), subject.labels(rng, places)
  jac = jacobian(subject, here, kinds)
  metric = jac.swapaxes(1, 2) @ jac
  numbers |= geometry(metric)
  notes = () if seen.changed is not None else ("no classes of traversals: a classifier has to name them",)
  if subject.centre:
    z = options.rng(1).standard_normal((2 * options.number, dim))
    centres = subject.centre(subject.generate(z, np.zeros(len(z), int)))
    found, why = disentangle.probe(z, centres, options.seed)
    numbers, notes = numbers | found, (*notes, *why)
  detail = {
    "base_latents": n,
    "jacobians": places,
    "dims": np.argsort(-ranks["image"]).tolist(),
    **{name: values.round(6).tolist() for name, values in ranks.items()},
  }
  base = options.rng(2).standard_normal(dim)
  axes = directions(metric.mean(0))[1]
  return Found(numbers, lambda: draw(subject, options, base, ranks, axes), detail, notes)


def rank(seen: Effects) -> tuple[dict[str, Array], dict[str, estimate.Estimate]]:
  """Returns the effects of every latent, [D] by what they are on, and what is to be said of them all."""
  parts = {"image": seen.image / max(seen.image_variance, np.finfo(float).tiny)}
  parts["sharpness"] = seen.sharpness / max(seen.sharpness_variance, np.finfo(float).tiny)
  if seen.changed is not None:
    parts["class"] = seen.changed
  ranks = {name: part.mean(0) for name, part in parts.items()}
  image, top = parts["image"], int(np.argmax(ranks["image"]))
  numbers = {
    "effective_dims": estimate.jackknife(lambda x: effective(x.mean(0)), image).within(1, image.shape[1]),
    "active_dims": estimate.bootstrap(lambda x: (x.mean(0) > ACTIVE).sum(), image),
    "interaction": estimate.mean(image.sum(1)),
    "top_dim": estimate.mean(image[:, top]),
    "mean_dim": estimate.mean(image.mean(1)),
  }
  for name, part in list(parts.items())[1:]:
    numbers[f"top_dim_{name}"] = estimate.mean(part[:, top])
    numbers[f"mean_dim_{name}"] = estimate.mean(part.mean(1))
  return ranks, numbers


def draw(subject: Subject, options: Options, base: Array, ranks: dict[str, Array], axes: Array) -> Figure:
  """Draws latents and directions one at a time, two latents against each other, and the effects of all."""
  order = np.argsort(-ranks["image"])
  t = np.linspace(-REACH, REACH, COLUMNS)
  rows = {}
  for d in options.dims or order[:SHOWN]:
    rows[f"latent {d} ({100 * ranks['image'][d]:.1f} %)"] = np.where(
      np.arange(len(base)) == d, t[:, None], base
    )
  for i, v in enumerate(axes.T[: SHOWN // 2]):
    rows[f"direction {i}"] = base + (t - base @ v)[:, None] * v
  title = f"one latent at a time, from {-REACH:g} to {REACH:g}"
  sheet, places, (straight, even, panel) = figures.sheet(len(rows), COLUMNS, 3, title)
  for place, (name, z) in zip(places, rows.items(), strict=True):
    figures.strip(sheet, place, paint(subject, options, z), name)
  quantiles = norm.ppf((np.arange(GRID) + 0.5) / GRID)
  first, most = options.grid or (0, 1), options.grid or tuple(np.sort(order[:2]))
  names = ("the two asked for",) * 2 if options.grid else ("the first two", "the two of most effect")
  title = f"{names[0]}, from -1 to 1, the rest 0"
  chart(straight, subject, options, np.zeros_like(base), first, np.linspace(-1, 1, GRID), title)
  chart(even, subject, options, base, most, quantiles, f"{names[1]}, by quantiles, the rest as above")
  shown = {f"of the {name}": values[order] for name, values in ranks.items()}
  figures.curves(panel, np.arange(len(order)), shown, "latents, by effect on the image", "effect")
  return sheet


def paint(subject: Subject, options: Options, z: Array) -> Array:
  """Returns images of latents [N, D], of the first class that is asked for."""
  return subject.generate(z, np.full(len(z), options.classes[0] if options.classes else 0))


def chart(
  axis: Axes, subject: Subject, options: Options, base: Array, pair: tuple[int, ...], t: Array, title: str
) -> None:
  """Draws images over two latents; one latent alone has none."""
  if subject.latent_dim > 1:
    figures.show(axis, grid(lambda z: paint(subject, options, z), base, pair, t))
    axis.set_xlabel(f"latent {pair[0]}", fontsize=7)
    axis.set_ylabel(f"latent {pair[1]}", fontsize=7)
  axis.set_title(title, fontsize=6)


def grid(images_of: Callable[[Array], Array], base: Array, pair: tuple[int, ...], t: Array) -> Array:
  """Images over two latents, the first to the right and the second upwards, the others those of base [D].

  Returns: [h, w, 3] uint8.
  """
  z = np.tile(base, (len(t), len(t), 1))
  z[..., pair[0]] = t
  z[..., pair[1]] = t[::-1, None]
  return tile(images_of(z.reshape(-1, len(base))), margin=1, columns=len(t))
