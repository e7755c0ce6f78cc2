"""The numbers of a run between two lines of its log, and the clock that measures its speed."""

import contextlib
import time
from collections.abc import Iterator, Sequence

import numpy as np

from gengap.errors import NonFiniteError
from gengap.logs.log import Log, NullLog
from gengap.method import Alarm
from gengap.training.alarms import AlarmMonitor, oscillation
from gengap.training.population import Numbers

MUST_BE_FINITE = ("loss", "gradient_norm")  # of every turn


class Clock:
  """Measures the time that all runs of a process train; it stands still while one is evaluated or saved."""

  def __init__(self):
    self.idle = 0.0

  def now(self) -> float:
    """Returns seconds since some time."""
    return time.perf_counter() - self.idle

  @contextlib.contextmanager
  def paused(self) -> Iterator[None]:
    """Stops the clock."""
    before = time.perf_counter()
    yield
    self.idle += time.perf_counter() - before


class Window:
  """The numbers of the steps since the last line of the log, read one dispatch late.

  Raises NonFiniteError, from `push` or `flush`, at the first loss or gradient that is not finite.
  """

  def __init__(
    self,
    log: Log | NullLog,
    every: int,
    batch_size: int,
    alarms: Sequence[Alarm] = (),
    clock: Clock | None = None,
  ):
    self.log, self.every = log, every
    self.monitor = AlarmMonitor(alarms, log.say, batch_size)
    self.queue: list[tuple[int, list[Numbers]]] = []
    self.values: list[dict[str, np.ndarray]] = []
    self.clock = clock or Clock()
    self.began = self.clock.now()

  def push(self, end: int, numbers: list[Numbers]) -> None:
    """Queues the numbers of the dispatch that ends at step `end`; reads those of the one before it."""
    self.queue.append((end, numbers))
    if len(self.queue) > 1:
      self.read()

  def read(self) -> None:
    """Reads the oldest queued numbers; writes the means of the window if a line is due."""
    end, numbers = self.queue.pop(0)
    calls = [call.read() for call in numbers]  # waits for the device
    values = {k: np.concatenate([call[k] for call in calls]) for k in calls[0]}
    check_finite(values, end)
    self.values.append(values)
    self.log.advance(end)
    if end % self.every == 0:
      window = {k: np.concatenate([v[k] for v in self.values]) for k in values}
      steps = len(next(iter(window.values())))
      rate = steps / (self.clock.now() - self.began)
      means = {k: float(v.mean()) for k, v in window.items()}
      oscillations = {
        k.removesuffix("loss") + "oscillation": oscillation(v) for k, v in window.items() if is_loss(k)
      }
      self.log.numbers(end, means | oscillations | {"steps_per_second": rate})
      self.monitor.check(end, means, steps)
      self.values, self.began = [], self.clock.now()

  def flush(self) -> None:
    """Reads all queued numbers."""
    while self.queue:
      self.read()


def is_loss(name: str) -> bool:
  """Whether a number is the loss of a turn."""
  return name.endswith("/loss")


def check_finite(values: dict[str, np.ndarray], end: int) -> None:
  """Raises NonFiniteError for the first step whose loss or gradient is not finite.

  Args:
    values: of the steps up to `end`, [steps] each.
    end: the last step.
  """
  found = []
  for name, value in values.items():
    turn, _, what = name.rpartition("/")
    bad = np.flatnonzero(~np.isfinite(value))
    if what in MUST_BE_FINITE and len(bad):
      found.append((end - len(value) + int(bad[0]) + 1, MUST_BE_FINITE.index(what), turn, value[bad[0]]))
  if found:
    step, index, turn, value = min(found)
    raise NonFiniteError(
      f"the {MUST_BE_FINITE[index].replace('_', ' ')} of turn {turn!r} is {value} at step {step}; "
      "checkpoints before it, if any, are kept"
    )
