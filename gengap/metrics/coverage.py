"""Which classes a generator covers, and how often, by the predictions of a classifier."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from gengap.errors import InputError

SURE = 0.5  # probability of the likeliest class below which the classifier has low confidence
REACHED = 0.25  # of its share of the data that a class must have; a classifier's errors make up some of it


def class_coverage(logits: ArrayLike, histogram: ArrayLike, sure: float = SURE) -> dict[str, float]:
  """Compares the classes of generated images with those of the data.

  Classes that do not occur in the data have no share that could be compared. All but `unsure` are of the
  images of the classes that do occur, and `elsewhere` is then the share of the other images.

  Args:
    logits: [N, classes] of a classifier for generated images.
    histogram: [classes], how often each class occurs in the data; counts or shares.
    sure: below this probability of its likeliest class an image is unsure; it counts in that class still.

  Returns:
    classes: how many have at least REACHED of their share of the data.
    share_0, share_1, ...: the share of each class over its share of the data.
    least: the smallest of them.
    entropy: of the shares of the classes, in nats; at most log(classes).
    kl: KL(generated || data) of the shares, in nats (Metz et al. 2017, arXiv:1611.02163, section 3.3).
    unsure: share of the images of which the classifier has low confidence.
    elsewhere: see above; only where a class does not occur in the data.

  Raises:
    InputError: shapes that do not belong together, numbers that are not finite, a histogram that is none, or
      no image of a class that occurs in the data.
  """
  logits, histogram = np.asarray(logits, np.float64), np.asarray(histogram, np.float64)
  if logits.ndim != 2 or not len(logits) or histogram.shape != logits.shape[1:]:
    raise InputError(f"logits of shape {logits.shape} do not go with {histogram.shape} classes of the data")
  if not (
    np.isfinite(logits).all() and np.isfinite(histogram).all() and histogram.min() >= 0 < histogram.sum()
  ):
    raise InputError("logits must be finite, and the histogram of the data counts of which one is above 0")
  there = np.flatnonzero(histogram)
  counts = np.bincount(logits.argmax(1), minlength=len(histogram))[there]
  if not (n := counts.sum()):
    raise InputError("no image is of a class that occurs in the data")
  share, data = counts / n, histogram[there] / histogram.sum()
  seen = share > 0
  each = {f"share_{c}": float(ratio) for c, ratio in zip(there, share / data, strict=True)}
  elsewhere = {} if len(there) == len(histogram) else {"elsewhere": float(1 - n / len(logits))}
  return {
    "classes": int((share >= REACHED * data).sum()),
    **each,
    "least": min(each.values()),
    "entropy": float(-np.sum(share[seen] * np.log(share[seen]))),
    "kl": float(np.sum(share[seen] * np.log(share[seen] / data[seen]))),
    "unsure": float(np.mean(confidence(logits)[1] < sure)),
    **elsewhere,
  }


def confidence(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the most probable class and its probability: [..., classes] -> [...] int, [...]."""
  return np.argmax(logits, -1), softmax(np.asarray(logits, np.float64), -1).max(-1)


def calibration_error(logits: ArrayLike, label: ArrayLike, bins: int = 15) -> float:
  """Returns the expected calibration error of a classifier: mean |accuracy - confidence| over images.

  Guo et al. (2017, arXiv:1706.04599), equation 3, by bins of equal width.

  Args:
    logits: [N, classes].
    label: [N], the true classes.
    bins: of the probability of the likeliest class.

  Raises:
    InputError: not as many labels as logits, none at all, or logits that are not finite.
  """
  logits, label = np.asarray(logits, np.float64), np.asarray(label)
  if logits.ndim != 2 or not logits.size or label.shape != logits.shape[:1] or not np.isfinite(logits).all():
    raise InputError(
      f"logits of shape {logits.shape} and labels of shape {label.shape} must be alike and finite"
    )
  named, sure = confidence(logits)
  bin_of = np.minimum((sure * bins).astype(int), bins - 1)
  gaps = (abs(np.sum(((named == label) - sure)[bin_of == b])) for b in range(bins))
  return float(sum(gaps) / len(label))
