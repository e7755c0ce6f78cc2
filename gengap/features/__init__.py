"""Networks that turn images into features, and the files of their weights."""

from gengap.features.functions import from_function
from gengap.features.registry import register_feature_extractor
from gengap.features.types import FeatureExtractor

__all__ = ["FeatureExtractor", "from_function", "register_feature_extractor"]
