"""What happened while it trained? The same latents at every checkpoint, and when modes were dropped.

The rules for what happened when are stated by `onset`: something counts only if it lasts to the end.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gengap.metrics import class_coverage, prdc
from gengap.probes import estimate, figure
from gengap.probes.vocabulary import Array, Found, Options, Subject

SHOWN = 18  # latents in the picture
ROWS = 14  # checkpoints in it, at most
COLLAPSED = 0.4  # of the diversity of real images
NEIGHBOUR = 5  # k of precision and coverage


def onset(steps: Sequence[int], bad: Sequence[bool]) -> float:
  """Returns the first step from which on it is bad at every checkpoint; NaN: at the last it is not."""
  found = np.nan
  for step, now in zip(reversed(steps), reversed(bad), strict=True):
    if not now:
      break
    found = step
  return float(found)


def dropping(steps: Sequence[int], classes: Sequence[int]) -> float:
  """Returns the step from which on fewer classes are reached than were before; NaN: at the last it is not."""
  return onset(steps, [now < max(classes) for now in classes])


def diversity(images: Array) -> float:
  """Root mean square distance between two of the images [N, H, W, C]."""
  flat = images.reshape(len(images), -1).astype(np.float64)
  return float(np.sqrt(2 * flat.var(0, ddof=1).sum()))


def score(images: Array, features: Array, apart: float, real: Array) -> dict[str, estimate.Estimate]:
  """Returns how images [N, H, W, C] spread, and how their features lie among those [M, F] of real ones."""
  found = {"diversity": estimate.jackknife(lambda x: diversity(x) / apart, images)}
  for name in ("precision", "coverage"):
    value = estimate.jackknife(lambda x, of=name: prdc(real, x, NEIGHBOUR)[of], features, groups=5)
    found[name] = value.within(0, 1)
  return found


def probe(subject: Subject, options: Options) -> Found:
  """Goes through a run's checkpoints, and the weights before training.

  Returns: Of each step, and of as many training images (`real`): diversity, root mean square distance of two
    images over that of test images; precision and coverage of the features, which depend on how many there
    are; of each step classes reached, their least share and entropy. collapse, the step from
    which on diversity stays below 0.4 to the end; dropping, the step from which on fewer classes are
    reached than were before, to the end. NaN: it did not happen.
  """
  n, rng = max(NEIGHBOUR + 1, options.number // 2), options.rng(0)
  z, label = rng.standard_normal((n, subject.latent_dim)), subject.labels(rng, n)
  real, apart = subject.see(subject.test.image), diversity(subject.test.image)
  floor = score(subject.train.image[:n], subject.see(subject.train.image[:n]), apart, real)
  seen: dict[int, dict[str, estimate.Estimate]] = {}
  pictures, shares = {}, {}
  for step, generate in subject.history():
    images = generate(z, label)
    pictures[step] = images[:SHOWN]
    numbers = score(images, subject.see(images), apart, real)
    if subject.name:
      named = class_coverage(subject.name(images), subject.shares)
      numbers |= {name: estimate.Estimate(float(named[name])) for name in ("classes", "least", "entropy")}
      shares[step] = [named[f"share_{c}"] for c in range(len(subject.classes))]
    seen[step] = numbers
  steps = sorted(seen)
  every = {"real": floor} | {f"step {step}": seen[step] for step in steps}
  numbers = {f"{of}/{name}": value for of, found in every.items() for name, value in found.items()}
  flat = [seen[step]["diversity"].value < COLLAPSED for step in steps]
  numbers["collapse"] = estimate.Estimate(onset(steps, flat))
  notes = []
  if subject.name:
    counts = [int(seen[step]["classes"].value) for step in steps]
    numbers["dropping"] = estimate.Estimate(dropping(steps, counts))
  else:
    notes.append("no classes through training: a classifier has to name them")
  if len(steps) < 4:
    notes.append(
      f"only {len(steps)} steps are there; train with a larger --config.keep_checkpoints to see more"
    )
  detail = {"steps": steps, "images": n, "shares": {str(step): x for step, x in shares.items()}}
  return Found(numbers, draw(pictures, seen, floor), detail, tuple(notes))


def draw(
  pictures: dict[int, Array],
  seen: dict[int, dict[str, estimate.Estimate]],
  real: dict[str, estimate.Estimate],
) -> Figure:
  """Draws the same latents at some of the steps, and the scores of all beside those of real images."""
  steps = sorted(pictures)
  chosen = sorted(
    {steps[i] for i in np.linspace(0, len(steps) - 1, min(ROWS, len(steps))).round().astype(int)}
  )
  names = [name for name in ("diversity", "precision", "coverage", "classes") if name in seen[steps[0]]]
  sheet, places, panels = figure.sheet(len(chosen), SHOWN, len(names), "the same latents through training")
  for step, place in zip(chosen, places, strict=True):
    figure.strip(sheet, place, pictures[step], f"step {step}")
  for panel, name in zip(panels, names, strict=True):
    figure.curves(panel, steps, {name: [seen[step][name] for step in steps]}, "step", name)
    if name in real:
      panel.axhline(real[name].value, color="grey", linewidth=0.5)
    panel.set_ylim(bottom=0)
  return sheet
