"""MMD-VAE: a maximum mean discrepancy matches the codes to the prior, instead of the KL.

  python -m gengap.main --config=configs/mmd_vae.py:cifar10 --workdir=DIR [--config.method_args.alpha=0.5]

Zhao et al. (2017, arXiv:1706.02262), with alpha 1 and lambda 1000.
results/gap has results of it on MNIST and Fashion-MNIST.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config."""
  config = base("mmd_vae", dataset, network="conv", width=16, latent_dim=32)
  config.update(image_size=native_size(dataset), batch_size=128, steps=20_000)
  return config
