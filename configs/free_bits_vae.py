"""The VAE of configs/small_vae.py, with half a nat free for every latent.

  python -m gengap.main --config=configs/free_bits_vae.py:cifar10 --workdir=DIR

The source report gives no number. Free bits at a strong beta: results/autoencoders.
"""

from gengap.config import small_vae


def get_config(dataset=""):
  """Returns the config."""
  return small_vae(dataset, free_bits=0.5)
