"""Pictures of fidelity-coverage curves: one run's, or those of several runs in one plot."""

import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gengap.errors import InputError
from gengap.evaluation.curve import CURVE
from gengap.evaluation.result import Evaluation
from gengap.storage import paths

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito (2008)
MARKERS = "os^Dv<"
X, Y = "coverage (share of real images near a sample)", "precision (share of samples near a real image)"


def draw(
  plot: Axes, curves: Mapping[str, Mapping[str, Any]], styles: Sequence[Mapping[str, Any]] = ()
) -> None:
  """Draws curves into a plot: a mark for each temperature, a larger one at 1, a star for real images.

  Args:
    plot: where to draw.
    curves: name -> block of an evaluation.
    styles: colour and marker of each; (): colours that colour-blind readers can tell apart.
  """
  own = [{"color": COLOURS[i % 6], "marker": MARKERS[i % 6]} for i in range(len(curves))]
  for (name, block), style in zip(curves.items(), styles or own, strict=True):
    points = block["points"]
    x, y, temperature = points["coverage"], points["precision"], points["temperature"]
    area = f"area {block['area']:.3f}"
    if "area_low" in block:
      area += f" [{block['area_low']:.3f}, {block['area_high']:.3f}]"
    plot.plot(x, y, ms=4, lw=1.2, label=f"{name}: {area}" if name else area, **style)
    for i, t in enumerate(temperature):
      if t == 1:
        plot.plot(x[i], y[i], ms=9, mec="black", ls="", **style)
      if t in (temperature[0], 1, temperature[-1]) or len(curves) == 1:
        plot.annotate(
          f"{t:g}", (x[i], y[i]), (5, 5 if t <= 1 else -11), textcoords="offset points", fontsize=7
        )
  plot.plot([], [], "o", ms=9, mfc="white", mec="black", label="temperature 1")
  if real := next((block["real"] for block in curves.values() if block.get("real")), None):
    plot.plot(
      real["coverage"], real["precision"], "*", ms=12, color="black", label=f"real images ({real['of']})"
    )
  plot.set(xlim=(0, 1.03), ylim=(0, 1.03))
  plot.set_xlabel(X, fontsize=9)
  plot.set_ylabel(Y, fontsize=9)
  plot.tick_params(labelsize=8)
  plot.spines[["top", "right"]].set_visible(False)
  plot.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0)


def figure(curves: Mapping[str, Evaluation | Mapping[str, Any]]) -> Figure:
  """Returns a figure of the curves of evaluations, by name, such as those of a VAE and of a GAN.

  Args:
    curves: name -> evaluation with `metrics=["curve"]`, or its block.

  Raises:
    InputError: there is none, or an evaluation has no curve.
  """
  blocks = {
    name: x.diagnostics.get(CURVE, {}) if isinstance(x, Evaluation) else x for name, x in curves.items()
  }
  if not blocks or not all("points" in block for block in blocks.values()):
    wrong = [name for name, block in blocks.items() if "points" not in block]
    raise InputError(f'curves: {wrong or "there are none"}: evaluate with metrics=["curve"] first')
  found = Figure(figsize=(4.6, 4.2 + 0.15 * len(blocks)), layout="constrained", dpi=120)
  draw(found.subplots(), blocks)
  return found


def save(path: pathlib.Path, curves: Mapping[str, Evaluation | Mapping[str, Any]]) -> None:
  """Writes a figure of curves as a PNG."""
  figure(curves).savefig(file := io.BytesIO(), format="png")
  paths.write(path, file.getvalue())
