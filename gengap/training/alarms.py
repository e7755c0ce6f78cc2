"""Signs that training goes wrong, read off the numbers that a run logs anyway."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


def oscillation(values: np.ndarray) -> float:
  """Root mean square of values [n] about their least-squares line: how far they swing, whatever their trend.

  Of a player's loss over a window of steps. Players without a penalty may circle their equilibrium for ever
  instead of reaching it (Mescheder et al. 2018, arXiv:1801.04406); then this does not fall. The sampling of
  batches alone sets its floor. With fewer than three values, 0.
  """
  n = len(values)
  if n < 3:
    return 0.0
  time = np.arange(n) - (n - 1) / 2
  centred = np.asarray(values, np.float64) - np.mean(values, dtype=np.float64)
  trend = time @ centred / (time @ time)
  return float(np.sqrt(np.mean((centred - trend * time) ** 2)))


class Sign(NamedTuple):
  """A number that must not fall too low."""

  name: str  # of the number
  least: float
  since: int  # step before which it may
  batch: int  # images that a batch needs for the number to tell anything
  text: str  # what has happened where it did


SIGNS = (
  Sign(
    "critic/diversity",
    0.4,
    1000,
    8,
    "the generator has collapsed: its images lie {value:.2g} times as far apart as real ones",
  ),
  Sign(
    "generator/image_gradient",
    1e-4,
    50,
    1,
    "the generator's gradient has vanished: an image moved by 1 changes its loss by {value:.2g}",
  ),
  *(
    Sign(
      f"{player}/active_units",
      0.5,
      1000,
      16,
      "the posterior has collapsed: the means of {value:.2g} latents differ between images",
    )
    for player in ("vae", "encoder")
  ),
)


IMAGES = 64  # that a window of steps needs for its mean numbers to raise an alarm


class Watch:
  """Warns of every sign once, if the batches are large enough to tell."""

  def __init__(self, say: Callable[[str], None], batch_size: int):
    self.say, self.batch_size = say, batch_size
    self.left = [sign for sign in SIGNS if batch_size >= sign.batch]

  def look(self, step: int, numbers: Mapping[str, float], steps: int) -> None:
    """Looks at the mean numbers of a window of steps that ends at `step`; NaN raises no alarm."""
    if steps * self.batch_size < IMAGES:
      return
    for sign in tuple(self.left):
      value = numbers.get(sign.name, math.nan)
      if step >= sign.since and value < sign.least:
        what = sign.text.format(value=value)
        self.say(f"warning: {what} ({sign.name} at step {step}, below {sign.least})")
        self.left.remove(sign)
