"""Runs a command of gengap: `gengap train ...` does what `python -m gengap.main ...` does."""

import ast
import importlib.metadata
import platform
import runpy
import sys

import gengap
from gengap.command_line import shipped
from gengap.errors import suggest

COMMANDS = {  # command -> its module
  "train": "gengap.main",
  "evaluate": "gengap.evaluate",
  "probe": "gengap.probe",
  "report": "gengap.report",
  "bench": "gengap.bench",
  "demo": "gengap.demo",
  "prepare": "gengap.prepare",
  "sweep": f"{shipped.LAUNCHERS}.sweep",
}
HELP = """Usage: gengap COMMAND [--FLAG=VALUE ...]

{commands}

gengap COMMAND --help describes a command's flags; gengap train --config=NAME --help the fields of a config.
gengap --version prints the versions of gengap, Python and JAX.

Configs: {configs}
Scripts for Slurm and Cloud TPU: {launchers}
"""


def about(module: str) -> str:
  """Returns the first line of a command's docstring, without importing the command."""
  parts = module.removeprefix("gengap.").split(".")
  home = shipped.HOME if module.startswith("launch.") else shipped.PACKAGE
  path = home.joinpath(*parts)
  file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
  return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]


def usage() -> str:
  """Returns the help text: all commands, and where configs and launchers are."""
  lines = [f"  {name:<10}{about(module)}" for name, module in COMMANDS.items()]
  return HELP.format(commands="\n".join(lines), configs=shipped.CONFIGS, launchers=shipped.HOME / "launch")


def versions() -> str:
  """Returns the versions that a report of a fault should name."""
  try:
    of_jax = importlib.metadata.version("jax")
  except importlib.metadata.PackageNotFoundError:
    of_jax = "is not installed"
  return f"gengap {gengap.__version__}, Python {platform.python_version()}, jax {of_jax}"


def unknown(name: str) -> str:
  """Returns the message for a command that does not exist."""
  hint = suggest(name, COMMANDS) or f"; there are {', '.join(COMMANDS)}"
  return f"{name!r} is not a command of gengap{hint}"


def main() -> int | None:
  """Runs the command that the command line names; returns the exit status unless the command exits itself."""
  name, *rest = sys.argv[1:] or ["--help"]
  if name in ("--help", "-h", "help"):
    print(usage(), end="")
    return 0
  if name == "--version":
    print(versions())
    return 0
  if name not in COMMANDS:
    print(f"error: {unknown(name)}", file=sys.stderr)
    return 2
  sys.argv = [sys.argv[0], *rest]
  if not shipped.INSTALLED:
    sys.path.insert(0, str(shipped.HOME))  # of the launchers
  runpy.run_module(COMMANDS[name], run_name="__main__", alter_sys=True)
  return None


if __name__ == "__main__":
  sys.exit(main())
