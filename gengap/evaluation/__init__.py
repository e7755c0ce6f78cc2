"""Evaluation of images and runs: metrics with floors and protocols, and diagnostics of autoencoders."""

from gengap.evaluation.evaluator import Evaluator, evaluate
from gengap.evaluation.options import Options
from gengap.evaluation.result import Evaluation
from gengap.evaluation.sampler import Sampler
from gengap.evaluation.sampling import Sampling
from gengap.evaluation.types import Score

__all__ = ["Evaluation", "Evaluator", "Options", "Sampler", "Sampling", "Score", "evaluate"]
