"""The command line of launchers: what is wrong with it is told in one line, as everywhere in gengap."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
  """A parser whose help begins with its module's docstring as it stands."""

  def __init__(self, doc: str | None):
    super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)

  def error(self, message: str) -> NoReturn:
    """Prints one line and exits with status 2."""
    self.exit(2, f"error: {message}; see --help\n")
