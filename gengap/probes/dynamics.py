"""What happened while it trained? The same latents at every checkpoint, and when modes were dropped.

`collapse` and `dropping` state the rules for what happened when: something counts only if it lasts to the end
and the samples are enough to tell.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from gengap.errors import InputError
from gengap.evaluation.quantities import Better, Quantity
from gengap.metrics import class_coverage, estimate, prdc
from gengap.metrics.coverage import REACHED
from gengap.probes import figures
from gengap.probes.types import Array, Found, Options, Subject

SHOWN = 18  # latents in the picture
ROWS = 14  # checkpoints in it, at most
COLLAPSED = 0.4  # of the diversity of real images
NEIGHBOUR = 5  # k of precision and coverage
QUANTITIES = (
  Quantity("diversity", "diversity over that of test images", better=Better.REAL),
  Quantity("precision", "precision", better=Better.REAL, high=1),
  Quantity("coverage", "coverage", better=Better.REAL, high=1),
  Quantity("classes", "classes", better=Better.HIGH),
  Quantity("least", "smallest share of a class", better=Better.HIGH),
  Quantity("entropy", "entropy of classes", "nats", Better.HIGH),
  Quantity("collapse", "step from which on diversity has collapsed"),
  Quantity("dropping", "step from which on a class is missing"),
)
LEAST = 8  # images, so that NEIGHBOUR + 1 are left where some are left out for an interval


def onset(steps: Sequence[int], states: Sequence[int]) -> estimate.Estimate:
  """Returns the first step of what lasts to the end, by what each checkpoint tells.

  Args:
    steps: of the checkpoints, in order.
    states: of each, 1: it is so, -1: it is not, 0: its samples are too few to tell.

  Returns:
    The first checkpoint that tells so and after which none denies it, with the interval within which it
    began: from the last checkpoint that denies it to this one. NaN where the last one does not tell so.
  """
  if not len(states) or states[-1] <= 0:
    return estimate.NONE
  after = max((i + 1 for i, state in enumerate(states) if state < 0), default=0)
  first = next(i for i in range(after, len(states)) if states[i] > 0)
  return estimate.Estimate(float(steps[first]), float(steps[max(after - 1, 0)]), float(steps[first]))


def collapse(steps: Sequence[int], diversities: Sequence[estimate.Estimate]) -> estimate.Estimate:
  """Returns from which step on the interval of the diversity lies below COLLAPSED, to the end."""
  return onset(steps, [(x.high < COLLAPSED) - (x.low >= COLLAPSED) for x in diversities])


def dropping(
  steps: Sequence[int], counts: Array, frequencies: Array
) -> tuple[estimate.Estimate, dict[int, estimate.Estimate]]:
  """Returns from which step on a class is missing that was there before, and when each such class went.

  A class is there if the interval of its share of the samples lies above REACHED times its share of the data,
  and missing if it lies below. A share that is REACHED of the data's or more is called missing by chance in
  2.5 % of checkpoints at most, and one like the data's hardly ever.

  Args:
    steps: of the checkpoints, in order.
    counts: [steps, classes], samples of each class.
    frequencies: [classes], shares of the data.
  """
  gone = {}
  for c, wanted in enumerate(REACHED * frequencies):
    low, high = estimate.wilson(counts[:, c], int(counts[0].sum()))
    there, missing = low >= wanted, high < wanted
    lost = missing & (np.cumsum(there) > 0)
    found = onset(steps, lost.astype(int) - there)
    if np.isfinite(found.value):
      gone[c] = found
  return min(gone.values(), default=estimate.NONE), gone


def needed(frequency: float) -> int:
  """Returns how many samples tell that a class of this share of the data is missing, if none is of it."""
  z = stats.norm.ppf(0.5 + estimate.LEVEL / 2)
  return int(z**2 * (1 / (REACHED * frequency) - 1)) + 1


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


def unfit(subject: Subject) -> str:
  """Returns why the probe cannot be taken; "" where it can."""
  if min(len(subject.test.image), len(subject.train.image)) < LEAST:
    return f"it needs {LEAST} training images and as many test images"
  return (
    "" if np.ptp(subject.test.image, 0).any() else "its unit is the spread of test images: they have none"
  )


def probe(subject: Subject, options: Options) -> Found:
  """Goes through a run's checkpoints, and the weights before training.

  Returns: Of each step, and of as many training images (`real`): diversity, root mean square distance of two
    images over that of test images; precision and coverage of the features, which depend on how many there
    are; of each step classes reached, their least share and entropy. collapse, the step from which on
    diversity is below 0.4 to the end; dropping, the step from which on a class is missing to the end that was
    there before. Both count only what the intervals of 95 % tell, are NaN where nothing is told, and their
    intervals lead from the last checkpoint that tells otherwise to the first that tells so (`onset`).

  Raises:
    InputError: there is no checkpoint whose images are finite.
  """
  n, rng = min(max(LEAST, options.number // 2), len(subject.train.image)), options.rng(0)
  z, label = rng.standard_normal((n, subject.latent_dim)), subject.labels(rng, n)
  real, apart = subject.see(subject.test.image), diversity(subject.test.image)
  floor = score(subject.train.image[:n], subject.see(subject.train.image[:n]), apart, real)
  seen: dict[int, dict[str, estimate.Estimate]] = {}
  pictures, counts, notes = {}, {}, []
  for step, generate in subject.history():
    try:
      images = generate(z, label)
    except InputError as error:
      notes.append(f"without step {step}: {error}")
      continue
    pictures[step] = images[:SHOWN]
    seen[step] = score(images, subject.see(images), apart, real)
    if subject.name and subject.class_counts.min() > 0:
      logits = subject.name(images)
      named = class_coverage(logits, subject.class_counts)
      seen[step] |= {name: estimate.Estimate(float(named[name])) for name in ("classes", "least", "entropy")}
      counts[step] = np.bincount(logits.argmax(1), minlength=len(subject.classes))
  if not (steps := sorted(seen)):
    raise InputError("; ".join(notes) or "there are no checkpoints")
  every = {"real": floor} | {f"step {step}": seen[step] for step in steps}
  numbers = {f"{of}/{name}": value for of, found in every.items() for name, value in found.items()}
  numbers["collapse"] = collapse(steps, [seen[step]["diversity"] for step in steps])
  detail = {"steps": steps, "images": n}
  if counts:
    frequencies = subject.class_counts / subject.class_counts.sum()
    matrix = np.stack([counts[step] for step in steps])
    numbers["dropping"], gone = dropping(steps, matrix, frequencies)
    detail["shares"] = dict(zip(map(str, steps), (matrix / n / frequencies).tolist(), strict=True))
    detail["dropped"] = {subject.classes[c]: found.value for c, found in gone.items()}
    notes += too_few(n, frequencies)
  elif subject.name:
    notes.append("no classes through training: one has no training images")
  else:
    notes.append("no classes through training: a classifier has to name them")
  if len(steps) < 4:
    notes.append(
      f"only {len(steps)} steps are there; train with a larger --config.keep_checkpoints to see more"
    )
  return Found(numbers, lambda: draw(pictures, seen, floor), detail, tuple(notes))


def too_few(n: int, frequencies: Array) -> list[str]:
  """Returns what n samples cannot tell of classes with these shares of the data, as a note or none."""
  wanted = [needed(share) for share in frequencies]
  if not (hidden := sum(least > n for least in wanted)):
    return []
  return [
    f"dropping: {n} samples cannot tell of {hidden} of {len(wanted)} classes whether they are missing; "
    f"--num_samples={2 * max(wanted)} can"
  ]


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
  sheet, places, panels = figures.sheet(len(chosen), SHOWN, len(names), "the same latents through training")
  for step, place in zip(chosen, places, strict=True):
    figures.strip(sheet, place, pictures[step], f"step {step}")
  for panel, name in zip(panels, names, strict=True):
    figures.curves(panel, steps, {name: [seen[step][name] for step in steps]}, "step", name)
    if name in real:
      panel.axhline(real[name].value, color="grey", linewidth=0.5)
    panel.set_ylim(bottom=0)
  return sheet
