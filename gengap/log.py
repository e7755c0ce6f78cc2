"""What a run tells: metrics.jsonl, TensorBoard, pictures, and a progress bar or plain lines."""

import json
import math
import pathlib
import sys
import time
from collections.abc import Mapping

import numpy as np
from PIL import Image
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore
from tqdm import tqdm

from gengap import paths, processes
from gengap.data.pixels import tile


def say(text: str) -> None:
  """Prints a line, beside the progress bar where there is one; of several processes, the first speaks."""
  if processes.first():
    tqdm.write(text, file=sys.stderr)


class Board:
  """A TensorBoard file, written by the caller itself.

  A thread that writes it dies of a full disk or of a clock that is set back, and training would wait for it.
  """

  def __init__(self, workdir: pathlib.Path, name: str, after: int | None = None):
    """Opens a new file.

    Args:
      workdir: of the run.
      name: added to the file's.
      after: step after which what earlier files say is void.
    """
    self.writer = EventsWriter(str(workdir / "events"), filename_suffix=f".{name}")
    if after:
      self.write(after + 1, session_log=SessionLog(status=SessionLog.START))

  def write(self, step: int, **what) -> None:
    """Writes one event."""
    self.writer.write_event(Event(wall_time=time.time(), step=step, **what))
    self.writer.flush()

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Records the finite numbers at a step."""
    metrics = {name: x for name, x in metrics.items() if math.isfinite(x)}
    values = [value for name, x in metrics.items() for value in summary.scalar(name, x).value]
    self.write(step, summary=summary.Summary(value=values))

  def picture(self, step: int, grid: np.ndarray) -> None:
    """Records a grid of samples [h, w, 3] uint8."""
    self.write(step, summary=summary.image("samples", grid, dataformats="HWC"))

  def close(self) -> None:
    """Closes the file."""
    self.writer.close()


class Log:
  """The record of one run, continued where the workdir holds one."""

  def __init__(self, workdir: pathlib.Path, step: int, steps: int):
    """Opens the record at `step` and forgets what an interrupted run wrote after it.

    Args:
      workdir: of the run; exists.
      step: at which the run starts or resumes.
      steps: at which it will end.
    """
    self.path = workdir / "metrics.jsonl"
    self.samples = workdir / "samples"
    self.samples.mkdir(exist_ok=True)
    forget_after(self.path, step)
    self.file = self.path.open("a")
    self.board = Board(workdir, f"{step}.train", after=step)
    self.steps, self.fresh = steps, step == 0
    self.bar = tqdm(
      total=steps, initial=step, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty()
    )

  def values(self, name: str) -> list[float]:
    """Returns a number's values so far, those from before an interruption too; infinite where not finite."""
    lines = [json.loads(line) for line in self.path.read_text().splitlines()]
    return [math.inf if line[name] is None else line[name] for line in lines if name in line]

  def advance(self, step: int) -> None:
    """Moves the progress bar."""
    self.bar.update(step - self.bar.n)

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Records numbers at a step; infinities and NaN become null in the file, which stays plain JSON."""
    clean = {name: float(x) if math.isfinite(x) else None for name, x in metrics.items()}
    self.file.write(json.dumps({"step": step} | clean) + "\n")
    self.file.flush()
    self.board.numbers(step, metrics)
    text = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    if self.bar.disable:
      say(f"step {step}/{self.steps}  {text}")
    else:
      brief = {k: f"{v:.4g}" for k, v in metrics.items() if k.endswith(("/loss", "/energy_distance"))}
      self.bar.set_postfix(brief, refresh=False)

  def picture(self, step: int | str, images: np.ndarray) -> None:
    """Saves images [n, H, W, C] in [-1, 1] as a grid, samples/STEP.png; STEP may also be a name."""
    grid = tile(images)
    save_png(self.samples / f"{step}.png", grid)
    if isinstance(step, int):
      self.board.picture(step, grid)

  def close(self) -> None:
    """Flushes and closes everything."""
    self.bar.close()
    self.file.close()
    self.board.close()


class Silence:
  """The log of a process that writes none: see `Log`."""

  fresh = False

  def values(self, name: str) -> list[float]:
    """Knows nothing."""
    return []

  def advance(self, step: int) -> None:
    """Does nothing."""

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Does nothing."""

  def picture(self, step: int | str, images: np.ndarray) -> None:
    """Does nothing."""

  def close(self) -> None:
    """Does nothing."""


def forget_after(path: pathlib.Path, step: int) -> None:
  """Drops the lines of a metrics file after a step, and a last line that was cut off in writing."""
  if not path.exists():
    return
  kept = []
  for line in path.read_text(errors="replace").splitlines():
    try:
      if json.loads(line)["step"] <= step:
        kept.append(line + "\n")
    except (ValueError, KeyError, TypeError, RecursionError):
      continue
  paths.write(path, "".join(kept))


def save_png(path: pathlib.Path, grid: np.ndarray, scale: int = 2) -> None:
  """Writes a picture [h, w, 3] uint8, every pixel `scale` pixels wide, in the first process."""
  height, width = grid.shape[:2]
  if processes.first():
    Image.fromarray(grid).resize((width * scale, height * scale), Image.Resampling.NEAREST).save(path)
