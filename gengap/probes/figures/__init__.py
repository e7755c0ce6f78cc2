"""The figures of probes: one module for each probe, on top of `layout` and `names`."""

from gengap.probes.figures.dynamics import figure as dynamics
from gengap.probes.figures.interpolation import figure as interpolation
from gengap.probes.figures.inversion import figure as inversion
from gengap.probes.figures.latents import figure as latents
from gengap.probes.figures.ood import figure as ood
from gengap.probes.figures.traversal import figure as traversal

__all__ = ["dynamics", "interpolation", "inversion", "latents", "ood", "traversal"]
