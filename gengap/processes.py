"""Several processes of one run: how they find each other, what each does, and what they agree on.

All run the same program on JAX's own multi-process runtime and each feeds its own devices. Process 0 alone
speaks and writes; checkpoints are written together. With one process nothing here does anything.
"""

import contextlib
import io
import itertools
import math
import os
import socket
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from absl import flags
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

from gengap import cluster
from gengap.errors import InputError

T = TypeVar("T")
MEETINGS = itertools.count()  # each has a name of its own
PATIENCE = 3600.0  # seconds that processes wait for each other
SILENCE = 10.0  # seconds that processes wait for each other at the start before they say so
START = 300.0  # seconds after which they wait no longer
FLAGS = ("coordinator", "num_processes", "process_id")


def define_flags(own: flags.FlagValues) -> None:
  """Adds to a command's flags those by which processes find each other."""
  flags.DEFINE_string(
    FLAGS[0], None, "HOST:PORT of process 0; not needed on TPU pods and under Slurm.", flag_values=own
  )
  flags.DEFINE_integer(FLAGS[1], None, "How many processes make the run.", flag_values=own)
  flags.DEFINE_integer(FLAGS[2], None, "Which of them this is, from 0.", flag_values=own)


def shared(arguments: Iterable[str]) -> list[str]:
  """Returns a command's arguments without what tells its processes of each other."""
  kept, value = [], False
  for text in arguments:
    name, equals, _ = text.lstrip("-").partition("=")
    own = text.startswith("-") and name in FLAGS
    if not (own or value):
      kept.append(text)
    value = own and not equals  # the next argument is
  return kept


def connect(coordinator: str | None, number: int | None, index: int | None) -> None:
  """Joins the other processes of this run, before any device is used.

  Without arguments they are found where their launcher tells of them (TPU pods, Slurm, Open MPI); elsewhere
  this is the only process.

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
  if number == 1:
    return None
  if index == 0:
    check_free(int(port), f"--coordinator={coordinator}")
  try:
    with waiting(number, index, coordinator):
      jax.distributed.initialize(coordinator, number, index, initialization_timeout=int(2 * START))
  except InputError:
    raise
  except Exception as error:
    raise InputError(f"--coordinator={coordinator}: {str(error).splitlines()[0][:200]}") from error


def find() -> None:
  """Joins the other processes where their launcher tells of them; one alone joins nobody.

  Raises:
    InputError: there are others, and they cannot be found.
  """
  by = cluster.launcher()
  if by.number == 1:
    return
  told = f"{by.name} started {by.number or 'several'} processes"
  if not by.known:
    raise InputError(
      f"{told}, and does not tell where they meet; give each --coordinator=HOST:PORT "
      f"--num_processes={by.number} --process_id=I"
    )
  where = "the first of their machines"
  if by.number is not None:
    port = int(os.environ.setdefault("JAX_COORDINATOR_PORT", str(cluster.port(by.job))))
    where = f"port {port} of {where}"
    if by.rank == 0:
      check_free(port, "$JAX_COORDINATOR_PORT")
  try:
    with waiting(by.number, by.rank, where):
      jax.distributed.initialize(
        num_processes=by.number, process_id=by.rank, initialization_timeout=int(2 * START)
      )
  except InputError:
    raise
  except Exception as error:
    reason = " ".join(str(error).split())[:200]
    raise InputError(f"{told}, and they cannot be found: {reason}; see --coordinator in --help") from error


def check_free(port: int, name: str) -> None:
  """Checks that no other program of this machine listens at a port; JAX would let both, and one abort.

  Raises:
    InputError: one does.
  """
  dual = socket.has_dualstack_ipv6()
  family = socket.AF_INET6 if dual else socket.AF_INET
  try:
    socket.create_server(("", port), family=family, dualstack_ipv6=dual).close()
  except OSError as error:
    raise InputError(
      f"{name}: another program of this machine listens at port {port}, maybe an earlier command that still "
      "runs; choose another port"
    ) from error


@contextlib.contextmanager
def waiting(number: int | None, index: int | None, where: str) -> Iterator[None]:
  """Says for whom this process waits, and ends it with status 2 if they do not come: JAX would abort.

  Args:
    number: of processes, where that is known.
    index: of this one.
    where: they meet.
  """
  me = f"process {index} of {number}" if number else "this process"
  others = "process 0" if index else f"the other {number - 1}" if number else "the others"

  def say() -> None:
    print(f"{me} waits for {others} at {where}", file=sys.stderr, flush=True)

  def give_up() -> None:
    print(
      f"error: {me} waited {START:.0f} seconds for {others} at {where}; start all with the same flags, and "
      "see what the others say",
      file=sys.stderr,
      flush=True,
    )
    os._exit(2)  # nothing else ends a thread that waits in JAX

  timers = [threading.Timer(SILENCE, say), threading.Timer(START, give_up)]
  for timer in timers:
    timer.daemon = True
    timer.start()
  try:
    yield
  finally:
    for timer in timers:
      timer.cancel()


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
