"""Plain autoencoder with 128 latents (also 16 and 1024), trained on all of CIFAR-10.

  python -m gengap.main --config=configs/ae.py:cifar10 --workdir=DIR [--config.method_args.latent_dim=16]

The source report gives pictures and no number. Expected after 20 epochs: squared error 196.1, 57.6 and 35.5
per test image with 16, 128 and 1024 latents (one seed each; results/autoencoders).
As in the report, all 50,000 training images are used, and the test split validates.
"""

from gengap.config import conv_autoencoder


def get_config(dataset=""):
  """Returns the config."""
  return conv_autoencoder("ae", dataset, best="valid/ae/loss", latent_dim=128)
