"""The command line of launchers: what is wrong with it is told in one line, as everywhere in gengap."""

import argparse
import pathlib
from typing import NoReturn

from gengap import paths
from gengap.errors import InputError


def path(text: str) -> pathlib.Path:
  """Returns the local path that an argument names, ~ expanded."""
  try:
    return paths.local(text)
  except InputError as error:
    raise argparse.ArgumentTypeError(str(error)) from error


class Parser(argparse.ArgumentParser):
  """A parser whose help begins with its module's docstring as it stands."""

  def __init__(self, doc: str | None):
    super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)

  def error(self, message: str) -> NoReturn:
    """Prints one line and exits with status 2."""
    self.exit(2, f"error: {message}; see --help\n")
