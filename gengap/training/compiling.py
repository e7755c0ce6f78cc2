"""Compiles programs side by side, each in a thread, and says what is compiled and how long it takes.

The calling thread only waits, so that Ctrl-C is answered at once. Every compilation is noted in the cache
folder, beside the cache of JAX: a program that is noted there takes seconds.
"""

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import jax

from gengap.data import cache
from gengap.errors import InputError
from gengap.logs.log import say, still_alive
from gengap.networks import convolution

SECONDS_PER_OPERATION = 0.006  # of StableHLO, on two CPU cores
SHORT = 10  # seconds of compiling that are not worth a line
FATAL = 3  # the least severe message of XLA that is printed while it compiles; its alarm is an error, 2
UNOPTIMISED = {"xla_backend_optimization_level": 0}


def start(lowered: jax.stages.Lowered, options: Mapping[str, Any]) -> Future[jax.stages.Compiled]:
  """Starts to compile a program in a thread that does not outlive the process."""
  future: Future[jax.stages.Compiled] = Future()

  def work() -> None:
    try:
      future.set_result(lowered.compile(dict(options)))
    except BaseException as error:
      future.set_exception(error)

  threading.Thread(target=work, daemon=True).start()
  return future


def together(lowered: Sequence[jax.stages.Lowered], once: jax.stages.Lowered) -> list[jax.stages.Compiled]:
  """Compiles the training programs of a run, and beside them the one that makes its first state.

  Args:
    lowered: the training programs.
    once: a program that runs once, and is therefore not optimised.

  Returns:
    The compiled programs, that of the first state at the end.
  """
  notes = [note(program) for program in lowered]
  before = time.perf_counter()
  say(forecast(sum(map(operations, lowered)), all(is_noted(name) for name in notes)))
  with still_alive("compiling"), without_alarm():
    futures = [start(program, convolution.compiler_options()) for program in lowered]
    futures.append(start(once, unoptimised()))
    compiled = [future.result() for future in futures]
  if (seconds := time.perf_counter() - before) > SHORT:
    say(f"compiled in {seconds:.0f} s")
  for name in notes:
    write_note(name)
  return compiled


def unoptimised() -> dict[str, Any]:
  """Returns the options of XLA for a program that runs once: on the CPU, those that compile fastest."""
  return dict(UNOPTIMISED) if jax.default_backend() == "cpu" else {}


def operations(lowered: jax.stages.Lowered) -> int:
  """Returns about how many operations a program has before XLA optimises it."""
  return lowered.as_text().count("\n")


def forecast(operations: int, cached: bool) -> str:
  """Returns what is printed before a training program is compiled.

  Args:
    operations: of all programs.
    cached: whether they have been compiled before.
  """
  if cached:
    return "compiling the training program: seconds, since it is in the cache"
  if jax.default_backend() != "cpu":
    return "compiling the training program: about a minute the first time, minutes if it is large"
  seconds = SECONDS_PER_OPERATION * operations
  about = next((words for limit, words in TIMES if seconds < limit), f"about {seconds / 60:.0f} minutes")
  return f"compiling the training program: {about} the first time, on two idle cores"


TIMES = ((15, "seconds"), (40, "about half a minute"), (90, "about a minute"))


def note(lowered: jax.stages.Lowered) -> str:
  """Returns the name under which a compilation is noted; "" if JAX keeps no compiled programs."""
  folder = jax.config.values["jax_compilation_cache_dir"]
  if not folder:
    return ""
  device = f"{jax.__version__} {jax.devices()[0].device_kind} {jax.device_count()} {folder}"
  return hashlib.sha256(f"{device} {lowered.as_text()}".encode()).hexdigest()[:32]


def is_noted(name: str) -> bool:
  """Whether a compilation has been noted."""
  with contextlib.suppress(InputError, OSError):
    return bool(name) and (cache.root() / "compiled" / name).is_file()
  return False


def write_note(name: str) -> None:
  """Notes a compilation, if the cache folder can be written."""
  if name:
    with contextlib.suppress(InputError, OSError):
      folder = cache.root() / "compiled"
      folder.mkdir(parents=True, exist_ok=True)
      (folder / name).touch()


@contextlib.contextmanager
def without_alarm() -> Iterator[None]:
  """Silences the alarm with which XLA asks for a bug report if it compiles for more than two minutes."""
  try:
    from jaxlib.utils import absl_set_min_log_level
  except ImportError:  # it is no part of JAX's public interface
    yield
    return
  absl_set_min_log_level(FATAL)
  try:
    yield
  finally:
    absl_set_min_log_level(int(os.environ.get("TF_CPP_MIN_LOG_LEVEL") or 1))  # JAX's own default
