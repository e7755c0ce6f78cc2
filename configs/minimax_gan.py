"""E2, E3, E5. GAN on MNIST whose generator descends log(1 - D(G(z))): the saturating loss.

  python -m gengap.main --config=configs/minimax_gan.py:mnist --workdir=DIR

The report shows digits and gives no number; this loss's gradient is said to vanish when the critic wins.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, loss="minimax", b1=0.5, b2=0.999)
  config = base("gan", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000)
  return on_blobs(config)
