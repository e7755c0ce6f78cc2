"""The VAE of configs/vae.py, with beta rising linearly from 0 to 1 over training.

  python -m gengap.main --config=configs/vae_beta_linear.py:cifar10 --workdir=DIR

Expected after 20 epochs, on the test split: reconstruction 123.1, KL 68.7 (one seed; results/autoencoders).
Source report: 124.263 and 68.69; there, beta rises once per epoch and ends at 0.95.
"""

from gengap.config import conv_autoencoder

STEPS = 20 * (50_000 // 256)  # of the whole training


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="linear", start=0.0, stop=1.0, steps=STEPS)
  return conv_autoencoder("vae", dataset, best="valid/vae/loss", latent_dim=1024, beta=beta)
