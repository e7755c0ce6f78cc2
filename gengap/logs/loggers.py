"""Where the numbers and pictures of a run go besides its workdir: TensorBoard, Weights & Biases, Trackio.

A logger is anything with `numbers`, `picture` and `close`; see `Logger`. wandb and trackio are imported only
if they are named. A run that resumes continues its run there, whose id is in WORKDIR/loggers.json.
"""

import contextlib
import importlib
import importlib.util
import json
import math
import os
import pathlib
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from gengap.errors import InputError, suggest
from gengap.storage import paths, remote

TENSORBOARD, WANDB, TRACKIO = "tensorboard", "wandb", "trackio"
NAMES = (TENSORBOARD, WANDB, TRACKIO)
PROJECT = "gengap"  # at wandb (or $WANDB_PROJECT) and trackio (or $TRACKIO_PROJECT)
IDS = "loggers.json"  # in a workdir: logger -> id of the run there


class Logger(Protocol):
  """Receives what a run logs, in the order of its steps."""

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Records numbers of a step; some may be infinite or NaN."""

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Records a grid of samples [h, w, 3] uint8."""

  def close(self) -> None:
    """Writes what is not yet written."""


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
  """Returns the finite numbers."""
  return {name: float(x) for name, x in metrics.items() if math.isfinite(x)}


@contextlib.contextmanager
def without_torch() -> Iterator[None]:
  """Hides torch from tensorboardX, which only wants one of its types, since importing it takes seconds."""
  hidden = "torch" not in sys.modules
  if hidden:
    sys.modules["torch"] = None  # type: ignore[assignment]  # imports fail, as if it were not installed
  try:
    yield
  finally:
    if hidden:
      del sys.modules["torch"]


class EventFile:
  """A TensorBoard file that the calling thread writes.

  A thread that writes it dies of a full disk or of a clock that is set back, and training would wait for it.
  """

  def __init__(self, workdir: pathlib.Path, name: str, after: int | None = None):
    """Opens a new file.

    Args:
      workdir: of the run.
      name: added to the file's.
      after: step after which what earlier files say is void.
    """
    with without_torch():  # only where it is used: commands start sooner
      from tensorboardX import summary
      from tensorboardX.event_file_writer import EventsWriter
      from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore

    self.summary, self.event = summary, Event
    self.mirror = remote.mirror(workdir)
    self.writer = EventsWriter(str(self.mirror.folder / "events"), filename_suffix=f".{name}")
    if after:
      self.write(after + 1, session_log=SessionLog(status=SessionLog.START))

  def write(self, step: int, **what) -> None:
    """Writes one event."""
    self.writer.write_event(self.event(wall_time=time.time(), step=step, **what))
    self.writer.flush()
    self.mirror.push()

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Records the finite numbers of a step."""
    values = [value for name, x in finite(metrics).items() for value in self.summary.scalar(name, x).value]
    self.write(step, summary=self.summary.Summary(value=values))

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Records a grid of samples [h, w, 3] uint8."""
    self.write(step, summary=self.summary.image("samples", grid, dataformats="HWC"))

  def close(self) -> None:
    """Closes the file."""
    self.writer.close()
    self.mirror.close()


class Tracker:
  """A run at wandb or at trackio, whose interface is wandb's.

  Steps that a resumed run repeats have the same numbers again: wandb ignores them, trackio stores them twice.
  """

  def __init__(self, name: str, workdir: pathlib.Path, config: Mapping[str, Any], several: bool = False):
    """Starts a run, or continues the one that the workdir names.

    Args:
      name: "wandb" or "trackio"; also the module.
      workdir: of the run; exists.
      config: of the run, for the run's page.
      several: whether this process logs several runs at once.

    Raises:
      InputError: the module cannot start, for example without a login.
    """
    self.module, own = importlib.import_module(name), own_id(workdir, name)
    folder = None if remote.is_remote(workdir) else str(workdir)
    shared = {"config": dict(config), "resume": "allow"}
    try:
      if name == WANDB:
        self.run = self.module.init(
          project=os.environ.get("WANDB_PROJECT", PROJECT),
          id=own,
          name=workdir.name,
          dir=folder,
          **shared,
          **({"reinit": "create_new"} if several else {}),
        )
      else:
        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        self.run = self.module.init(project=project, name=f"{workdir.name}-{own}", **shared)
    except Exception as error:
      raise InputError(
        f"--logger={name}: {name} does not start ({' '.join(str(error).split())[:200]}); "
        + ("log in (wandb login), or set WANDB_MODE=offline" if name == WANDB else "see its documentation")
      ) from error

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Records the finite numbers of a step."""
    self.run.log(finite(metrics), step=step)

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Records a grid of samples [h, w, 3] uint8."""
    self.run.log({"samples": self.module.Image(grid)}, step=step)

  def close(self) -> None:
    """Waits until everything is sent."""
    self.run.finish()


def own_id(workdir: pathlib.Path, name: str) -> str:
  """Returns the id of a run at a logger, which is drawn when the workdir is new.

  It is in a file, and not made from the path, so that another run in the same place is another run there.
  """
  path, ids = workdir / IDS, {}
  if path.exists():
    try:
      ids = dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
      raise InputError(f"{path} cannot be read ({error}); delete it to log as a new run") from error
  if name not in ids:
    ids[name] = secrets.token_hex(4)
    paths.write(path, json.dumps(ids) + "\n")
  return str(ids[name])


def check_loggers(names: Sequence[str], runs: int = 1) -> None:
  """Checks loggers before anything is compiled; imports none.

  Args:
    names: of the loggers.
    runs: how many are trained together.

  Raises:
    InputError: a logger is unknown, not installed, or cannot log several runs.
  """
  for name in names:
    if name not in NAMES:
      raise InputError(f"--logger={name}: it must be one of {', '.join(NAMES)}{suggest(name, NAMES)}")
    if name != TENSORBOARD and not installed(name):
      raise InputError(f"--logger={name}: {name} is not installed; install it: pip install {name}")
    if name == TRACKIO and runs > 1:
      raise InputError(
        f"--logger={name}: it logs one run at a time, and config.seeds is {runs}; leave it out"
      )


def installed(name: str) -> bool:
  """Whether a module can be imported; does not import it."""
  try:
    return importlib.util.find_spec(name) is not None
  except (ImportError, ValueError):  # ValueError: a module without a spec
    return False


def start_loggers(
  names: Sequence[str], workdir: pathlib.Path, config: Mapping[str, Any], step: int, several: bool = False
) -> list[Logger]:
  """Starts the loggers of a run.

  Args:
    names: of the loggers, checked.
    workdir: of the run; exists.
    config: of the run.
    step: at which it starts or resumes.
    several: whether this process logs several runs at once.

  Raises:
    InputError: a logger does not start.
  """
  return [
    EventFile(workdir, f"{step}.train", after=step)
    if name == TENSORBOARD
    else Tracker(name, workdir, config, several)
    for name in dict.fromkeys(names)
  ]
