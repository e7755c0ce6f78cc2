"""Several processes of one run: how they connect, share work and agree.

All processes run the same program on JAX's multi-process runtime, and each feeds its own devices. Process 0
alone prints and writes files; all processes write checkpoints together. With a single process the functions
here return their input unchanged. JAX is imported where it is needed, so that a command prints its first line
before that.
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

import numpy as np
from absl import flags

from gengap.distributed import cluster
from gengap.errors import InputError

T = TypeVar("T")
BARRIERS = itertools.count()  # every barrier needs a unique name
BARRIER_TIMEOUT = 3600.0  # seconds that a barrier waits for the other processes
QUIET_SECONDS = 10.0  # seconds of waiting at the start before a process says so
START_TIMEOUT = 300.0  # seconds of waiting at the start after which a process gives up
FLAGS = ("coordinator", "num_processes", "process_id")


def define_flags(own: flags.FlagValues) -> None:
  """Adds the flags by which processes find each other to a command."""
  flags.DEFINE_string(
    FLAGS[0], None, "HOST:PORT of process 0. Not needed on TPU pods and under Slurm.", flag_values=own
  )
  flags.DEFINE_integer(FLAGS[1], None, "Number of processes in the run.", flag_values=own)
  flags.DEFINE_integer(FLAGS[2], None, "Index of this process, from 0.", flag_values=own)


def without_process_flags(arguments: Iterable[str]) -> list[str]:
  """Removes the flags of `define_flags` and their values from the arguments of a command."""
  kept, value = [], False
  for text in arguments:
    name, equals, _ = text.lstrip("-").partition("=")
    own = text.startswith("-") and name in FLAGS
    if not (own or value):
      kept.append(text)
    value = own and not equals  # the next argument is
  return kept


def connect(coordinator: str | None, number: int | None, index: int | None) -> None:
  """Connects to the other processes of this run. Call it before any device is used.

  Without arguments the launcher (TPU pods, Slurm, Open MPI) tells where the other processes are; without a
  launcher this is the only process.

  Args:
    coordinator: HOST:PORT at which process 0 listens.
    number: Number of processes.
    index: Index of this process.

  Raises:
    InputError: Some arguments are missing or invalid, or the other processes do not connect in time.
  """
  given = {"--coordinator": coordinator, "--num_processes": number, "--process_id": index}
  if missing := [name for name, value in given.items() if value is None]:
    if len(missing) < len(given):
      raise InputError(f"{missing[0]} is missing: several processes need {', '.join(given)}")
    return connect_by_launcher()
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
  import jax

  if index == 0:
    check_free(int(port), f"--coordinator={coordinator}")
  try:
    with announced_wait(number, index, coordinator):
      jax.distributed.initialize(coordinator, number, index, initialization_timeout=int(2 * START_TIMEOUT))
  except InputError:
    raise
  except Exception as error:
    raise InputError(f"--coordinator={coordinator}: {str(error).splitlines()[0][:200]}") from error


def connect_by_launcher() -> None:
  """Connects to the other processes that the launcher started, if it started any.

  Raises:
    InputError: The launcher started other processes, and they cannot be found.
  """
  by = cluster.launcher()
  if by.number == 1:
    return
  started = f"{by.name} started {by.number or 'several'} processes"
  if not by.known:
    raise InputError(
      f"{started}, but does not say where they can connect; give each --coordinator=HOST:PORT "
      f"--num_processes={by.number} --process_id=I"
    )
  import jax

  where = "the first of their machines"
  if by.number is not None:
    port = int(os.environ.setdefault("JAX_COORDINATOR_PORT", str(cluster.port(by.job))))
    where = f"port {port} of {where}"
    if by.rank == 0:
      check_free(port, "$JAX_COORDINATOR_PORT")
  try:
    with announced_wait(by.number, by.rank, where):
      jax.distributed.initialize(
        num_processes=by.number, process_id=by.rank, initialization_timeout=int(2 * START_TIMEOUT)
      )
  except InputError:
    raise
  except Exception as error:
    reason = " ".join(str(error).split())[:200]
    raise InputError(f"{started}, but they cannot be found: {reason}; see --coordinator in --help") from error


def check_free(port: int, name: str) -> None:
  """Checks that no other program on this machine listens at a port. JAX does not check, and one would abort.

  Raises:
    InputError: A program listens there.
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
def announced_wait(number: int | None, index: int | None, where: str) -> Iterator[None]:
  """Reports a long wait for the other processes, and exits with status 2 after a timeout. JAX would abort.

  Args:
    number: Number of processes, if known.
    index: Index of this process.
    where: The address at which they connect, for the message.
  """
  me = f"process {index} of {number}" if number else "this process"
  others = "process 0" if index else f"the other {number - 1}" if number else "the others"

  def say() -> None:
    print(f"{me} waits for {others} at {where}", file=sys.stderr, flush=True)

  def give_up() -> None:
    print(
      f"error: {me} waited {START_TIMEOUT:.0f} seconds for {others} at {where}; start all processes with the "
      "same flags, and read what the others print",
      file=sys.stderr,
      flush=True,
    )
    os._exit(2)  # a thread that waits inside JAX cannot be ended otherwise

  timers = [threading.Timer(QUIET_SECONDS, say), threading.Timer(START_TIMEOUT, give_up)]
  for timer in timers:
    timer.daemon = True
    timer.start()
  try:
    yield
  finally:
    for timer in timers:
      timer.cancel()


def connected() -> bool:
  """Whether this process has been connected to others."""
  return "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized()


def count() -> int:
  """Returns the number of processes in the run."""
  return sys.modules["jax"].process_count() if connected() else 1


def index() -> int:
  """Returns the index of this process."""
  return sys.modules["jax"].process_index() if connected() else 0


def is_first() -> bool:
  """Whether this is process 0, which prints and writes."""
  return index() == 0


def barrier() -> None:
  """Waits until all processes are here.

  Processes may compile for different times, and collective operations on CPU devices time out after 30
  seconds, so call this before them.
  """
  if count() > 1:
    from orbax.checkpoint import multihost

    multihost.get_barrier_sync_fn()(key=f"gengap {next(BARRIERS)}", timeout_ms=int(1e3 * BARRIER_TIMEOUT))


def broadcast(value: Any) -> Any:
  """Returns the array of process 0."""
  from jax.experimental import multihost_utils

  barrier()
  return multihost_utils.broadcast_one_to_all(value)


def agree(answer: bool) -> bool:
  """Returns the answer of process 0, so that rounding cannot make processes decide differently."""
  return bool(broadcast(np.bool_(answer))) if count() > 1 else answer


def stop_requested(call: int) -> bool:
  """Whether any process was asked to stop. All processes get the same answer in the same call.

  Args:
    call: Number of earlier calls, the same in all processes.
  """
  if count() == 1:
    return False
  from jax.experimental import multihost_utils

  return multihost_utils.reached_preemption_sync_point(call)


def own_share(pieces: Sequence[T]) -> Sequence[T]:
  """Returns this process's share of pieces of work that are known to all processes.

  Every process gets the same number of pieces; if they do not divide evenly, some also get the last piece.
  """
  if count() == 1:
    return pieces
  rounds = math.ceil(len(pieces) / count())
  return [pieces[min(i * count() + index(), len(pieces) - 1)] for i in range(rounds)]


def gather(found: Sequence[Any], total: int) -> Sequence[Any]:
  """Gathers the results of all processes.

  Args:
    found: A tree of arrays for each piece of `own_share`, with the same shapes for all pieces.
    total: Number of pieces.

  Returns:
    The results of all pieces, in order. With a single process, `found`.
  """
  if count() == 1:
    return found
  import jax
  from jax.experimental import multihost_utils

  mine = jax.tree.map(lambda *x: np.stack([np.asarray(y) for y in x]), *found)
  barrier()
  every = multihost_utils.process_allgather(mine)  # [processes, rounds, ...]
  return [jax.tree.map(lambda x, i=i: x[i % count(), i // count()], every) for i in range(total)]


def npy_bytes(value: np.ndarray) -> bytes:
  """Serialises an array as a .npy file."""
  file = io.BytesIO()
  np.save(file, value)
  return file.getvalue()


def broadcast_array(value: np.ndarray | None) -> np.ndarray | None:
  """Returns the array of process 0, or None if process 0 has none."""
  if count() == 1:
    return value
  data = b"" if value is None else npy_bytes(value)
  length = int(broadcast(np.int32(len(data))))
  if not length:
    return None
  padded = np.frombuffer(data.ljust(length, b"\0")[:length], np.uint8)
  whole = broadcast(padded)
  return np.load(io.BytesIO(np.asarray(whole).tobytes()))
