"""Parses command lines: flags that take paths, config files, and error messages for wrong values."""

import pathlib
import re
import runpy
from collections.abc import Sequence
from typing import Any

from absl import flags as absl_flags

from gengap.command_line import shipped
from gengap.errors import InputError, one_line, suggest
from gengap.storage import paths

CONFIG_FLAGS = ("--config", "-config")
TAKES = {  # how absl complains of a value -> what the flag takes
  "invalid literal": "a whole number",
  "could not convert": "a number; what else may stand here, such as a mapping, is set in a config file",
  "('Non-boolean": "true or false",
}


class PathParser(absl_flags.ArgumentParser):
  """Parses a path and expands ~."""

  syntactic_help = "a path"

  def __init__(self, name: str, remote: bool = False):
    super().__init__()
    self.name, self.remote = name, remote

  def parse(self, argument: str) -> str:
    """Returns the path.

    Raises:
      InputError: The path is empty or a URL; gs:// is allowed if the flag takes remote paths.
    """
    return str((paths.place if self.remote else paths.local)(argument, f"--{self.name}"))


class PathsParser(absl_flags.ArgumentParser):
  """Parses comma-separated paths, also gs://. A comma in the name of an existing path does not separate."""

  syntactic_help = "paths, with commas between them"

  def __init__(self, name: str):
    super().__init__()
    self.name = name

  def parse(self, argument: str) -> list[str]:
    """Returns the paths.

    Raises:
      InputError: one is a URL other than gs://.
    """
    return [str(paths.place(path, f"--{self.name}")) for path in paths.split(argument)]


def define_path(
  name: str, about: str, own: absl_flags.FlagValues, remote: bool = False
) -> absl_flags.FlagHolder:
  """Adds a flag that takes a path, with `remote` also gs://, to a command; its default is None."""
  return absl_flags.DEFINE(PathParser(name, remote), name, None, about, own, absl_flags.ArgumentSerializer())


def define_paths(name: str, about: str, own: absl_flags.FlagValues) -> absl_flags.FlagHolder:
  """Adds a repeatable flag that takes comma-separated paths to a command; its value is a list of lists."""
  serializer = absl_flags.CsvListSerializer(",")
  return absl_flags.DEFINE_multi(PathsParser(name), serializer, name, [], about, own)


def define_extractor_flags(own: absl_flags.FlagValues) -> dict[str, absl_flags.FlagHolder]:
  """Adds to a command's flags those that choose feature extractor and classifier; returns them by name."""
  from gengap.features.registry import EXTRACTORS  # imports JAX, which other commands do later
  from gengap.features.resize import PROTOCOLS

  kind = absl_flags.DEFINE_string(
    "features",
    None,
    f"Features: {', '.join(EXTRACTORS)}, or package.module:name of a function of images; by default "
    "inception for colour images, else classifier.",
    flag_values=own,
  )
  resize = absl_flags.DEFINE_enum(
    "resize", "clean", list(PROTOCOLS), "How images are resized for Inception.", flag_values=own
  )
  inception = define_path(
    "inception", "File of Inception's weights; by default where gengap.prepare puts it.", own
  )
  weights = define_path("weights", "File of the weights of the network that --features names.", own)
  workdir = define_path(
    "classifier", "Workdir of a classifier of the data set; train: trains one, once.", own, remote=True
  )
  return {
    "features": kind,
    "inception": inception,
    "weights": weights,
    "resize": resize,
    "classifier": workdir,
  }


def parse(flags: absl_flags.FlagValues, argv: Sequence[str]) -> list[str]:
  """Resets the flags to their defaults, parses them, and returns the remaining arguments.

  Raises:
    InputError: an unknown flag or config field (its nearest is named), or a value of the wrong type.
  """
  for name in flags:
    flags[name].unparse()
  located = with_config_file(argv) if "config" in flags else list(argv)
  try:
    rest = flags(located)[1:]
    if "config" in flags and flags["config"].value is not None:
      flags["config"].value.keys()  # a file that could not be read is told of only when it is used
    return rest
  except InputError:
    raise
  except absl_flags.Error as error:
    raise InputError(flag_error(error, flags, argv)) from error
  except Exception as error:  # whatever the code of a config file raises
    said = f"--config={config_path(argv)}: {type(error).__name__}: {one_line(error)}"
    raise InputError(unknown_field(argv) or said) from error


def given(argv: Sequence[str]) -> list[tuple[str, str]]:
  """Returns the flags of a command line as (name, value) pairs, for both --name=value and --name value."""
  found = []
  for argument, after in zip(argv, [*argv[1:], ""], strict=True):
    if argument == "--":
      break
    if argument.startswith("-"):
      name, equals, value = argument.lstrip("-").partition("=")
      found.append((name, value if equals else after))
  return found


def config_path(argv: Sequence[str]) -> str:
  """Returns what stands before the data set in --config=FILE_OR_NAME[:DATASET]; "" without the flag."""
  value = dict(given(argv)).get("config", "")
  return value if paths.URL.match(value) else value.partition(":")[0]


def find_config(path: str) -> pathlib.Path:
  """Returns the file that --config names: a file, or a config that comes with gengap.

  Both NAME and configs/NAME.py name the latter, if there is no such file. In a folder that has configs/ of
  its own, configs/NAME.py names a file there only.

  Raises:
    InputError: there is no such file; names the nearest one.
  """
  file = paths.local(path, "--config")
  if file.is_file():
    return file
  names = shipped.config_names()
  written = {} if pathlib.Path("configs").is_dir() else {f"configs/{name}.py": name for name in names}
  known = written | {name: name for name in names}
  if path in known:
    return shipped.config_file(known[path])
  near = [*known, *map(str, file.parent.glob("*.py")), *map(str, pathlib.Path("configs").glob("*.py"))]
  hint = suggest(path, near) or suggest(file.stem, names) or "; gengap train --help lists those of gengap"
  raise InputError(f"--config={path}: there is no such file, and no config of this name{hint}")


def with_config_file(argv: Sequence[str]) -> list[str]:
  """Returns a command line whose --config names a file, as ml_collections needs it.

  Raises:
    InputError: there is no such file, or the name is empty.
  """
  if "config" not in dict(given(argv)):
    return list(argv)
  path = config_path(argv)
  file, found = find_config(path), []
  for before, argument in zip(["", *argv], argv, strict=False):
    flag, equals, value = argument.partition("=")
    if flag in CONFIG_FLAGS and equals and value.startswith(path):
      argument = f"{flag}={file}{value[len(path) :]}"
    elif before in CONFIG_FLAGS and argument.startswith(path):
      argument = f"{file}{argument[len(path) :]}"
    found.append(argument)
  return found


def flag_error(error: absl_flags.Error, flags: absl_flags.FlagValues, argv: Sequence[str]) -> str:
  """Returns the message for flags that cannot be parsed."""
  message = one_line(error)
  if unknown := re.match(r"Unknown command line flag '([\w.]+)'", message):
    field = field_named(unknown[1], argv)
    hint = (
      f"; did you mean '--{field}'?" if field else suggest(f"--{unknown[1]}", [f"--{name}" for name in flags])
    )
    return f"--{unknown[1]} is not a flag{hint or '; see --help'}"
  for complaint, takes in TAKES.items():
    wrong = re.match(rf"flag --([\w.]+)=(.*?): {re.escape(complaint)}", message)
    if wrong:
      return f"--{wrong[1]}={wrong[2]}: it takes {takes}"
  if "before a value for --config was specified" in message:
    return "--config=FILE must stand before the --config.FIELD=VALUE that change it"
  return message


def read_config(argv: Sequence[str]) -> Any:
  """Returns the config that the file of --config makes; {} if there is none or the file has a fault."""
  path, _, dataset = dict(given(argv)).get("config", "").partition(":")
  if not path:
    return {}
  try:
    return runpy.run_path(str(find_config(path)))["get_config"](*([dataset] if dataset else []))
  except InputError:
    raise
  except Exception:  # the fault is the file's
    return {}


def field_named(name: str, argv: Sequence[str]) -> str:
  """Returns the field of the config whose last part is `name`, such as config.steps; "" if there is none."""
  config = read_config(argv)
  for place, fields in (("config", config), ("config.method_args", config.get("method_args", {}))):
    if name in fields:
      return f"{place}.{name}"
  return ""


def unknown_field(argv: Sequence[str]) -> str:
  """Returns the message for the first unknown --config.FIELD; "" if all fields exist."""
  if not (config := read_config(argv)):
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
