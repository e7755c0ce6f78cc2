"""Several processes of one run: how they find each other, what each does, and what they agree on.

All run the same program on JAX's own multi-process runtime and each feeds its own devices. Process 0 alone
speaks and writes; checkpoints are written together. With one process nothing here does anything.
"""

import io
import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from absl import flags
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

from gengap.errors import InputError

T = TypeVar("T")
MEETINGS = itertools.count()  # each has a name of its own
PATIENCE = 3600.0  # seconds that processes wait for each other
FLAGS = ("coordinator", "num_processes", "process_id")


def define_flags(own: flags.FlagValues) -> None:
  """Adds to a command's flags those by which processes find each other."""
  flags.DEFINE_string(
    FLAGS[0], None, "HOST:PORT of process 0; not needed on TPU pods and under Slurm.", flag_values=own
  )
  flags.DEFINE_integer(FLAGS[1], None, "How many processes make the run.", flag_values=own)
  flags.DEFINE_integer(FLAGS[2], None, "Which of them this is, from 0.", flag_values=own)


def connect(coordinator: str | None, number: int | None, index: int | None) -> None:
  """Joins the other processes of this run, before any device is used.

  Without arguments they are found where JAX can find them by itself (TPU pods, Slurm, Open MPI); where it
  cannot, this is the only process.

  Args:
    coordinator: HOST:PORT at which process 0 will listen.
    number: of processes.
    index: of this one.

  Raises:
    InputError: only a part is given, it makes no sense, or the others do not come.
  """
  given = {"--coordinator": coordinator, "--num_processes": number, "--process_id": index}
  if missing := [name for name, value in given.items() if value is None]:
    if len(missing) < len(given):
      raise InputError(f"{missing[0]} is missing: several processes need {', '.join(given)}")
    return find()
  assert coordinator is not None and number is not None and index is not None
  host, _, port = coordinator.rpartition(":")
  if not (host and port.isdecimal() and 0 < int(port) < 2**16):
    raise InputError(f"--coordinator={coordinator}: it must be HOST:PORT")
  if number < 1:
    raise InputError(f"--num_processes is {number}; it must be at least 1")
  if not 0 <= index < number:
    raise InputError(f"--process_id is {index}; of {number} processes it must be from 0 to {number - 1}")
  try:
    jax.distributed.initialize(coordinator, number, index)
  except Exception as error:
    raise InputError(f"--coordinator={coordinator}: {str(error).splitlines()[0][:200]}") from error


def find() -> None:
  """Joins the other processes where JAX finds them by itself."""
  try:
    jax.distributed.initialize()
  except ValueError as error:
    if "should be defined" not in str(error):  # what it says where there is no cluster
      raise InputError(f"this cluster's processes cannot be found: {error}") from error


def count() -> int:
  """Returns how many processes make the run."""
  return jax.process_count() if jax.distributed.is_initialized() else 1


def index() -> int:
  """Returns which of them this is."""
  return jax.process_index() if jax.distributed.is_initialized() else 0


def first() -> bool:
  """Whether this is the process that speaks and writes."""
  return index() == 0


def meet() -> None:
  """Waits for all processes, that may have compiled for unequal times.

  What they exchange by their devices waits, on CPUs, for 30 seconds only.
  """
  if count() > 1:
    multihost.get_barrier_sync_fn()(key=f"gengap {next(MEETINGS)}", timeout_ms=int(1e3 * PATIENCE))


def broadcast(value: Any) -> Any:
  """Returns process 0's array."""
  meet()
  return multihost_utils.broadcast_one_to_all(value)


def told(answer: bool) -> bool:
  """Returns process 0's answer: what all act upon must not hang on each one's rounding."""
  return bool(broadcast(np.bool_(answer))) if count() > 1 else answer


def preempted(call: int) -> bool:
  """Whether some process was asked to stop; all get the same answer in the same call.

  Args:
    call: how many times this was asked before, in all processes alike.
  """
  return count() > 1 and multihost_utils.reached_preemption_sync_point(call)


def dealt(pieces: Sequence[T]) -> Sequence[T]:
  """Returns this process's share of pieces of work that all processes have: as many for each.

  Where they do not come out even, some have the last piece besides.
  """
  if count() == 1:
    return pieces
  rounds = math.ceil(len(pieces) / count())
  return [pieces[min(i * count() + index(), len(pieces) - 1)] for i in range(rounds)]


def collected(found: Sequence[Any], total: int) -> Sequence[Any]:
  """Gives every process what all found.

  Args:
    found: of each piece that was dealt to this process, a tree of arrays, of one shape for all pieces.
    total: of the pieces.

  Returns:
    What was found of every piece, in their order; without other processes, `found` as it is.
  """
  if count() == 1:
    return found
  mine = jax.tree.map(lambda *x: np.stack([np.asarray(y) for y in x]), *found)
  meet()
  every = multihost_utils.process_allgather(mine)  # [processes, rounds, ...]
  return [jax.tree.map(lambda x, i=i: x[i % count(), i // count()], every) for i in range(total)]


def saved(value: np.ndarray) -> bytes:
  """Returns an array as the content of a .npy file."""
  file = io.BytesIO()
  np.save(file, value)
  return file.getvalue()


def from_first(value: np.ndarray | None) -> np.ndarray | None:
  """Returns process 0's array, or None where it has none."""
  if count() == 1:
    return value
  data = b"" if value is None else saved(value)
  length = int(broadcast(np.int32(len(data))))
  if not length:
    return None
  padded = np.frombuffer(data.ljust(length, b"\0")[:length], np.uint8)
  whole = broadcast(padded)
  return np.load(io.BytesIO(np.asarray(whole).tobytes()))
