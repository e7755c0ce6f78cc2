"""Vendi score: the effective number of different images (Friedman and Dieng 2022, arXiv:2210.02410)."""

import math

import numpy as np
from scipy import linalg

from gengap.errors import InputError
from gengap.metrics.sets import numbers


def vendi(features: np.ndarray, q: float = 1.0) -> float:
  """Exponential of the entropy of the eigenvalues of K / N, K being the cosine similarities of N images.

  It is 1 if all features point the same way, and N if they are orthogonal. K / N and the D x D matrix of
  X^T X / N have the same eigenvalues other than 0, so the smaller one is decomposed.

  Args:
    features: [N, D]; their lengths do not matter.
    q: order of Renyi's entropy; 1 is Shannon's (the score of the paper), math.inf the min-entropy. A larger
      order counts rare kinds of images less (Pasarkar and Dieng 2023, arXiv:2310.12952).

  Raises:
    InputError: features that are 0 or not finite, or an order that is not above 0.
  """
  if not q > 0:
    raise InputError(f"the order of the entropy is {q}; it must be above 0")
  x = numbers(features).astype(np.float64)
  x = x / np.abs(x).max(1, keepdims=True, initial=np.finfo(float).tiny)
  length = np.linalg.norm(x, axis=1, keepdims=True)
  if zero := int((length == 0).sum()):
    raise InputError(f"the features of {zero} of {len(x)} images are 0, which has no cosine similarity")
  x = x / length
  product = x.T @ x if x.shape[1] < len(x) else x @ x.T
  p = linalg.eigvalsh(product / len(x), check_finite=False)
  p = p[p > len(product) * np.finfo(float).eps]  # others are 0 but for rounding
  if q == 1:
    return float(np.exp(-np.sum(p * np.log(p))))
  return float(1 / p.max() if math.isinf(q) else np.sum(p**q) ** (1 / (1 - q)))
