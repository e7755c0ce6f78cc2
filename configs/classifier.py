"""A classifier, to name the classes of generated images.

  python -m gengap.main --config=configs/classifier.py:mnist --workdir=DIR

Afterwards gengap.load(DIR).represent("logits", images).
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config: 6 epochs of MNIST."""
  config = base("classifier", dataset, network="dcgan", width=32, dropout=0.3, decay_steps=5000)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=5000)
  config.update(best="valid/classifier/loss", eval_images=5000)
  return config
