"""A progress bar of images on a terminal, one line elsewhere."""

import sys

from tqdm import tqdm

from gengap import processes


def progress(what: str, total: int) -> tqdm:
  """Returns a progress bar of images on a terminal; elsewhere prints one line on standard error.

  Only the first of several processes shows it.
  """
  if processes.is_first() and not sys.stderr.isatty():
    print(f"{what}: {total} images", file=sys.stderr)
  hidden = None if processes.is_first() else True  # None: where there is no terminal
  return tqdm(desc=what, total=total, unit=" images", disable=hidden, leave=False)
