"""The figure of latents, one and two at a time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gengap.data.pixels import tile
from gengap.probes.figures import layout
from gengap.probes.sensitivity import mean_effects
from gengap.probes.traversal import COLUMNS, REACH, Map, Measurements
from gengap.probes.types import Options, Scores

EFFECTS = {
  "image": "image: share of the variance",
  "sharpness": "sharpness: share of the variance",
  "class": "class: how often it changes",
}


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws latents and directions one at a time, two latents against each other, and the effects of all."""
  del scores, options
  title = f"one latent at a time, from {-REACH:g} to {REACH:g}"
  sheet, places, (*pair, panel) = layout.sheet(len(measurements.rows), COLUMNS, 3, title)
  for place, (name, images) in zip(places, measurements.rows.items(), strict=True):
    layout.strip(sheet, place, images, name)
  for axis, images in zip(pair, measurements.maps, strict=True):
    draw_map(axis, images)
  means = mean_effects(measurements.effects)
  order = np.argsort(-means["image"])
  lines = {EFFECTS[name]: values[order] for name, values in means.items()}
  layout.curves(
    panel,
    np.arange(len(order)),
    lines,
    "latents, by effect on the image",
    "effect of a latent",
  )
  layout.caption(
    sheet,
    "Percentages: the effect of a latent on the image, which is the share of the variance of pixels that "
    "is due to it. All other latents of a row stay the same.",
  )
  return sheet


def draw_map(axis: Axes, found: Map) -> None:
  """Draws images over two latents; only the title if there are no images."""
  if len(found.images):
    layout.show(axis, tile(found.images, margin=1, columns=round(len(found.images) ** 0.5)))
    axis.set_xlabel(f"latent {found.pair[0]}", fontsize=7)
    axis.set_ylabel(f"latent {found.pair[1]}", fontsize=7)
  axis.set_title(found.title, fontsize=6)
