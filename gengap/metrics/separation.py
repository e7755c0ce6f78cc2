"""How well one number separates two sets."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from gengap.errors import InputError


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
  """Probability that a score inside [N] is above one outside [M], ties counting half.

  The area under the receiver operating characteristic, as the rank sum of Mann and Whitney (1947).

  Raises:
    InputError: an empty set, or a score that is not a number.
  """
  inside, outside = np.asarray(inside, np.float64).ravel(), np.asarray(outside, np.float64).ravel()
  scores, n, m = np.concatenate([inside, outside]), len(inside), len(outside)
  if not n or not m or np.isnan(scores).any():
    raise InputError(f"there are {n} scores inside and {m} outside, or NaN among them; AUROC needs numbers")
  return float((rankdata(scores)[:n].sum() - n * (n + 1) / 2) / (n * m))
