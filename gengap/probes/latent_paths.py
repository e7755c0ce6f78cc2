"""Paths between latents: linear and spherical ones, and the choice of their ends.

The ends of paths within a class and across classes depend on the model. With its own encoder they are codes
of test images. Without one they are random latents whose images a classifier assigns with confidence. A
conditional model gets the class as its label: its paths across classes keep the latent and change only the
shares of the classes.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from gengap.metrics.coverage import confidence
from gengap.probes.types import Array, Options, Subject

CERTAIN = 0.9  # probability of the likeliest class at an end
POOL = 20  # candidates for the ends of one path

Path: TypeAlias = Callable[[Array, Array, Array], Array]  # two ends and t -> points


class Ends(NamedTuple):
  """The ends of P paths."""

  a: Array  # [P, D]
  b: Array  # [P, D]
  from_class: Array  # [P]
  to_class: Array  # [P]


def linear(a: Array, b: Array, t: Array) -> Array:
  """(1 - t) a + t b: [P, D], [P, D], t [T] or [P, T] -> [P, T, D]."""
  t = np.broadcast_to(t, (len(a), np.shape(t)[-1]))[..., None]
  return (1 - t) * a[:, None] + t * b[:, None]


def spherical(a: Array, b: Array, t: Array) -> Array:
  """Along the arc: (sin((1 - t) w) a + sin(t w) b) / sin w, w the angle between a and b (Shoemake 1985).

  Shapes as in `linear`. Where a and b are collinear, the path is linear.
  """
  t = np.broadcast_to(t, (len(a), np.shape(t)[-1]))
  norms = np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
  angle = np.arccos(np.clip(np.sum(a * b, 1) / norms, -1, 1))[:, None]
  straight = np.sin(angle) < 1e-6
  sine = np.where(straight, 1, np.sin(angle))
  first = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine)
  second = np.where(straight, t, np.sin(t * angle) / sine)
  return first[..., None] * a[:, None] + second[..., None] * b[:, None]


def pairs(
  label: Array, wanted: tuple[int, ...], across: bool, number: int, rng: np.random.Generator
) -> Array:
  """Draws pairs of items by their classes [N] (-1: none): [number, 2], every class with the same probability.

  Args:
    label: of the items.
    wanted: classes to draw from; () means all.
    across: whether the two items have different classes, or the same.
    number: of pairs.
    rng: random numbers.

  Returns:
    Empty if there are no such pairs.
  """
  there = [c for c in np.unique(label) if c >= 0 and (not wanted or c in wanted)]
  there = [c for c in there if across or np.sum(label == c) > 1]
  if len(there) < 1 + across:
    return np.empty((0, 2), int)
  found = []
  for _ in range(number):
    first, second = rng.permutation(there)[:2] if across else (rng.choice(there),) * 2
    if across:
      found.append([rng.choice(np.flatnonzero(label == c)) for c in (first, second)])
    else:
      found.append(rng.choice(np.flatnonzero(label == first), 2, replace=False))
  return np.array(found)


def candidates(subject: Subject, options: Options, number: int) -> tuple[Array, Array] | None:
  """Returns latents and the classes of their images, -1: low confidence; None: nothing tells the classes."""
  if subject.own_encoder and subject.encode:
    return subject.encode(subject.test.image, subject.test.label), subject.test.label
  if not subject.classify:
    return None
  z = options.rng(1).standard_normal((POOL * number, subject.latent_dim))
  label, probability = confidence(subject.classify(subject.generate(z, np.zeros(len(z), int))))
  return z, np.where(probability >= CERTAIN, label, -1)


def random_ends(subject: Subject, options: Options, number: int) -> Ends:
  """Draws both ends of paths from the prior; the class stays."""
  rng = options.rng(0)
  label = subject.labels(rng, number)
  a, b = rng.standard_normal((2, number, subject.latent_dim))
  return Ends(a, b, label, label)


def class_ends(subject: Subject, options: Options, number: int) -> dict[str, Ends | str]:
  """Chooses the ends of paths "within" a class and "across" classes; a text says why there are none."""
  found: dict[str, Ends | str] = {}
  codes = None if subject.conditional else candidates(subject, options, number)
  for across, kind, words in ((False, "within", "within a class"), (True, "across", "across classes")):
    rng = options.rng(2, across)
    if subject.conditional:
      classes = np.repeat(options.classes or range(len(subject.classes)), 2)
      label = classes[pairs(classes, (), across, number, rng)]
      a, b = rng.standard_normal((2, number, subject.latent_dim))
      found[kind] = Ends(a, a if across else b, *label.T)
    elif codes is None:
      found[kind] = f"no paths {words}: a classifier has to find their ends"
    elif len(chosen := pairs(codes[1], options.classes, across, number, rng)):
      z, label = (x[chosen] for x in codes)
      found[kind] = Ends(z[:, 0], z[:, 1], *label.T)
    else:
      named = ", ".join(subject.classes[c] for c in np.unique(codes[1])[:20] if c >= 0) or "none"
      found[kind] = f"no paths {words}: the classes there are among {len(codes[0])} images are {named}"
  return found
