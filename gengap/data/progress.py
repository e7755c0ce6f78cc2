"""A progress bar on a terminal, one line elsewhere."""

import sys

from tqdm import tqdm

from gengap.distributed import processes


def progress(what: str, total: int | None, unit: str = "images") -> tqdm:
  """Returns a progress bar on a terminal; elsewhere prints one line on standard error.

  Only the first of several processes shows it.

  Args:
    what: the program does.
    total: number of units; None: it is not known.
    unit: what is counted.
  """
  if processes.is_first() and not sys.stderr.isatty():
    print(what if total is None else f"{what}: {total} {unit}", file=sys.stderr)
  hidden = None if processes.is_first() else True  # None: where there is no terminal
  return tqdm(desc=what, total=total, unit=f" {unit}", disable=hidden, leave=False)
