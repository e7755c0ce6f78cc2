"""A3. A VAE whose decoder is told the latent at every stage, so that it cannot overlook it.

  python -m gengap.main --config=configs/skip_vae.py:cifar10 --workdir=DIR

The report gives no number. What the skips do where the posterior collapses stands in results/autoencoders.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="conv", width=16, latent_dim=128, skips=(16, 16, 16))
  config.update(batch_size=128, steps=20_000, best="valid/vae/bits")
  return config
