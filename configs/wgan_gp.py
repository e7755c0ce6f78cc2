"""B9, C3, E6. WGAN-GP with the two-sided penalty.

python -m gengap.main --config=configs/wgan_gp.py[:DATASET] --workdir=DIR
"""

from gengap.config import base


def get_config(dataset=""):
  """Blobs get a network sized for two CPU cores; real images C's residual pair at a quarter of its width."""
  if not dataset or dataset.startswith("blobs"):
    small = dict(network="resnet", width=16, latent_dim=4, n_critic=3)
    config = base("wgan_gp", dataset, **small, learning_rate=1e-3, critic_learning_rate=1e-3)
    config.update(image_size=16, batch_size=32, steps=3000, ema=0.99)
    return config
  config = base("wgan_gp", dataset, network="resnet", width=32, latent_dim=128, n_critic=5)
  config.update(batch_size=64, steps=30_000, ema=0.999)
  return config
