"""The figure of latents outside of the prior."""

from matplotlib.figure import Figure

from gengap.probes.figures import layout
from gengap.probes.ood import RADII, Measurements
from gengap.probes.types import Options, Scores

SHOWN = 18  # images of a prior
CURVES = ("frechet", "sharpness", "contrast", "off_data", "unsure")


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws images of every prior and through an autoencoder, and the scores by the radius."""
  del options
  numbers = scores.numbers
  rows = {name: images.image for name, images in measurements.images.items() if not name.startswith("radius")}
  for name, images in measurements.reconstructions.items():
    rows |= {f"{name}, real": images.image, f"{name}, reconstructed": images.reconstructed}
  curves = [name for name in CURVES if f"normal/{name}" in numbers]
  sheet, places, panels = layout.sheet(len(rows), SHOWN, len(curves), "latents from other priors")
  for (name, row), place in zip(rows.items(), places, strict=True):
    layout.strip(sheet, place, row[:SHOWN], name)
  for panel, name in zip(panels, curves, strict=True):
    by_radius = [numbers[f"radius_{radius:g}/{name}"] for radius in RADII]
    layout.curves(panel, RADII, {name: by_radius}, "radius / sqrt(D)", name)
    panel.axvline(1, color="grey", linewidth=0.5)
    panel.axhline(numbers[f"real/{name}"].value, color="grey", linewidth=0.5)
  return sheet
