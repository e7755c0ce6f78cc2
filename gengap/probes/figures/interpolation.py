"""The figure of paths between latents."""

import numpy as np
from matplotlib.figure import Figure

from gengap.metrics import estimate
from gengap.probes.figures import layout, names
from gengap.probes.interpolation import STEPS, Measurements, step_lengths
from gengap.probes.types import Options, Scores

SHOWN = 3  # paths of a kind
PLACE = "place on the path, from end to end"


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws some paths of every kind, and the curves of their steps and of their distance to the data."""
  del scores, options
  paths = measurements.paths
  doubled = {kind.replace("spherical", "linear") for kind in paths if "spherical" in kind}
  chosen = {kind: measured for kind, measured in paths.items() if kind not in doubled}
  rows = [(kind, m, i) for kind, m in chosen.items() for i in range(min(SHOWN, len(m.images)))]
  sheet, places, (steps, distance) = layout.sheet(len(rows), STEPS + 1, 2, "paths between latents")
  classes = names.distinct(measurements.classes, 20)
  for (kind, measured, i), place in zip(rows, places, strict=True):
    a, b = (classes[c[i]] for c in (measured.ends.from_class, measured.ends.to_class))
    label = names.in_words(kind)
    known = measurements.conditional or not kind.startswith("random")
    layout.strip(sheet, place, measured.images[i], f"{label}\n{a} to {b}" if known else label)
  t, chosen = np.linspace(0, 1, STEPS + 1), {names.in_words(k, ", "): m for k, m in chosen.items()}
  lengths = {kind: step_lengths(measured.features) for kind, measured in chosen.items()}
  moving = {kind: x[x.mean(1) > 0] for kind, x in lengths.items()}
  relative = {
    kind: [estimate.mean(at) for at in (x / x.mean(1, keepdims=True)).T]
    for kind, x in moving.items()
    if len(x)
  }
  layout.curves(
    steps, (t[1:] + t[:-1]) / 2, relative, PLACE, "length of a step in features,\nover the mean step"
  )
  far = {kind: [estimate.median(at) for at in measured.distance.T] for kind, measured in chosen.items()}
  layout.curves(
    distance, t, far, PLACE, "distance to the nearest real image,\nin distances between real neighbours"
  )
  layout.caption(
    sheet,
    f"{layout.BANDS} over all paths. A smooth path has equal steps: a peak in the middle is a jump. "
    "Where the distance rises, images between the ends are unlike real ones.",
  )
  return sheet
