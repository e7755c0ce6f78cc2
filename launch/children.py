"""Child processes of the launchers: assigns cores to them and stops them when the launcher ends."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

from gengap.command_line import shipped

ROOT = pathlib.Path.cwd() if shipped.INSTALLED else shipped.HOME  # where the children run
GRACE = 60.0  # seconds that an interrupted training may take to save


def shares(jobs: int) -> list[tuple[int, ...]]:
  """Divides the cores equally among jobs. With fewer cores than jobs, every job gets all cores.

  The tuples are empty on systems where a process cannot choose its cores.
  """
  if not hasattr(os, "sched_getaffinity"):
    return [()] * jobs
  cores = sorted(os.sched_getaffinity(0))
  return [tuple(cores[i::jobs]) or tuple(cores) for i in range(jobs)]


def start(command: Sequence[str], cores: tuple[int, ...], **options: Any) -> subprocess.Popen:
  """Starts a command in the checkout's folder, or in the current one if gengap is installed as a package.

  Args:
    command: The program and its arguments.
    cores: The cores that it may use; empty allows all.
    options: Keyword arguments of subprocess.Popen.

  Returns:
    The process, in its own session, so that an interrupt of the launcher reaches it only once, from `stop`.
  """
  with on_cores(cores):
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)


@contextlib.contextmanager
def on_cores(cores: tuple[int, ...]) -> Iterator[None]:
  """Keeps this thread on some cores, which processes that it starts inherit from their first moment on."""
  if not cores:
    yield
    return
  before = os.sched_getaffinity(0)
  os.sched_setaffinity(0, cores)
  try:
    yield
  finally:
    os.sched_setaffinity(0, before)


def stop(processes: Sequence[subprocess.Popen]) -> None:
  """Asks processes to save and exit, and kills those that do not exit in time."""
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
  """Turns SIGTERM and SIGHUP into KeyboardInterrupt, so that the launcher can stop its children."""
  endings = (signal.SIGTERM, signal.SIGHUP)
  before = [signal.signal(ending, signal.default_int_handler) for ending in endings]
  try:
    yield
  finally:
    for ending, handler in zip(endings, before, strict=True):
      signal.signal(ending, handler)
