"""A VAE with latent skip connections: every stage of the decoder receives the latent.

  python -m gengap.main --config=configs/skip_vae.py:cifar10 --workdir=DIR

The source report gives no number. For the effect of the skips on a collapsing posterior, see
results/autoencoders.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="conv", width=16, latent_dim=128, skips=(16, 16, 16))
  config.update(batch_size=128, steps=20_000, best="valid/vae/bits")
  return config
