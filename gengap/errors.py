"""The two ways in which a run ends early: bad input (exit status 2) and a non-finite loss (3)."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
  """Something the user gave is wrong. One line: the field or file, what is wrong, what to do.

  It is no ValueError: code that expects those of damaged files would take it for one, and lose what it says.
  """


class NonFiniteError(ArithmeticError):
  """A loss became NaN or infinite. Names the turn and the step."""


def suggest(name: str, allowed: Iterable[str]) -> str:
  """Returns "; did you mean 'x'?" for the allowed name nearest to `name`, or an empty string."""
  near = difflib.get_close_matches(name, list(allowed), n=1)
  return f"; did you mean {near[0]!r}?" if near else ""
