"""The argument parser of the launchers; like all of gengap it reports errors in one line."""

import argparse
import pathlib
from typing import NoReturn

from gengap.errors import InputError
from gengap.storage import paths


def path(text: str) -> pathlib.Path:
  """Parses a local path and expands ~."""
  try:
    return paths.local(text)
  except InputError as error:
    raise argparse.ArgumentTypeError(str(error)) from error


def folder(text: str) -> pathlib.Path:
  """Parses the path of a local folder into which files can be written, or that can be made."""
  found = path(text)
  try:
    paths.check_writable(found, "the folder")
  except InputError as error:
    raise argparse.ArgumentTypeError(str(error)) from error
  return found


class Parser(argparse.ArgumentParser):
  """An argument parser that prints its module's docstring unchanged at the top of the help."""

  def __init__(self, doc: str | None):
    super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)

  def error(self, message: str) -> NoReturn:
    """Prints one line and exits with status 2."""
    self.exit(2, f"error: {message}; see --help\n")
