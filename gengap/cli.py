"""What every command line shares: one clear line and a status for bad input, a tuned allocator, a cache."""

import contextlib
import ctypes
import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from logging import getLogger
from typing import Any

from absl import flags as absl_flags
from absl import logging

from gengap import paths, processes
from gengap.arguments import define_path, define_paths, one_line, parse
from gengap.data import cache
from gengap.errors import InputError, NonFiniteError

__all__ = ["define_path", "define_paths", "flags", "one_line", "parse", "require", "run"]

STATUS = {InputError: 2, NonFiniteError: 3}


def flags() -> absl_flags.FlagValues:
  """Returns a command's own flags, to define more in: commands of equal flags can be imported together."""
  own = absl_flags.FlagValues()
  absl_flags.DEFINE_bool("debug", False, "Show the traceback of an error.", flag_values=own)
  return own


def keep_memory() -> None:
  """Tells glibc's malloc to keep what is freed.

  XLA's CPU backend frees its temporaries at every step; giving them back to the kernel and faulting them in
  again costs up to a fifth of a step. Does nothing where the allocator is another one.
  """
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except (AttributeError, OSError):
    return
  m_trim_threshold, m_top_pad, m_mmap_max, m_arena_max = -1, -2, -4, -8
  mallopt(m_mmap_max, 0)
  mallopt(m_trim_threshold, 2**31 - 1)
  mallopt(m_top_pad, 64 * 2**20)
  mallopt(m_arena_max, 1)


def keep_programs() -> None:
  """Turns on JAX's persistent compilation cache, unless its folder is set already.

  Of a folder that cannot be written, JAX still reads the programs that are there.
  """
  import jax

  if jax.config.values["jax_compilation_cache_dir"]:  # or named by $JAX_COMPILATION_CACHE_DIR
    return
  folder = cache.root() / "xla"
  try:
    folder.mkdir(parents=True, exist_ok=True)
    paths.check_writable(folder, "cache")
  except (OSError, InputError) as error:
    cache.complain(folder, getattr(error, "strerror", None) or one_line(error))
    warnings.filterwarnings("ignore", message=".*persistent compilation cache")
  if folder.is_dir():
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def check_devices() -> None:
  """Starts JAX's devices.

  Raises:
    InputError: there are none of the kind that $JAX_PLATFORMS asks for.
  """
  import jax

  try:
    jax.devices()
  except Exception as error:  # also an AssertionError without words
    asked = next((name for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME") if os.environ.get(name)), "")
    given = f"{asked}={os.environ[asked]}: " if asked else ""
    reason = re.sub(r" \(set JAX_PLATFORMS=.*", "", one_line(error))[:200]
    remedy = (
      f"unset {asked} to use what is there, or set JAX_PLATFORMS=cpu" if asked else "set JAX_PLATFORMS=cpu"
    )
    raise InputError(
      f"{given}JAX finds no such device here{f' ({reason})' if reason else ''}; {remedy}"
    ) from error


def require(rest: Sequence[str], **values: object) -> None:
  """Raises InputError for an argument that is no flag, and for a flag that was not given."""
  if rest:
    raise InputError(f"{rest[0]!r} is not a flag; see --help")
  for name, value in values.items():
    if not value:
      raise InputError(f"--{name} is missing; see --help")


def command() -> str:
  """Returns the command that runs, as a shell takes it, without what tells processes of each other."""
  spec = sys.modules["__main__"].__spec__
  program = ("python", "-m", spec.name.removesuffix(".__main__")) if spec else sys.argv[:1]
  return shlex.join([*program, *processes.shared(sys.argv[1:])])


def usage(flags: absl_flags.FlagValues) -> str:
  """Returns the help of the command that runs: its module's docstring and its flags."""
  return f"{sys.modules['__main__'].__doc__}\n{flags.get_help()}"


def hush_storage() -> None:
  """Silences the threads of a checkpoint that cannot be read or written; the error that follows says it."""
  getLogger("asyncio").setLevel("CRITICAL")

  def hook(unraisable: Any) -> None:
    if str(unraisable.exc_value) != "Event loop is closed":
      sys.__unraisablehook__(unraisable)

  sys.unraisablehook = hook


def leave(status: int) -> None:
  """Exits; of several processes at once, for the others wait for this one and would be waited for."""
  if processes.count() > 1:
    os._exit(status)
  sys.exit(status)


def fail(error: Exception, status: int, debug: bool) -> None:
  """Says an error and exits; raises it where its traceback is wanted, or it was not foreseen."""
  if processes.count() == 1 and (debug or status == 1):
    raise error
  who = f"process {processes.index()}: " if processes.index() else ""
  with contextlib.suppress(OSError):  # nobody may be there to read it
    print(f"{who}error: {one_line(error)}", file=sys.stderr, flush=True)
    if debug or status == 1:
      traceback.print_exception(error)
  leave(status)


def run(main: Callable[[list[str]], None], flags: absl_flags.FlagValues) -> None:
  """Runs a command and exits: 0, STATUS of an error that was foreseen, 130 for an interrupt.

  Args:
    main: gets the arguments that are no flags.
    flags: of the command.
  """
  logging.set_verbosity(logging.ERROR)
  hush_storage()
  debug = "--debug" in sys.argv
  if {"--help", "-h"} & set(sys.argv):
    print(usage(flags))
    sys.exit(0)
  try:
    rest = parse(flags, sys.argv)
    keep_memory()
    if processes.FLAGS[0] in flags:
      processes.connect(*(flags[name].value for name in processes.FLAGS))
      check_devices()
    keep_programs()
    main(rest)
  except (InputError, NonFiniteError) as error:
    fail(error, STATUS[type(error)], debug)
  except Exception as error:
    fail(error, 1, debug)
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr, flush=True)
    os._exit(130)  # XLA may be compiling in another thread, which the interpreter's own exit does not survive
