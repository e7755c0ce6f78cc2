"""Pure functions that score sets of images or of their features."""

from gengap.metrics.energy import energy_distance

__all__ = ["energy_distance"]
