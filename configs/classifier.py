"""A residual classifier: features to compare images by, and the classes of generated ones.

  python -m gengap.main --config=configs/classifier.py:fashion_mnist --workdir=DIR

Afterwards gengap.load(DIR, "best").represent("features", images), or "logits". Expected: 99.6 % of MNIST's
and 93.7 % of Fashion-MNIST's test images are right (one seed each; results/evaluator).
"""

from gengap.config import base

MIRRORED = ("fashion_mnist", "cifar10", "cub200")  # what is still of its class in a mirror
EASY = {"mnist": (16, 9000)}  # width and updates that are enough


def get_config(dataset=""):
  """Returns the config: some ten epochs."""
  name = dataset.partition("/")[0]
  width, steps = EASY.get(name, (32, 12_000))
  config = base("classifier", dataset, width=width, shift=2, flip=name in MIRRORED, decay_steps=steps)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=steps, ema=0.999)
  config.update(best="valid/classifier/loss", eval_images=5000)
  return config
