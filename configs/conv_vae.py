"""B3-B8. Convolutional VAE with a Gaussian likelihood and few latents, for MNIST, Fashion-MNIST and CIFAR-10.

  python -m gengap.main --config=configs/conv_vae.py:mnist --workdir=DIR --config.method_args.latent_dim=2
  python -m gengap.main --config=configs/conv_vae.py:fashion_mnist --workdir=DIR

The report gives pictures and no number: 2 latents on MNIST, 10 on Fashion-MNIST, unnamed on CIFAR-10. The KL
is logged in closed form and, as there, by one sample (kl_sample).
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="conv", width=16, latent_dim=10, likelihood="gaussian_global")
  config = base("vae", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=10_000)
  config.update(best="valid/vae/bits")
  return on_blobs(config)
