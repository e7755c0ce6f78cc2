"""A residual classifier: features to compare images by, and the classes of generated ones.

  python -m gengap.main --config=configs/classifier.py:fashion_mnist --workdir=DIR

Afterwards gengap.load(DIR, "best").represent("features", images), or "logits". Expected: 99.6 % of MNIST's
and 93.7 % of Fashion-MNIST's test images are right (one seed each; results/evaluator).
"""

from gengap.config import base

THINGS = ("fashion_mnist", "cifar10", "cub200")  # same in a mirror; harder than digits and blobs


def get_config(dataset=""):
  """Returns the config: some ten epochs, of blobs two and a half."""
  things, made = dataset.partition("/")[0] in THINGS, not dataset or dataset.startswith("blobs")
  width, steps = (32, 12_000) if things else (16, 2000 if made else 9000)
  shift = 0 if made else 2  # the class of a blob is its place
  config = base("classifier", dataset, width=width, shift=shift, flip=things, decay_steps=steps)
  size = 16 if made else 28 if dataset.endswith("mnist") else 32
  config.update(image_size=size, batch_size=64, steps=steps, ema=0.999)
  config.update(best="valid/classifier/loss", eval_images=5000)
  return config
