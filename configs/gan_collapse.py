"""A11. A GAN that is meant to collapse: the generator learns ten times as fast as its critic.

  python -m gengap.main --config=configs/gan_collapse.py:mnist --workdir=DIR

The report's GAN dropped modes within 100 epochs and ended as a single bird. On MNIST, this one spreads over
the digits and then falls onto one kind; `critic/diversity` shows when.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dense", width=128, latent_dim=100, b1=0.5, b2=0.999)
  config = base("gan", dataset, **args, learning_rate=1e-3, critic_learning_rate=1e-4)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=5000)
  return on_blobs(config)
