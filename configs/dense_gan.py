"""D4. Dense GAN: LeakyReLU, dropout, real images labelled 0.9, the critic four times as fast.

  python -m gengap.main --config=configs/dense_gan.py:cifar10 --workdir=DIR

The report gives no number; its claim is that the GAN is prettiest and hardest to train.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dense", width=256, latent_dim=128, dropout=0.3, real_label=0.9, b1=0.5, b2=0.999)
  config = base("gan", dataset, **args, learning_rate=1e-4, critic_learning_rate=4e-4)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=20_000)
  return on_blobs(config)
