"""Pure functions that score sets of images or of their features."""

from gengap.metrics.clipping import clipped
from gengap.metrics.coverage import calibration_error, class_coverage
from gengap.metrics.energy import energy_distance
from gengap.metrics.fld import fld
from gengap.metrics.frechet import frechet_distance, frechet_from_features
from gengap.metrics.inception_score import inception_score
from gengap.metrics.infinity import fd_infinity
from gengap.metrics.kid import kid, mmd2_unbiased
from gengap.metrics.latents import aggregate
from gengap.metrics.memorisation import memorisation
from gengap.metrics.prdc import prdc
from gengap.metrics.separation import auroc
from gengap.metrics.sharpness import sharpness
from gengap.metrics.vendi import vendi

__all__ = [
  "aggregate",
  "auroc",
  "calibration_error",
  "class_coverage",
  "clipped",
  "energy_distance",
  "fd_infinity",
  "fld",
  "frechet_distance",
  "frechet_from_features",
  "inception_score",
  "kid",
  "memorisation",
  "mmd2_unbiased",
  "prdc",
  "sharpness",
  "vendi",
]
