"""A residual classifier: features to compare images by, and the classes of generated images.

  python -m gengap.main --config=configs/classifier.py:fashion_mnist --workdir=DIR

Expected: 99.6 % of the test images of MNIST (25 minutes on one core) and 93.7 % of Fashion-MNIST (45 minutes)
are classified correctly (one seed each; results/evaluator).
gengap.load(DIR, "best").represent("features", images) returns its features, and "logits" its logits.
"""

from gengap.config import classifier


def get_config(dataset=""):
  """Returns the config."""
  return classifier(dataset)
