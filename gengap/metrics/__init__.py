"""Pure functions that score sets of images or of their features."""

from gengap.metrics.energy import energy_distance
from gengap.metrics.latents import aggregate
from gengap.metrics.separation import auroc
from gengap.metrics.sharpness import sharpness

__all__ = ["aggregate", "auroc", "energy_distance", "sharpness"]
