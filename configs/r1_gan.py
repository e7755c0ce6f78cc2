"""D10. GAN with the R1 penalty of the critic's gradient on real images, in place of WGAN-GP's.

  python -m gengap.main --config=configs/r1_gan.py:cifar10 --workdir=DIR [--config.method_args.penalty=r2]

The report does not have it. Mescheder et al. (2018, arXiv:1801.04406), with gamma 10 as there.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=32, latent_dim=128)
  config = base("r1_gan", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000, ema=0.999)
  return on_blobs(config)
