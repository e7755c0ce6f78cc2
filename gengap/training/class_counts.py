"""Training images of each class, for checkpoints that do not hold them."""

import functools
import json

import numpy as np
from ml_collections import ConfigDict

from gengap.errors import InputError
from gengap.logs.log import say
from gengap.training.program import load_data

UNIFORM = "uniform, since the class frequencies of the training images are unknown"


@functools.cache
def counts_of_data(config: str, num_classes: int) -> tuple[int, ...]:
  """Returns the number of training images of each class, for checkpoints that do not hold it.

  Args:
    config: of the run, as JSON.
    num_classes: that the run was trained with.

  Returns:
    [num_classes]; (), with a line that says so, where the data are missing or have other classes.
  """
  reason = f"the data no longer have {num_classes} classes"
  try:
    found = load_data(ConfigDict(json.loads(config)), "train")
    if len(found.classes) == num_classes:
      return tuple(np.bincount(found.label, minlength=num_classes).tolist())
  except (InputError, OSError) as error:
    reason = str(error)
  say(f"labels of samples are {UNIFORM}: the checkpoint does not hold them, and {reason}")
  return ()
