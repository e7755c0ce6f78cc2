"""E1. Dense VAE of bits on MNIST; with --config.method_args.network=dcgan the one of strided convolutions.

  python -m gengap.main --config=configs/dense_vae.py:mnist --workdir=DIR

The report gives no number. Every look at an image draws its bits anew, each on with its pixel's grey value as
probability, so that the logged ELBO is one. To have grey values stand for bits, as in the report, give the
likelihood as {"likelihood": "bernoulli", "binarisation": "none"}, here.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="dense", width=128, latent_dim=32, likelihood="bernoulli")
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=10_000)
  config.update(best="valid/vae/loss")
  return config
