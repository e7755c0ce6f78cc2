"""E6. Wasserstein GAN on MNIST, the critic's weights clipped to [-0.01, 0.01].

  python -m gengap.main --config=configs/wgan.py:mnist --workdir=DIR

The report gives no number. Here the critic has no normalisation, and with --config.method_args.clip=0.05 it
tells the generator more; see results/gan_family.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, n_critic=5, clip=0.01)
  config = base("wgan", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=5000)
  return on_blobs(config)
