"""GAN with the R1 penalty, on the critic's gradient at real images, instead of WGAN-GP's; residual networks.

  python -m gengap.main --config=configs/r1_gan.py:cifar10 --workdir=DIR [--config.method_args.penalty=r2]

Mescheder et al. (2018, arXiv:1801.04406), with gamma 10 as in the paper. There is no result of it yet.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=32, latent_dim=128)
  config = base("r1_gan", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=10_000, ema=0.999)
  return on_blobs(config)
