"""The figure of latents outside of the prior."""

from matplotlib.figure import Figure

from gengap.probes.figures import layout
from gengap.probes.figures import names as text
from gengap.probes.ood import QUANTITIES, RADII, Measurements
from gengap.probes.types import Options, Scores

SHOWN = 18  # images of a prior
RADIUS = "radius of latents,\nover that of the prior"
CURVES = ("frechet", "sharpness", "contrast", "off_data", "unsure")


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws images of every prior and through an autoencoder, and the scores by the radius."""
  del options
  numbers = scores.numbers
  rows = {name: images.image for name, images in measurements.images.items() if not name.startswith("radius")}
  for name, images in measurements.reconstructions.items():
    rows |= {name: images.image, f"{name}, reconstructed": images.reconstructed}
  curves = [name for name in CURVES if f"normal/{name}" in numbers]
  sheet, places, panels = layout.sheet(len(rows), SHOWN, len(curves), "latents from other priors")
  for (name, row), place in zip(rows.items(), places, strict=True):
    layout.strip(sheet, place, row[:SHOWN], label(name))
  for panel, name in zip(panels, curves, strict=True):
    by_radius = [numbers[f"radius_{radius:g}/{name}"] for radius in RADII]
    layout.curves(
      panel,
      RADII,
      {name: by_radius},
      RADIUS,
      text.axis_of(QUANTITIES, name),
    )
    panel.axvline(1, color="grey", linewidth=0.5)
    panel.axhline(numbers[f"real/{name}"].value, color="grey", linewidth=0.5)
  layout.caption(
    sheet,
    f"{layout.BANDS} over images. Grey lines: radius 1, at which latents of the prior lie, and the value of "
    "real images. Latents of other distributions have variance 1 unless they are scaled.",
  )
  return sheet


def label(row: str) -> str:
  """Returns the label of a row of images."""
  name, _, what = row.partition(", ")
  return f"{text.in_words(name)},\n{what}" if what else text.in_words(name)
