"""The two errors that end a command: bad input (exit status 2) and a non-finite loss (exit status 3)."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
  """The user's input is wrong. The message is one line: the field or file, what is wrong, and what to do.

  It is not a ValueError, because code that handles the ValueErrors of damaged files would swallow it.
  """


class NonFiniteError(ArithmeticError):
  """A loss became NaN or infinite. Names the turn and the step."""


def suggest(name: str, allowed: Iterable[str]) -> str:
  """Returns "; did you mean 'x'?" for the allowed name nearest to `name`, or an empty string."""
  lowered = {known.lower(): known for known in allowed}
  near = difflib.get_close_matches(name.lower(), list(lowered), n=1)
  return f"; did you mean {lowered[near[0]]!r}?" if near else ""


def one_line(error: BaseException) -> str:
  """Returns an error's message on one line, with control characters escaped."""
  line = " ".join(str(error).split())
  return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
