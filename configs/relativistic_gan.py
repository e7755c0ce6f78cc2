"""Relativistic pairing GAN with R1 and R2, the loss of R3GAN, with residual networks.

  python -m gengap.main --config=configs/relativistic_gan.py:fashion_mnist --workdir=DIR

Huang et al. (2024, arXiv:2501.05441), who use other networks. results/gap has this loss on a DCGAN.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=32, latent_dim=128)
  config = base("relativistic_gan", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=10_000, ema=0.999)
  return on_blobs(config)
