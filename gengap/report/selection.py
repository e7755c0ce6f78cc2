"""The methods that a report is about: the best of each family by held-out images."""

import math
from collections.abc import Sequence

import numpy as np

from gengap.data import blobs
from gengap.families import RIVALS
from gengap.report.groups import Comparison, Group
from gengap.report.views import equal_updates
from gengap.training.validation import ENERGY


def selection_images(comparison: Comparison) -> str:
  """Returns the images by which the best checkpoint and the best method are chosen, in words."""
  trained = [group for group in comparison.groups if group.trained]
  held_out = trained[0].first.config.get("validation_share", 1) if trained else 1
  return "held-out images" if held_out else "test images (none are held out)"


def validation_energy(group: Group, step: int) -> float:
  """Returns the mean over seeds of the last energy distance to held-out images up to a step.

  Infinite where it was not logged or is not finite in a run, so that such a method is never the best.
  """
  logged = [[x[ENERGY] for x in r.log if ENERGY in x and x["step"] <= step] for r in group.records.values()]
  last = [values[-1] for values in logged if values]
  mean = float(np.mean(last)) if last else math.inf
  return mean if math.isfinite(mean) else math.inf


def handicaps(group: Group) -> dict[str, bool]:
  """Returns what speaks against comparing a method: reason, the gravest first -> whether it applies."""
  condition = group.first.config.get("method_args", {}).get("condition", "none")
  return {
    "there are only images, at an unknown budget": not group.trained,
    "the class of every image is given": condition != "none",
    "there is one training seed": len(group.records) < 2,
  }


def rivals(comparison: Comparison) -> tuple[Group, ...]:
  """Returns the methods that the summary compares: at least two, or none where there is but one method.

  They are the best of each family by held-out images, in the order of the families; where there is only one
  family, the best two methods. Samples are those that are drawn by default. A method with one of the
  `handicaps` comes after those without it.
  """
  groups, step = comparison.by_default.groups, equal_updates(comparison.groups)
  ranked = sorted(groups, key=lambda x: (*handicaps(x).values(), validation_energy(x, step)))
  trained = [group for group in ranked if group.trained]
  candidates = trained if len(trained) > 1 else ranked
  best = [next((group for group in candidates if group.family is family), None) for family in RIVALS]
  found = tuple(group for group in best if group)
  return found if len(found) > 1 else tuple(ranked[:2] if len(ranked) > 1 else ())


def passed_over(comparison: Comparison, compared: Sequence[Group]) -> dict[str, list[str]]:
  """Returns the methods that could not be chosen: reason -> names.

  The reason is the gravest of the `handicaps` that the compared method of their family has not; that there
  are only images is always one.
  """
  found: dict[str, list[str]] = {}
  for group in comparison.by_default.groups:
    others = [handicaps(x) for x in compared if x.family is group.family]
    reasons = [
      reason
      for reason, applies in handicaps(group).items()
      if applies and (not group.trained or any(not other[reason] for other in others))
    ]
    if reasons and group not in compared:
      found.setdefault(reasons[0], []).append(group.name)
  return found


def best_pair(comparison: Comparison) -> tuple[Group, Group] | None:
  """Returns the two methods that the page asks about first; None where there is but one.

  They are the best VAE and the best GAN; where one of them is missing, the first two of `rivals`.
  """
  found = rivals(comparison)
  return (found[0], found[1]) if found else None


def is_asked(comparison: Comparison) -> bool:
  """Whether a VAE can be compared with a GAN, as the page's title asks."""
  return {family.name for family in RIVALS[:2]} <= {group.family.name for group in comparison.groups}


def place(comparison: Comparison) -> tuple[bool, bool]:
  """Returns a key that sorts data sets: first what the page's title asks about, real data before blobs."""
  return not is_asked(comparison), is_procedural(comparison)


def is_procedural(comparison: Comparison) -> bool:
  """Whether the data are drawn by a program."""
  return str(comparison.groups[0].first.config["dataset"]).split("/")[0] in blobs.COUNT


def pairs(comparison: Comparison) -> list[tuple[Group, Group]]:
  """Returns every two of the methods that are compared, those that the page asks about first in front.

  The pairs of a third family follow: each with the best of every family before it.
  """
  found = rivals(comparison)
  return [(a, b) for i, b in enumerate(found) for a in found[:i]]
