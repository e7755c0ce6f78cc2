"""Features for the Frechet Inception Distance: the public name of `gengap.features.inception`."""

from gengap.features.inception import LAYERS, features, from_state_dict, load

__all__ = ["LAYERS", "features", "from_state_dict", "load"]
