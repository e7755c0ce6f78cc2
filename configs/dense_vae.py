"""Dense VAE of binarised images; with --config.method_args.network=dcgan, one of strided convolutions.

  python -m gengap.main --config=configs/dense_vae.py:mnist --workdir=DIR

The source report gives no number. The bits of an image are drawn anew whenever it is used, each with its
pixel's grey value as probability, so the logged ELBO is a true one. The report uses grey values in place of
bits; for that, set the likelihood in this file to {"likelihood": "bernoulli", "binarisation": "none"}.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="dense", width=128, latent_dim=32, likelihood="bernoulli")
  config.update(image_size=native_size(dataset), batch_size=128, steps=10_000, best="valid/vae/loss")
  return config
