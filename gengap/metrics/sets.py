"""What is asked of sets of features before they are compared."""

import numpy as np

from gengap.errors import InputError


def pair(real: np.ndarray, fake: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns two sets of features [N, D] and [M, D] as arrays.

  Raises:
    InputError: fewer than `least` of either, widths that differ, or features that are not finite.
  """
  real, fake = np.asarray(real), np.asarray(fake)
  if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
    raise InputError(f"features have shapes {real.shape} and {fake.shape}; they must be [N, D] and [M, D]")
  if min(len(real), len(fake)) < least:
    raise InputError(
      f"there are {len(real)} real and {len(fake)} generated images; at least {least} of each are needed"
    )
  for name, x in (("real", real), ("generated", fake)):
    if bad := int((~np.isfinite(x).all(1)).sum()):
      raise InputError(f"the features of {bad} of {len(x)} {name} images are not finite")
  return real, fake
