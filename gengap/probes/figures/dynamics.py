"""The figure of the same latents during training."""

import numpy as np
from matplotlib.figure import Figure

from gengap.probes.dynamics import QUANTITIES, SHOWN, Measurements
from gengap.probes.figures import layout
from gengap.probes.figures import names as text
from gengap.probes.types import Options, Scores

ROWS = 14  # checkpoints, at most


def figure(measurements: Measurements, scores: Scores, options: Options) -> Figure:
  """Draws the same latents at some of the steps, and the numbers of all steps beside those of real images."""
  del scores, options
  checkpoints, real = measurements.checkpoints, measurements.real
  steps = list(checkpoints)
  rows = np.linspace(0, len(steps) - 1, min(ROWS, len(steps))).round().astype(int)
  chosen = sorted({steps[i] for i in rows})
  there = checkpoints[steps[0]].numbers
  names = [name for name in ("diversity", "precision", "coverage", "classes") if name in there]
  sheet, places, panels = layout.sheet(len(chosen), SHOWN, len(names), "the same latents through training")
  for step, place in zip(chosen, places, strict=True):
    layout.strip(sheet, place, checkpoints[step].images, f"step {step}")
  for panel, name in zip(panels, names, strict=True):
    line = [found.numbers[name] for found in checkpoints.values()]
    layout.curves(panel, steps, {name: line}, "training step", text.axis_of(QUANTITIES, name))
    if name in real:
      panel.axhline(real[name].value, color="grey", linewidth=0.5)
    panel.set_ylim(bottom=0)
  layout.caption(sheet, f"{layout.BANDS} over samples. Grey lines: as many real images.")
  return sheet
