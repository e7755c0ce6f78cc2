"""Pure functions that score sets of images or of their features."""

from gengap.metrics.energy import energy_distance
from gengap.metrics.latents import active_units, aggregate, kl_per_unit
from gengap.metrics.separation import auroc
from gengap.metrics.sharpness import sharpness

__all__ = ["active_units", "aggregate", "auroc", "energy_distance", "kl_per_unit", "sharpness"]
