"""Which latents and directions change the image most: total Sobol indices and the metric of the Jacobian.

The effect of a latent is its total Sobol index: the share of an output's variance that remains when all other
latents are fixed,

  T_d = E |f(z) - f(z')|^2 / (2 Var f),    z' is z with its d-th number drawn again

(Jansen 1999). For a linear generator G(z) = A z it is |a_d|^2 / sum |a|^2. Where latents interact, the sum
over d exceeds 1. f is the image, or its sharpness; for classes the effect is how often they change.

The metric E J^T J, with J the Jacobian of the generator, has principal directions along which images change
most (Wang and Ponce 2021, arXiv:2101.06006). If its largest eigenvalue equals its largest diagonal entry, no
direction has a larger effect than a raw axis.
"""

from typing import NamedTuple

import numpy as np

from gengap.metrics import estimate, sharpness
from gengap.metrics.coverage import confidence
from gengap.probes.types import Array, Subject

MOST = 256  # latents that are measured; of more, these many are chosen
FIRST = 64  # latents that are always among them: those of the top levels of a hierarchy
STEP = 0.01  # half the difference of the difference quotient
ACTIVE = 0.01  # effect above which a latent counts as active


class Effects(NamedTuple):
  """Halves of squared differences after one latent is drawn again, and the variances that are their unit."""

  image: Array  # [N, D]
  sharpness: Array  # [N, D]
  changed: Array | None  # [N, D] bool: whether the class changed
  image_variance: float
  sharpness_variance: float
  dims: Array  # [N of latents measured], which they are; D below is their number
  weight: Array  # the same shape: how many of all latents each stands for


def chosen_dims(dim: int, asked: tuple[int, ...], rng: np.random.Generator) -> tuple[Array, Array]:
  """Chooses the latents to measure: all, or 256 of more, and how many each stands for.

  The first 64 and those that are asked for stand for themselves. The rest are drawn at random, each with the
  same probability, and stand for those that are not drawn (Horvitz and Thompson 1952).
  """
  if dim <= MOST:
    return np.arange(dim), np.ones(dim)
  certain = np.union1d(np.arange(FIRST), np.array(asked, int))
  others = np.setdiff1d(np.arange(dim), certain)
  drawn = rng.permutation(others)[: max(1, MOST - len(certain))]
  dims = np.concatenate([certain, np.sort(drawn)])
  return dims, np.repeat([1.0, len(others) / len(drawn)], [len(certain), len(drawn)])


def variance(values: Array) -> float:
  """Total variance of outputs [N, ...]."""
  return float(np.var(values.reshape(len(values), -1).astype(np.float64), 0).sum())


def half_square(before: Array, after: Array) -> Array:
  """|after - before|^2 / 2 of outputs [N, ...]: [N]."""
  gap = after.reshape(len(after), -1).astype(np.float64) - before.reshape(len(before), -1)
  return 0.5 * np.sum(gap**2, 1)


def effective_number(shares: Array, weight: Array | float = 1.0) -> float:
  """Participation ratio of shares [D]: (sum s)^2 / sum s^2, from 1 (one of them) to D (equal); NaN: none.

  Each share counts as often as its weight says.
  """
  square = np.sum(weight * shares**2)
  return float(np.sum(weight * shares) ** 2 / square) if square > 0 else float("nan")


def measure_effects(
  subject: Subject,
  z: Array,
  again: Array,
  label: Array,
  measured: tuple[Array, Array] | None = None,
) -> Effects:
  """Measures how images of z [N, D] change when one latent at a time becomes that of `again` [N, D].

  Args:
    subject: the model.
    z: latents.
    again: the values that they get.
    label: of the images.
    measured: the latents to measure and their weights, see `chosen_dims`; None: all.
  """
  dims, weight = measured or (np.arange(z.shape[1]), np.ones(z.shape[1]))
  before, other = subject.generate(z, label), subject.generate(again, label)
  both = np.concatenate([before, other])
  sharp = sharpness(before)
  classes = confidence(subject.classify(before))[0] if subject.classify else None
  image, edges, changed = [], [], []
  for d in dims:
    moved = z.copy()
    moved[:, d] = again[:, d]
    after = subject.generate(moved, label)
    image.append(half_square(before, after))
    edges.append(half_square(sharp, sharpness(after)))
    if subject.classify:
      changed.append(confidence(subject.classify(after))[0] != classes)
  return Effects(
    np.stack(image, 1),
    np.stack(edges, 1),
    np.stack(changed, 1) if changed else None,
    variance(both),
    variance(sharpness(both)),
    dims,
    weight,
  )


def measure_jacobians(subject: Subject, z: Array, label: Array, dims: Array | None = None) -> Array:
  """Jacobians at z [M, D] by K of the latents (None: all), by central differences: [M, pixels, K] float64."""
  m, d = len(z), z.shape[1] if dims is None else len(dims)
  unit = np.eye(z.shape[1])[slice(None) if dims is None else dims]
  moves = STEP * np.concatenate([unit, -unit])
  found = []
  for point, c in zip(z, label, strict=True):
    images = subject.generate(point + moves, np.repeat(c, 2 * d)).reshape(2, d, -1).astype(np.float64)
    found.append((images[0] - images[1]).T / (2 * STEP))
  return np.stack(found) if m else np.empty((0, 0, d))


def shares_of_variance(effects: Effects) -> dict[str, Array]:
  """Returns the terms of T_d, [N, D] each, of the image, the sharpness and, if known, the class."""
  tiny = np.finfo(float).tiny
  terms = {
    "image": effects.image / max(effects.image_variance, tiny),
    "sharpness": effects.sharpness / max(effects.sharpness_variance, tiny),
  }
  return terms if effects.changed is None else terms | {"class": effects.changed}


def mean_effects(effects: Effects) -> dict[str, Array]:
  """Returns T_d of the image, the sharpness and, if known, the class: [D] each."""
  return {name: terms.mean(0) for name, terms in shares_of_variance(effects).items()}


def score_effects(effects: Effects) -> dict[str, estimate.Estimate]:
  """Returns the numbers of all latents, estimated from those that were measured; see `traversal.score`."""
  terms, means = shares_of_variance(effects), mean_effects(effects)
  image, top = terms["image"], int(np.argmax(means["image"]))
  weight, number = effects.weight, float(effects.weight.sum())
  effective = estimate.jackknife(lambda x: effective_number(x.mean(0), weight), image)
  numbers = {
    "effective_dims": effective.within(1, number),
    "active_dims": estimate.bootstrap(lambda x: (x.mean(0) > ACTIVE) @ weight, image),
    "interaction": estimate.mean(image @ weight),
    "top_dim": estimate.mean(image[:, top]),
    "mean_dim": estimate.mean(image @ weight / number),
  }
  for name, term in list(terms.items())[1:]:
    numbers[f"top_dim_{name}"] = estimate.mean(term[:, top])
    numbers[f"mean_dim_{name}"] = estimate.mean(term @ weight / number)
  return numbers


def principal_directions(metric: Array) -> tuple[Array, Array]:
  """Eigenvalues in descending order, and eigenvectors as columns, of metrics [..., D, D]."""
  values, vectors = np.linalg.eigh(metric)
  return np.maximum(values[..., ::-1], 0), vectors[..., ::-1]


def score_metric(metric: Array) -> dict[str, estimate.Estimate]:
  """Compares the principal directions of metrics [M, D, D] with the raw axes.

  Returns: The means over places of effective_directions and effective_axes, how many of each matter
    (`effective_number`), and of top_directions and top_axes, the share of all change along the best of each.
  """
  metric = metric[np.trace(metric, axis1=1, axis2=2) > 0]  # elsewhere the image does not change at all
  along, axes = principal_directions(metric)[0], np.diagonal(metric, axis1=1, axis2=2)
  found = {}
  for name, weights in (("directions", along), ("axes", axes)):
    found[f"effective_{name}"] = estimate.mean([effective_number(w) for w in weights])
    found[f"top_{name}"] = estimate.mean(weights.max(1) / weights.sum(1))
  return found
