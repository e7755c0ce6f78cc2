"""VAE of the small networks, with a Dense layer between them and 128 latents (also 64, 256); stops early.

  python -m gengap.main --config=configs/small_vae.py:cifar10 --workdir=DIR

The source report gives no number. Training ends when the ELBO of held-out images has not risen in five
evaluations. gengap.load(DIR, "best") loads the best checkpoint.
"""

from gengap.config import small_vae


def get_config(dataset=""):
  """Returns the config."""
  config = small_vae(dataset)
  config.patience = 5
  return config
