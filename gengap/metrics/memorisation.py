"""Whether generated images are copies of training images."""

import math

import numpy as np

from gengap.errors import InputError
from gengap.metrics import neighbours
from gengap.metrics.sets import pair, scaled

GROUPS = 20  # of references, of which a redraw takes a random half
REDRAWS = 100


def memorisation(
  train: np.ndarray, held_out: np.ndarray, fake: np.ndarray, seed: int = 0
) -> dict[str, float]:
  """Compares the distances of generated images to training images and to held-out images.

  The numbers are meaningful for samples near the data, as copies are. Whatever moves all samples away from
  the data changes them too, in either direction: on Fashion-MNIST, 0.54 of real images that are blurred by
  one pixel are nearer to a training image, and 0.0001 of noise.

  **Spread.** The value depends on the references that happen to be drawn. Its standard deviation over draws
  of the references is estimated from REDRAWS random halves of them: the mean over half of a set, drawn
  without replacement, varies about the mean over the set as that varies about the expectation.

  Args:
    train: [N, D] features of training images.
    held_out: [L, D] of images that were not trained on. The larger set is subsampled to the size of the
      smaller one, because the nearest of many images is nearer than the nearest of few.
    fake: [M, D].
    seed: of the draws.

  Returns:
    nearer_train: share of generated images whose nearest training image is nearer than their nearest held-out
      one; ties count half. 0.5 without memory, 1 for copies.
    distance_ratio: median distance to the nearest training image over that to the nearest held-out one;
      infinite where the latter alone is 0.
    authentic: share of generated images that are farther from their nearest training image than that is from
      its own nearest (AuthPct: Alaa et al. 2022, arXiv:2102.08921, section 2.3). Images of the distribution
      itself have about a half, copies 0; a generator far from the data has 1.
    nearer_train_spread, distance_ratio_spread, authentic_spread: see above.

  Raises:
    InputError: fewer than four training or held-out images, fewer than two generated ones, widths that
      differ, or features that are not finite.
  """
  train, fake = pair(train, fake, 2)
  held_out = pair(held_out, fake, 2)[0]
  if (n := min(len(train), len(held_out))) < 4:
    raise InputError(
      f"there are {len(train)} training and {len(held_out)} held-out images; 4 of each are needed"
    )
  (train, held_out, fake), _ = scaled(train, held_out, fake)
  rng = np.random.default_rng(seed)
  train, held_out = (x[rng.permutation(len(x))[:n]] for x in (train, held_out))
  groups = np.array_split(np.arange(n), min(GROUPS, n))
  (seen, which), (unseen, _) = by_group(fake, train, groups), by_group(fake, held_out, groups)
  own, _ = by_group(train, train, groups, itself=True)
  value, halves = compare(seen, which, unseen, own), []
  for _ in range(REDRAWS):
    a, b = (rng.permutation(len(groups))[: len(groups) // 2] for _ in range(2))
    halves.append(compare(seen[:, a], which[:, a], unseen[:, b], own[:, a]))
  return value | {f"{name}_spread": deviation([half[name] for half in halves]) for name in value}


def by_group(
  x: np.ndarray, references: np.ndarray, groups: list[np.ndarray], itself: bool = False
) -> tuple[np.ndarray, np.ndarray]:
  """Squared distance to the nearest item of each group of references, and which it is: [N, G], [N, G].

  With `itself`, x are the references, and an item is not its own nearest; it has none in a group of its own.
  """
  found, which = np.full((len(x), len(groups)), np.inf), np.zeros((len(x), len(groups)), int)
  for g, group in enumerate(groups):
    found[:, g], near = neighbours.kth(x, 1, references[group])
    which[:, g] = group[near]
    if itself:
      found[group, g] = neighbours.kth(x[group], 1)[0] if len(group) > 1 else np.inf
  return found, which


def compare(seen: np.ndarray, which: np.ndarray, unseen: np.ndarray, own: np.ndarray) -> dict[str, float]:
  """Returns the numbers of some groups of references: see `memorisation`.

  Args:
    seen: [M, G] squared distances of generated images to the nearest training image of each group.
    which: [M, G], that image.
    unseen: [M, G], squared distances to the nearest held-out image of each group.
    own: [N, G], those of training images to each other.
  """
  nearest = which[np.arange(len(seen)), seen.argmin(1)]
  near, far = seen.min(1), unseen.min(1)
  ratio = np.median(near), np.median(far)
  return {
    "nearer_train": float(np.mean((near < far) + 0.5 * (near == far))),
    "distance_ratio": math.sqrt(ratio[0] / ratio[1]) if ratio[1] else math.inf if ratio[0] else 1.0,
    "authentic": float(np.mean(near > own[nearest].min(1))),
  }


def deviation(values: list[float]) -> float:
  """Standard deviation of values; NaN if one is infinite."""
  return float(np.std(values)) if np.isfinite(values).all() else math.nan
