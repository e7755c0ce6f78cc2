"""Convolutional VAE with a Gaussian likelihood and few latents, for MNIST, Fashion-MNIST and CIFAR-10.

  python -m gengap.main --config=configs/conv_vae.py:mnist --workdir=DIR --config.method_args.latent_dim=2
  python -m gengap.main --config=configs/conv_vae.py:fashion_mnist --workdir=DIR

The source report gives pictures and no number: 2 latents on MNIST, 10 on Fashion-MNIST, an unnamed number on
CIFAR-10. Both kinds of KL are logged: in closed form, and from one sample (kl_sample), as in the report.
results/probes has both of these models, and 10 minutes of one core for each.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="conv", width=16, latent_dim=10, likelihood="gaussian_global")
  config = base("vae", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=128, steps=10_000, best="valid/vae/bits")
  return on_blobs(config)
