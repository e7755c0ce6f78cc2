"""The processes that a launcher starts: their cores, their end, and that none outlives it."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
GRACE = 60.0  # seconds that an interrupted training has for saving


def shares(jobs: int) -> list[tuple[int, ...]]:
  """Returns the cores of each of several jobs: equal shares, or all where there are fewer than jobs.

  None where the system does not let a process choose its cores.
  """
  if not hasattr(os, "sched_getaffinity"):
    return [()] * jobs
  cores = sorted(os.sched_getaffinity(0))
  return [tuple(cores[i::jobs]) or tuple(cores) for i in range(jobs)]


def start(command: Sequence[str], cores: tuple[int, ...], **options: Any) -> subprocess.Popen:
  """Starts a command in the project's folder.

  Args:
    command: and its arguments.
    cores: that it may use; none: all.
    options: of subprocess.Popen.

  Returns:
    The process, in a session of its own: an interrupt of the launcher reaches it once, from `stop`.
  """
  process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)
  if cores:  # before it has threads, which inherit them
    with contextlib.suppress(ProcessLookupError):
      os.sched_setaffinity(process.pid, cores)
  return process


def stop(processes: Sequence[subprocess.Popen]) -> None:
  """Asks trainings to save and end; kills those that do not."""
  for process in processes:
    process.send_signal(signal.SIGTERM)
  deadline = time.monotonic() + GRACE
  for process in processes:
    try:
      process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
      process.kill()
      process.wait()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
  """Makes of SIGTERM and SIGHUP an interrupt, so that the launcher comes to stop what it has started."""
  endings = (signal.SIGTERM, signal.SIGHUP)
  before = [signal.signal(ending, signal.default_int_handler) for ending in endings]
  try:
    yield
  finally:
    for ending, handler in zip(endings, before, strict=True):
      signal.signal(ending, handler)
