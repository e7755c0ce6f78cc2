"""Self-attention GAN: hinge loss, attention and spectral normalisation in both players, two time scales.

  python -m gengap.main --config=configs/sagan.py:cifar10 --workdir=DIR

Zhang et al. (2019, arXiv:1805.08318), with the learning rates of the paper. There is no result of it yet.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=128, latent_dim=128, attention=True, spectral_norm="both")
  config = base("hinge", dataset, **args, learning_rate=1e-4, critic_learning_rate=4e-4)
  config.update(batch_size=64, steps=30_000, ema=0.999)
  return on_blobs(config)
