"""Inception Score (Salimans et al. 2016, arXiv:1606.03498)."""

import numpy as np
from scipy.special import log_softmax

from gengap.errors import InputError


def inception_score(logits: np.ndarray, splits: int = 10) -> tuple[float, float]:
  """Mean and population standard deviation, over splits, of exp E KL(p(y | x) || p(y)).

  p(y) is the split's own. Split i holds rows i N // splits to (i + 1) N // splits, in the order given.

  Args:
    logits: [N, classes].
    splits: how many.

  Raises:
    InputError: fewer rows than splits, or logits that are not finite.
  """
  logits = np.asarray(logits, np.float64)
  if logits.ndim != 2 or not logits.shape[1] or not 1 <= splits <= len(logits):
    raise InputError(f"logits of shape {logits.shape} cannot be split in {splits}")
  if not np.isfinite(logits).all():
    raise InputError("some logits are not finite")
  log_p, n = log_softmax(logits, 1), len(logits)
  scores = []
  for i in range(splits):
    part = log_p[i * n // splits : (i + 1) * n // splits]
    marginal = np.log(np.mean(np.exp(part), 0) + np.finfo(float).tiny)
    gain = np.subtract(
      part, marginal, out=np.zeros_like(part), where=np.isfinite(part)
    )  # of p = 0 there is none
    scores.append(np.exp(np.mean(np.sum(np.exp(part) * gain, 1))))
  return float(np.mean(scores)), float(np.std(scores))
