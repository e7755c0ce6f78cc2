"""Warns when the numbers that a run logs show that its training fails."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gengap.method import Alarm

IMAGES = 64  # that a window of steps needs for its mean numbers to raise an alarm


def oscillation(values: np.ndarray) -> float:
  """Returns the root mean square of values [n] about their least-squares line.

  It is applied to a player's loss over a window of steps. Players without a penalty may circle their
  equilibrium instead of converging to it (Mescheder et al. 2018, arXiv:1801.04406); then it does not fall.
  The sampling of batches sets its floor. With fewer than three values, it is 0.
  """
  n = len(values)
  if n < 3:
    return 0.0
  time = np.arange(n) - (n - 1) / 2
  centred = np.asarray(values, np.float64) - np.mean(values, dtype=np.float64)
  trend = time @ centred / (time @ time)
  return float(np.sqrt(np.mean((centred - trend * time) ** 2)))


class AlarmMonitor:
  """Prints a warning for each of a method's alarms, at most once."""

  def __init__(self, alarms: Sequence[Alarm], warn: Callable[[str], None], batch_size: int):
    """Keeps the alarms for which the batches are large enough."""
    self.warn, self.batch_size = warn, batch_size
    self.pending = [alarm for alarm in alarms if batch_size >= alarm.batch]

  def check(self, step: int, numbers: Mapping[str, float], steps: int) -> None:
    """Checks the mean numbers of a window of `steps` steps that ends at `step`; NaN raises no alarm."""
    if steps * self.batch_size < IMAGES:
      return
    for alarm in tuple(self.pending):
      value = numbers.get(alarm.name, math.nan)
      if step >= alarm.since and value < alarm.threshold:
        text = alarm.text.format(value=value)
        self.warn(f"warning: {text} ({alarm.name} at step {step}, below {alarm.threshold})")
        self.pending.remove(alarm)
