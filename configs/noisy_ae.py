"""The VAE of configs/vae.py at beta 0: an autoencoder with a noisy code.

  python -m gengap.main --config=configs/noisy_ae.py:cifar10 --workdir=DIR [--config.method_args.sample=False]

The source report gives no number. Without the sampling, it is bit for bit the autoencoder of configs/ae.py.
"""

from gengap.config import conv_autoencoder


def get_config(dataset=""):
  """Returns the config."""
  return conv_autoencoder("vae", dataset, best="valid/vae/reconstruction", latent_dim=1024, beta=0.0)
