"""Checks sets of features before they are compared, and scales them."""

import math
from typing import Any

import numpy as np

from gengap.errors import InputError

LARGEST = 1e150  # its square is a float64, and so is that of its inverse
NEAR_ONE = 20  # powers of two by which a spread may differ from 1 before features are scaled


def numbers(x: Any, what: str = "") -> np.ndarray:
  """Returns features [N, D]: float16, bfloat16 and float32 as float32, all others as float64.

  Args:
    x: the features.
    what: kind of the images, for messages.

  Raises:
    InputError: they are no such array, not finite, or so large or small that float64 cannot square them.
  """
  x = np.asarray(x)
  narrow = x.dtype.itemsize <= 2 and x.dtype.kind in "fV"  # bfloat16 is of kind V
  if x.ndim != 2 or not x.size or not (x.dtype.kind in "biuf" or narrow):
    raise InputError(
      f"features have shape {x.shape} and type {x.dtype}; they must be numbers [N, D], N and D at least 1"
    )
  x = x if x.dtype in (np.float32, np.float64) else x.astype(np.float32 if narrow else np.float64)
  if bad := int((~np.isfinite(x).all(1)).sum()):
    raise InputError(f"the features of {bad} of {len(x)} {what}{' ' * bool(what)}images are not finite")
  if (top := float(max(x.max(), -x.min()))) and not 1 / LARGEST <= top <= LARGEST:
    raise InputError(f"features are as large as {top:.3g}, which float64 cannot square; scale them")
  return x


def pair(real: Any, fake: Any, least: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns two sets of features [N, D] and [M, D] as arrays (see `numbers`).

  Raises:
    InputError: fewer than `least` of either, widths that differ, or features that are no finite numbers.
  """
  shapes = np.shape(real), np.shape(fake)
  if [len(shape) for shape in shapes] != [2, 2] or shapes[0][1] != shapes[1][1]:
    raise InputError(f"features have shapes {shapes[0]} and {shapes[1]}; they must be [N, D] and [M, D]")
  if min(shapes[0][0], shapes[1][0]) < least:
    (n, _), (m, _) = shapes
    raise InputError(f"there are {n} real and {m} generated images; at least {least} of each are needed")
  return numbers(real, "real"), numbers(fake, "generated")


def scaled(*sets: np.ndarray) -> tuple[list[np.ndarray], float]:
  """Divides sets of features by one power of two if their spread is far from 1, which changes no digit.

  Args:
    *sets: [N, D] each (see `numbers`).

  Returns:
    The sets, and the power of two: distances are those of the sets returned, times it.
  """
  low = np.min([x.min(0) for x in sets], 0).astype(np.float64)
  high = np.max([x.max(0) for x in sets], 0).astype(np.float64)
  spread = float((high - low).max())
  exponent = math.floor(math.log2(spread)) if spread else 0
  if abs(exponent) <= NEAR_ONE:
    return list(sets), 1.0
  return [np.ldexp(x.astype(np.float64), -exponent) for x in sets], 2.0**exponent
