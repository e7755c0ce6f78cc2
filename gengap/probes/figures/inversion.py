"""The figure of real images and the closest ones that were found."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gengap.metrics.estimate import Estimate
from gengap.probes.figures import layout
from gengap.probes.figures import names as text
from gengap.probes.inversion import Measurements, balanced
from gengap.probes.types import Options, Scores

SHOWN = 12  # images
BARS = 20  # classes
TITLE = "test images and the nearest that were found"


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws test images above those guessed, drawn and reached, and the residual of each class."""
  del options
  test = measurements.splits["test"]
  chosen = balanced(test.label, SHOWN)
  chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, SHOWN).round().astype(int))]
  sheet, places, (panel,) = layout.sheet(1 + len(test.found), len(chosen), 1, TITLE)
  for place, (name, row) in zip(places, ({"real": test.image} | test.found).items(), strict=True):
    layout.strip(sheet, place, row[chosen], text.in_words(name))
  classes = measurements.classes
  best = "reached" if "reached" in test.found else "guessed"
  residuals = {c: scores.numbers[f"class {classes[c]}/{best}"] for c in np.unique(test.label)}
  draw_residuals(panel, residuals, text.distinct(classes, 20))
  layout.caption(
    sheet,
    "Bars: squared error of the best image that was found, over the variance of pixels; 0 is an exact copy. "
    "Error bars: 95 % intervals over images.",
  )
  return sheet


def draw_residuals(panel: Axes, residuals: dict[int, Estimate], names: list[str]) -> None:
  """Draws a bar for the residual of each class; of many classes, for the largest residuals."""
  if len(residuals) > BARS:
    panel.set_title(f"the {BARS} of {len(residuals)} classes that are farthest", fontsize=7)
    residuals = dict(sorted(residuals.items(), key=lambda item: -item[1].value)[:BARS])
  value = np.array([x.value for x in residuals.values()])
  reach = np.abs(np.array([[x.low, x.high] for x in residuals.values()]).T - value)
  panel.bar(
    range(len(residuals)), value, yerr=np.nan_to_num(reach), color="tab:blue", error_kw={"linewidth": 0.8}
  )
  panel.set_xticks(range(len(residuals)), [names[c] for c in residuals], rotation=45, ha="right", fontsize=6)
  panel.set_ylabel("unexplained share of the variance", fontsize=7)
