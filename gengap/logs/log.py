"""The log of a run: metrics.jsonl, sample grids, loggers, and a progress bar or plain lines."""

import contextlib
import io
import json
import math
import pathlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image
from tqdm import tqdm

from gengap.data.pixels import enlarged, tile
from gengap.distributed import processes
from gengap.logs import notebook
from gengap.logs.loggers import Logger
from gengap.storage import paths, remote

ALIVE_SECONDS = 10.0  # of silence, after which a command says that it still works


def say(text: str) -> None:
  """Prints a line without breaking the progress bar. Only process 0 prints."""
  if processes.is_first():
    tqdm.write(text, file=notebook.stream())


def show(text: str) -> None:
  """Prints a result to standard output; what a command does meanwhile goes to standard error, by `say`."""
  if processes.is_first():
    tqdm.write(text)


@contextlib.contextmanager
def still_alive(what: str) -> Iterator[None]:
  """Says every ten seconds of a long wait that it goes on, and for how long it has lasted."""
  over, before = threading.Event(), time.perf_counter()

  def work() -> None:
    while not over.wait(ALIVE_SECONDS):
      say(f"still {what}, {time.perf_counter() - before:.0f} s")

  threading.Thread(target=work, daemon=True).start()
  try:
    yield
  finally:
    over.set()


class Log:
  """The log of one run; a log in the workdir is continued."""

  def __init__(
    self, workdir: pathlib.Path, step: int, steps: int, name: str = "", sinks: Sequence[Logger] = ()
  ):
    """Opens the log at `step` and deletes the lines that an interrupted run wrote after it.

    Args:
      workdir: of the run; exists.
      step: at which the run starts or resumes.
      steps: at which it will end.
      name: begins everything that is printed of the run.
      sinks: also receive the numbers and the grids; closed with the log.
    """
    self.name, self.sinks = name, sinks
    self.mirror = remote.mirror(workdir)
    self.mirror.fetch("metrics.jsonl")
    self.path = self.mirror.folder / "metrics.jsonl"
    self.samples = workdir / "samples"
    self.samples.mkdir(exist_ok=True)
    delete_after(self.path, step)
    self.file = self.path.open("a")
    self.steps, self.fresh = steps, step == 0
    stream = notebook.stream()
    self.bar = notebook.progress_bar()(
      desc=name.rstrip(": "),
      total=steps,
      initial=step,
      unit="step",
      dynamic_ncols=True,
      file=stream,
      disable=not (notebook.is_running() or stream.isatty()),
    )

  def say(self, text: str) -> None:
    """Prints a line about the run."""
    say(self.name + text)

  def values(self, name: str) -> list[float]:
    """Returns all logged values of a number, also from before an interruption; null is read as infinity."""
    lines = [json.loads(line) for line in self.path.read_text().splitlines()]
    return [math.inf if line[name] is None else line[name] for line in lines if name in line]

  def advance(self, step: int) -> None:
    """Moves the progress bar."""
    self.bar.update(step - self.bar.n)

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Records the numbers of a step. Infinities and NaN are written as null, to keep the file valid JSON."""
    clean = {name: float(x) if math.isfinite(x) else None for name, x in metrics.items()}
    self.file.write(json.dumps({"step": step} | clean) + "\n")
    self.file.flush()
    self.mirror.push()
    for sink in self.sinks:
      sink.numbers(step, metrics)
    text = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    if self.bar.disable:
      self.say(f"step {step}/{self.steps}  {text}")
    else:
      brief = {k: f"{v:.4g}" for k, v in metrics.items() if k.endswith(("/loss", "/energy_distance"))}
      self.bar.set_postfix(brief, refresh=False)

  def flush(self) -> None:
    """Writes all numbers also to a bucket, where they are otherwise written from time to time."""
    self.mirror.push(now=True)

  def picture(self, step: int | str, images: np.ndarray) -> None:
    """Saves images [n, H, W, C] in [-1, 1] as a grid, samples/STEP.png. STEP may also be a name."""
    grid = tile(images)
    save_png(self.samples / f"{step}.png", grid)
    if isinstance(step, int):
      for sink in self.sinks:
        sink.picture(step, grid)

  def close(self) -> None:
    """Flushes and closes everything."""
    self.bar.close()
    self.file.close()
    self.mirror.close()
    for sink in self.sinks:
      sink.close()


class NullLog:
  """A log that discards everything, for all processes but the first; see `Log`."""

  fresh = False

  def say(self, text: str) -> None:
    """Prints nothing."""

  def values(self, name: str) -> list[float]:
    """Returns no values."""
    return []

  def advance(self, step: int) -> None:
    """Does nothing."""

  def numbers(self, step: int, metrics: Mapping[str, float]) -> None:
    """Does nothing."""

  def flush(self) -> None:
    """Does nothing."""

  def picture(self, step: int | str, images: np.ndarray) -> None:
    """Does nothing."""

  def close(self) -> None:
    """Does nothing."""


def delete_after(path: pathlib.Path, step: int) -> None:
  """Deletes the lines of a metrics file after a step, and a truncated last line."""
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


def save_png(path: pathlib.Path, grid: np.ndarray) -> None:
  """Writes a picture [h, w, 3] uint8, enlarged by a whole number. Only process 0 writes."""
  if processes.is_first():
    Image.fromarray(enlarged(grid)).save(file := io.BytesIO(), "PNG")
    paths.write(path, file.getvalue())
