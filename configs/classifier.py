"""A residual classifier: features to compare images by, and the classes of generated ones.

  python -m gengap.main --config=configs/classifier.py:fashion_mnist --workdir=DIR

Afterwards gengap.load(DIR).represent("features", images), or "logits".
"""

from gengap.config import base

MIRRORED = ("fashion_mnist", "cifar10", "cub200")  # what is still of its class in a mirror


def get_config(dataset=""):
  """Returns the config: 10 epochs of MNIST."""
  flip = dataset.partition("/")[0] in MIRRORED
  config = base("classifier", dataset, width=16, shift=2, flip=flip, decay_steps=9000)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=9000, ema=0.999)
  config.update(best="valid/classifier/loss", eval_images=5000)
  return config
