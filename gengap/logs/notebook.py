"""What a Jupyter notebook shows of a training run: a progress bar and the last samples.

IPython is looked up among the modules that are imported already, so nothing is imported elsewhere.
"""

import base64
import importlib
import sys
import warnings
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np
from tqdm import TqdmWarning
from tqdm.std import tqdm

from gengap.data.pixels import enlarged, png, tile


def is_running() -> bool:
  """Whether this process is the kernel of a notebook; IPython in a terminal is none."""
  ipython = sys.modules.get("IPython")
  shell = ipython.get_ipython() if ipython else None
  return shell is not None and "IPKernelApp" in shell.config


def stream() -> TextIO:
  """Returns where progress is printed: in a notebook standard output, since it marks errors in colour."""
  return sys.stdout if is_running() else sys.stderr


def progress_bar() -> type[tqdm]:
  """Returns the class of progress bars: in a notebook the one that tqdm.auto chooses.

  That is a widget where ipywidgets is installed, and a line of text elsewhere.
  """
  if not is_running():
    return tqdm
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", TqdmWarning)  # that ipywidgets is missing
    return importlib.import_module("tqdm.auto").tqdm


def grid_png(images: np.ndarray) -> bytes:
  """Returns images [n, H, W, C] in [-1, 1] as a PNG file of an enlarged grid."""
  return png(enlarged(tile(images)))


class Samples:
  """A logger that shows the last grid of samples, always in the same place."""

  def __init__(self) -> None:
    """Takes the place of the grid, so that the lines that follow stay together."""
    display = importlib.import_module("IPython.display").display
    self.handle: Any = display({"text/plain": "no samples yet"}, raw=True, display_id=True)

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Shows nothing: the progress bar has the numbers."""

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Shows a grid of samples [h, w, 3] uint8 in the place of the last one."""
    encoded = base64.b64encode(png(enlarged(grid))).decode()
    self.handle.update({"image/png": encoded, "text/plain": f"samples at step {step}"}, raw=True)

  def close(self) -> None:
    """Leaves the last grid where it is."""
