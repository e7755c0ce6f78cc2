"""Is the latent space continuous? Paths between latents, and what their images do on the way.

Paths lead between random latents, between two of one class, and between two of different classes. For a
model with its own encoder the ends are codes of real images; for another one they are latents whose images a
classifier is sure of; a conditional model is told the class, so that its paths across classes keep the
latent and change the shares of the classes alone.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from matplotlib.figure import Figure

from gengap.evaluation.quantities import Better, Depends, Quantity
from gengap.metrics import estimate, neighbours
from gengap.metrics.coverage import SURE, confidence
from gengap.probes import figures
from gengap.probes.types import Array, Found, Options, Subject

STEPS = 16  # of a path; even, so that one point is its middle
EPSILON = 1e-4  # of the difference that a speed is taken by
CERTAIN = 0.9  # probability of the likeliest class at an end
POOL = 20  # latents to choose the ends of a path among
SHOWN = 3  # paths of a kind in the picture


def on_paths(where: str, kind: str, depends: frozenset[Depends]) -> tuple[Quantity, ...]:
  """Declares the numbers of paths of a kind."""
  quantities = (
    Quantity("squared_speed", f"squared speed{where}"),
    Quantity("detour", f"length of a path over the distance of its ends{where}", low=1),
    Quantity("abruptness", f"largest step of a path over its mean{where}", better=Better.LOW, low=1),
    Quantity("off_data", f"distance to real images{where}"),
    Quantity("off_data_ends", f"distance to real images at the ends{where}"),
    Quantity("unsure", f"low-confidence share{where}", better=Better.REAL, high=1),
    Quantity("elsewhere", f"share of a third class{where}", high=1),
  )
  return tuple(quantity._replace(depends=depends, rows=(kind,)) for quantity in quantities)


QUANTITIES = (
  *on_paths("", "random", frozenset()),
  *on_paths(" within a class", "within", frozenset({Depends.ENDS})),
  *on_paths(" between classes", "across", frozenset({Depends.ENDS})),
  Quantity("unsure", "low-confidence share of real images", high=1, rows=("real",)),
)


Path: TypeAlias = Callable[[Array, Array, Array], Array]  # of two ends, at t


class Ends(NamedTuple):
  """Where paths begin and end."""

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

  Shapes as in `linear`, which it is where a and b lie on one line.
  """
  t = np.broadcast_to(t, (len(a), np.shape(t)[-1]))
  norms = np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
  angle = np.arccos(np.clip(np.sum(a * b, 1) / norms, -1, 1))[:, None]
  straight = np.sin(angle) < 1e-6
  sine = np.where(straight, 1, np.sin(angle))
  first = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine)
  second = np.where(straight, t, np.sin(t * angle) / sine)
  return first[..., None] * a[:, None] + second[..., None] * b[:, None]


def step_lengths(features: Array) -> Array:
  """Distances of points in a row on paths: [P, T + 1, F] -> [P, T]."""
  return np.linalg.norm(np.diff(np.asarray(features, np.float64), axis=1), axis=2)


def abruptness(lengths: Array) -> Array:
  """Longest step of each path over its mean step: [P, T] -> [P]; 1: all alike, T: one jump, NaN: no step."""
  total = lengths.mean(1)
  return np.where(total > 0, lengths.max(1) / np.where(total > 0, total, 1), np.nan)


def detour(features: Array) -> Array:
  """Length of each path over the distance of its ends: [P, T + 1, F] -> [P]; 1: straight, NaN: none."""
  features = np.asarray(features, np.float64)
  across = np.linalg.norm(features[:, -1] - features[:, 0], axis=1)
  return np.where(across > 0, step_lengths(features).sum(1) / np.where(across > 0, across, 1), np.nan)


def squared_speed(here: Array, there: Array, epsilon: float) -> Array:
  """|f(t + e) - f(t)|^2 / e^2 of features f at one point of each path: [P, F] -> [P].

  The form is that of the perceptual path length (Karras et al. 2019, arXiv:1812.04948, equations 2 and 3),
  but the number is another one: the distance is Euclidean in the features, not LPIPS, and spherical paths
  keep the lengths of their ends. So it does not compare with published path lengths.
  """
  return np.sum((np.asarray(there, np.float64) - here) ** 2, 1) / epsilon**2


def off_data(features: Array, real: Array) -> Array:
  """Distance to the nearest real image, over the median of real images' own to others: [N, F] -> [N].

  NaN where that median is 0, as most real images are copies of others.

  Raises:
    InputError: there are fewer than two real images.
  """
  own = np.sqrt(np.median(neighbours.kth(real, 1)[0]))
  return np.sqrt(neighbours.kth(features, 1, real)[0]) / (own if own > 0 else np.nan)


def pairs(
  label: Array, wanted: tuple[int, ...], across: bool, number: int, rng: np.random.Generator
) -> Array:
  """Draws pairs of items by their classes [N] (-1: none): [number, 2], every class as often as it can be.

  Args:
    label: of the items.
    wanted: classes to be drawn; () are all.
    across: whether the two are of different classes, or of one.
    number: of pairs.
    rng: random numbers.

  Returns:
    Empty where there are no such pairs.
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
  """Latents and the class of the image of each, -1: not sure; None: nothing tells the classes."""
  if subject.own_encoder and subject.encode:
    return subject.encode(subject.test.image, subject.test.label), subject.test.label
  if not subject.name:
    return None
  z = options.rng(1).standard_normal((POOL * number, subject.latent_dim))
  label, sure = confidence(subject.name(subject.generate(z, np.zeros(len(z), int))))
  return z, np.where(sure >= CERTAIN, label, -1)


def ends(subject: Subject, options: Options, number: int) -> dict[str, Ends | str]:
  """Chooses the ends of paths within a class and across classes; a text says why there are none."""
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
      seen = ", ".join(subject.classes[c] for c in np.unique(codes[1])[:20] if c >= 0) or "none"
      found[kind] = f"no paths {words}: the classes there are among {len(codes[0])} images are {seen}"
  return found


class Walk(NamedTuple):
  """Paths of one kind, and what was seen on them."""

  images: Array  # [P, STEPS + 1, H, W, C]
  features: Array  # [P, STEPS + 1, F]
  named: Array | None  # [P, STEPS + 1, classes]
  speed: Array  # [P], see squared_speed
  away: Array  # [P, STEPS + 1], see off_data
  of: Ends


def walk(subject: Subject, of: Ends, path: Path, rng: np.random.Generator, real: Array) -> Walk:
  """Goes along paths; the shares of the classes move in a straight line."""
  p, codes = len(of.a), np.eye(len(subject.classes))

  def look(t: Array) -> tuple[Array, Array]:
    z, shares = path(of.a, of.b, t), linear(codes[of.from_class], codes[of.to_class], t)
    images = subject.generate(*(x.reshape(-1, x.shape[2]) for x in (z, shares)))
    return images.reshape(p, -1, *images.shape[1:]), subject.see(images).reshape(p, z.shape[1], -1)

  t = np.linspace(0, 1, STEPS + 1)
  images, features = look(t)
  at = rng.uniform(0, 1 - EPSILON, (p, 1))
  _, near = look(np.concatenate([at, at + EPSILON], 1))
  flat = images.reshape(-1, *images.shape[2:])
  named = subject.name(flat).reshape(p, STEPS + 1, -1) if subject.name else None
  away = off_data(features.reshape(len(flat), -1), real).reshape(p, -1)
  return Walk(images, features, named, squared_speed(near[:, 0], near[:, 1], EPSILON), away, of)


def unsure(named: Array) -> estimate.Estimate:
  """Share of images that a classifier is not sure of, by its logits [N, classes]."""
  return estimate.share(~(confidence(named)[1] >= SURE))


def score(seen: Walk) -> dict[str, estimate.Estimate]:
  """Returns what paths of one kind are like."""
  middle = STEPS // 2
  found = {
    "squared_speed": estimate.mean(seen.speed),
    "detour": estimate.median(detour(seen.features)),
    "abruptness": estimate.mean(abruptness(step_lengths(seen.features))),
    "off_data": estimate.median(seen.away[:, middle]),
    "off_data_ends": estimate.bootstrap(np.median, seen.away[:, [0, -1]]),
  }
  if seen.named is not None:
    label, _ = confidence(seen.named)
    found["unsure"] = unsure(seen.named[:, middle])
    found["elsewhere"] = estimate.share(
      (label[:, middle] != label[:, 0]) & (label[:, middle] != label[:, -1])
    )
  return found


def unfit(subject: Subject) -> str:
  """Returns why the probe cannot be taken; "" where it can."""
  return "it needs two test images" if len(subject.test.image) < 2 else ""


def probe(subject: Subject, options: Options) -> Found:
  """Goes along paths of every kind.

  Returns: Of each kind: squared_speed, the mean of `squared_speed` with e = 1e-4; detour, median
    length over the distance of the ends; abruptness, mean of the longest step over the mean step, of 16;
    off_data, how far the middle is from the test images (`off_data`: median), and off_data_ends, the same of
    the ends; unsure, share of middles that the classifier is not sure of; elsewhere, share of middles of
    neither end's class. Intervals are over paths. real/unsure: the same share of test images.
  """
  number, rng = max(2, options.number // 10), options.rng(0)
  real = subject.see(subject.test.image)
  label = subject.labels(rng, number)
  a, b = rng.standard_normal((2, number, subject.latent_dim))
  random = Ends(a, b, label, label)
  kinds: dict[str, Ends | str] = {"random": random}
  if len(subject.classes) > 1:
    kinds |= ends(subject, options, number)
  walks, notes = {}, []
  numbers = {"real/unsure": unsure(subject.name(subject.test.image))} if subject.name else {}
  for i, (kind, of) in enumerate(kinds.items()):
    if isinstance(of, str):
      notes.append(of)
      continue
    still = kind == "across" and subject.conditional  # the latent stays, so every path is the same
    for path in (linear,) if still else (linear, spherical):
      name = f"{kind} {path.__name__}"
      walks[name] = walk(subject, of, path, options.rng(3, i), real)
      numbers |= {f"{name}/{what}": value for what, value in score(walks[name]).items()}
  found_by = "classes that are asked for" if subject.conditional else "a classifier"
  ends_are = (
    "codes of test images" if subject.own_encoder and not subject.conditional else f"draws of {found_by}"
  )
  detail = {"steps": STEPS, "epsilon": EPSILON, "paths": number, "ends": ends_are}
  return Found(numbers, lambda: draw(subject, walks), detail, tuple(notes))


def draw(subject: Subject, walks: dict[str, Walk]) -> Figure:
  """Draws some paths of every kind, and what happens along them."""
  doubled = {kind.replace("spherical", "linear") for kind in walks if "spherical" in kind}
  chosen = {kind: seen for kind, seen in walks.items() if kind not in doubled}
  rows = [(kind, seen, i) for kind, seen in chosen.items() for i in range(min(SHOWN, len(seen.images)))]
  sheet, places, (steps, away) = figures.sheet(len(rows), STEPS + 1, 2, "paths between latents")
  classes = figures.distinct(subject.classes, 20)
  for (kind, seen, i), place in zip(rows, places, strict=True):
    a, b = (classes[c[i]] for c in (seen.of.from_class, seen.of.to_class))
    known = subject.conditional or not kind.startswith("random")
    figures.strip(sheet, place, seen.images[i], f"{kind}\n{a} to\n{b}" if known else kind)
  t = np.linspace(0, 1, STEPS + 1)
  lengths = {kind: step_lengths(seen.features) for kind, seen in chosen.items()}
  moving = {kind: x[x.mean(1) > 0] for kind, x in lengths.items()}
  even = {
    kind: [estimate.mean(at) for at in (x / x.mean(1, keepdims=True)).T]
    for kind, x in moving.items()
    if len(x)
  }
  figures.curves(steps, (t[1:] + t[:-1]) / 2, even, "along the path", "step, over the mean step")
  far = {kind: [estimate.median(at) for at in seen.away.T] for kind, seen in chosen.items()}
  figures.curves(away, t, far, "along the path", "distance to the data")
  return sheet
