"""What every command line shares: one clear line and a status for bad input, a tuned allocator, a cache."""

import contextlib
import ctypes
import os
import pathlib
import re
import runpy
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from logging import getLogger
from typing import Any

from absl import flags as absl_flags
from absl import logging

from gengap import processes
from gengap.data import cache
from gengap.errors import InputError, NonFiniteError, suggest

STATUS = {InputError: 2, NonFiniteError: 3}
TAKES = {  # how absl complains of a value -> what the flag takes
  "invalid literal": "a whole number",
  "could not convert": "a number; what else may stand here, such as a mapping, is set in a config file",
  "('Non-boolean": "true or false",
}


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
  """Turns on JAX's persistent compilation cache, unless its folder is set already."""
  import jax

  if not jax.config.values["jax_compilation_cache_dir"]:  # nor named by $JAX_COMPILATION_CACHE_DIR
    jax.config.update("jax_compilation_cache_dir", str(cache.root() / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def parse(flags: absl_flags.FlagValues, argv: Sequence[str]) -> list[str]:
  """Parses the flags, from their defaults on, and returns what is left.

  Raises:
    InputError: an unknown flag or config field (its nearest is named), or a value of the wrong type.
  """
  for name in flags:
    flags[name].unparse()
  path = config_path(argv)
  if path and not pathlib.Path(path).is_file():
    near = [str(p) for p in pathlib.Path(path).parent.glob("*.py")]
    raise InputError(f"--config={path}: there is no such file{suggest(path, near)}")
  try:
    rest = flags(list(argv))[1:]
    if "config" in flags and flags["config"].value is not None:
      flags["config"].value.keys()  # a file that could not be read is told of only when it is used
    return rest
  except absl_flags.Error as error:
    raise InputError(flag_error(error)) from error
  except Exception as error:  # whatever the code of a config file raises
    said = f"--config={path}: {type(error).__name__}: {one_line(error)}"
    raise InputError(unknown_field(argv) or said) from error


def given(argv: Sequence[str]) -> list[tuple[str, str]]:
  """Returns the flags of a command line as (name, value)."""
  parts = (argument.lstrip("-").partition("=") for argument in argv if argument.startswith("-"))
  return [(name, value) for name, _, value in parts]


def config_path(argv: Sequence[str]) -> str:
  """Returns the file that --config=FILE[:DATASET] names; empty without one."""
  return dict(given(argv)).get("config", "").partition(":")[0]


def flag_error(error: absl_flags.Error) -> str:
  """Describes why the flags cannot be parsed."""
  message = one_line(error)
  for complaint, takes in TAKES.items():
    wrong = re.match(rf"flag --([\w.]+)=(.*?): {re.escape(complaint)}", message)
    if wrong:
      return f"--{wrong[1]}={wrong[2]}: it takes {takes}"
  if "before a value for --config was specified" in message:
    return "--config=FILE must stand before the --config.FIELD=VALUE that change it"
  return message


def unknown_field(argv: Sequence[str]) -> str:
  """Describes the first --config.FIELD that the config does not have; empty if there is none."""
  path, _, dataset = dict(given(argv)).get("config", "").partition(":")
  try:
    config = runpy.run_path(path)["get_config"](*([dataset] if dataset else []))
  except Exception:  # the fault is the file's
    return ""
  for name in (name for name, _ in given(argv) if name.startswith("config.")):
    node: Any = config
    for depth, part in enumerate(parts := name.split(".")[1:]):
      fields = list(node.keys()) if hasattr(node, "keys") else []
      if part not in fields:
        field = ".".join(["config", *parts[: depth + 1]])
        return f"{field} is not a field of this config{suggest(part, fields)}"
      node = node[part]
  return ""


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
  flags = (text for text in sys.argv[1:] if text.lstrip("-").partition("=")[0] not in processes.FLAGS)
  return shlex.join([*(("python", "-m", spec.name) if spec else sys.argv[:1]), *flags])


def one_line(error: BaseException) -> str:
  """Returns an error's message on one line, without what could lead a terminal astray."""
  line = " ".join(str(error).split())
  return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


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
    keep_programs()
    if processes.FLAGS[0] in flags:
      processes.connect(*(flags[name].value for name in processes.FLAGS))
    main(rest)
  except Exception as error:
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 1)
    if processes.count() == 1 and (debug or status == 1):
      raise
    who = f"process {processes.index()}: " if processes.index() else ""
    with contextlib.suppress(OSError):  # nobody may be there to read it
      print(f"{who}error: {one_line(error)}", file=sys.stderr, flush=True)
      if debug or status == 1:
        traceback.print_exc()
    leave(status)
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr, flush=True)
    os._exit(130)  # XLA may be compiling in another thread, which the interpreter's own exit does not survive
