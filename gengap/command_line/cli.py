"""Shared by all command lines: error lines and exit statuses, the memory allocator, the compilation cache."""

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

from gengap.command_line.arguments import define_path, define_paths, parse
from gengap.data import cache
from gengap.distributed import processes
from gengap.errors import InputError, NonFiniteError, one_line
from gengap.storage import paths

__all__ = [
  "check_devices",
  "command",
  "define_path",
  "define_paths",
  "flags",
  "hush_storage",
  "keep_memory",
  "keep_programs",
  "parse",
  "require",
  "run",
]

STATUS = {InputError: 2, NonFiniteError: 3}


def flags() -> absl_flags.FlagValues:
  """Returns new flags for one command, so that commands with equal flag names can be imported together."""
  own = absl_flags.FlagValues()
  absl_flags.DEFINE_bool("debug", False, "Show the traceback of an error.", flag_values=own)
  return own


def keep_memory() -> None:
  """Tells glibc's malloc not to return freed memory to the kernel.

  XLA's CPU backend frees its temporaries at every step. Returning them to the kernel and faulting them in
  again costs up to a fifth of a step. Does nothing with other allocators.
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
  """Turns on JAX's persistent compilation cache, unless its folder is already set.

  If the folder cannot be written, JAX still reads the programs in it.
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
    if not os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
      jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def check_devices() -> None:
  """Initialises JAX's devices.

  Raises:
    InputError: JAX finds no device of the kind that $JAX_PLATFORMS names.
  """
  import jax

  try:
    jax.devices()
  except Exception as error:  # also an AssertionError without a message
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
  """Raises InputError for an argument that is not a flag, and for a required flag that is missing."""
  if rest:
    raise InputError(f"{rest[0]!r} is not a flag; see --help")
  for name, value in values.items():
    if not value:
      raise InputError(f"--{name} is missing; see --help")


def command() -> str:
  """Returns the running command, quoted for a shell, without the flags that connect processes."""
  spec = sys.modules["__main__"].__spec__
  program = ("python", "-m", spec.name.removesuffix(".__main__")) if spec else sys.argv[:1]
  return shlex.join([*program, *processes.without_process_flags(sys.argv[1:])])


def usage(flags: absl_flags.FlagValues) -> str:
  """Returns the help text of the running command: its module's docstring, its flags and its config's fields.

  Raises:
    InputError: the file of --config does not exist.
  """
  of_config = ""
  if "config" in flags:
    from gengap.command_line import field_help  # here, since it needs all methods

    of_config = field_help.text(sys.argv)
  return f"{sys.modules['__main__'].__doc__}\n{flags.get_help()}\n{of_config}"


def hush_storage() -> None:
  """Silences the threads that read or write a checkpoint; their errors are raised and reported later."""
  getLogger("asyncio").setLevel("CRITICAL")

  def hook(unraisable: Any) -> None:
    if str(unraisable.exc_value) != "Event loop is closed":
      sys.__unraisablehook__(unraisable)

  sys.unraisablehook = hook


def leave(status: int) -> None:
  """Exits. With several processes, exits at once, since a normal exit would wait for the others."""
  if processes.count() > 1:
    os._exit(status)
  sys.exit(status)


def fail(error: Exception, status: int, debug: bool) -> None:
  """Prints an error and exits. Raises it instead if the traceback is wanted or the error is unexpected."""
  if processes.count() == 1 and (debug or status == 1):
    raise error
  who = f"process {processes.index()}: " if processes.index() else ""
  with contextlib.suppress(OSError):  # standard error may be closed
    print(f"{who}error: {one_line(error)}", file=sys.stderr, flush=True)
    if debug or status == 1:
      traceback.print_exception(error)
  leave(status)


def run(
  main: Callable[[list[str]], None],
  flags: absl_flags.FlagValues,
  begin: Callable[[Sequence[str]], None] = lambda argv: None,
) -> None:
  """Runs a command and exits: status 0, that of an expected error (STATUS), or 130 for an interrupt.

  Args:
    main: Called with the arguments that are not flags.
    flags: The command's flags.
    begin: Called with the command line before it is parsed, which imports JAX if it names a config.
  """
  logging.set_verbosity(logging.ERROR)
  hush_storage()
  debug = "--debug" in sys.argv
  try:
    if {"--help", "-h"} & set(sys.argv):
      print(usage(flags))
      sys.exit(0)
    begin(sys.argv)
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
  except KeyboardInterrupt as interrupt:
    print(one_line(interrupt) or "interrupted", file=sys.stderr, flush=True)
    os._exit(130)  # XLA may be compiling in another thread, which the interpreter's own exit does not survive
