"""D10. The relativistic pairing GAN with R1 and R2, which is R3GAN's loss, on the residual pair.

  python -m gengap.main --config=configs/relativistic_gan.py:fashion_mnist --workdir=DIR

The report does not have it. Huang et al. (2024, arXiv:2501.05441) use other networks.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=32, latent_dim=128)
  config = base("relativistic_gan", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000, ema=0.999)
  return on_blobs(config)
