"""The first Wasserstein GAN: the critic's weights are clipped to [-0.01, 0.01].

  python -m gengap.main --config=configs/wgan.py:mnist --workdir=DIR

The source report gives no number. The critic has no normalisation here; with --config.method_args.clip=0.05
its gradient is larger and the samples are better (Fashion-MNIST, 3 seeds: results/gan_family).
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, n_critic=5, clip=0.01)
  config = base("wgan", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=5000)
  return on_blobs(config)
