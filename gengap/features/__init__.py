"""Networks that turn images into features, and the files of their weights."""

from gengap.features.types import FeatureExtractor

KINDS = ("inception", "classifier", "pixels")  # each is a module with a function `extractor`

__all__ = ["KINDS", "FeatureExtractor"]
