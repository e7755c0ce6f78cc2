"""Reads pickles without running them.

A pickle is a program that names functions and calls them. Here only the names that a kind of file needs are
resolved, each to a stand-in that builds plain data. All other names are refused.
"""

import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

from gengap.errors import InputError


class Unpickler(pickle._Unpickler):  # pyright: ignore: the one in C makes room for whatever index a file names
  """Reads a pickle, and resolves only the names in `known`, which subclasses define."""

  known: ClassVar[Mapping[tuple[str, str], Any]] = {}  # (module, name) -> what stands in for it
  kind: ClassVar[str] = "such file"

  def find_class(self, module: str, name: str) -> Any:
    """Returns the stand-in for a name.

    Raises:
      InputError: the name is not known.
    """
    if (module, name) not in self.known:
      raise InputError(f"it asks for {module}.{name}, which no {self.kind} needs; nothing was executed")
    return self.known[module, name]
