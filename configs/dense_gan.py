"""Dense GAN: LeakyReLU, dropout, real images labelled 0.9, and a critic that learns four times as fast.

  python -m gengap.main --config=configs/dense_gan.py:cifar10 --workdir=DIR

The source report gives no number. Expected on Fashion-MNIST after 5,000 updates (3 seeds): critic/ranking
0.89 (standard deviation 0.01), critic/diversity 0.90 (0.01). See results/gan_family.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dense", width=256, latent_dim=128, dropout=0.3, real_label=0.9, b1=0.5, b2=0.999)
  config = base("gan", dataset, **args, learning_rate=1e-4, critic_learning_rate=4e-4)
  config.update(image_size=native_size(dataset), batch_size=64, steps=20_000)
  return on_blobs(config)
