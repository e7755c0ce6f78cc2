"""A residual classifier: features to compare images by, and the classes of generated images.

  python -m gengap.main --config=configs/classifier.py:fashion_mnist --workdir=DIR

Expected: 99.6 % of the test images of MNIST (25 minutes on one core) and 93.7 % of Fashion-MNIST (45 minutes)
are classified correctly (one seed each; results/evaluator).
gengap.load(DIR, "best").represent("features", images) returns its features, and "logits" its logits.
"""

from gengap.config import base, native_size

OBJECTS = ("fashion_mnist", "cifar10", "cub200")  # the same in a mirror; harder than digits and blobs


def get_config(dataset=""):
  """Returns the config: about ten epochs, or two and a half of blobs."""
  objects, blobs = dataset.partition("/")[0] in OBJECTS, not dataset or dataset.startswith("blobs")
  width, steps = (32, 12_000) if objects else (16, 2000 if blobs else 9000)
  shift = 0 if blobs else 2  # the class of a blob is its place
  config = base("classifier", dataset, width=width, shift=shift, flip=objects, decay_steps=steps)
  config.update(image_size=16 if blobs else native_size(dataset), batch_size=64, steps=steps, ema=0.999)
  config.update(best="valid/classifier/loss", eval_images=5000)
  return config
