"""DCGAN whose generator descends log(1 - D(G(z))): the saturating loss.

  python -m gengap.main --config=configs/minimax_gan.py:mnist --workdir=DIR

The source report shows digits and gives no number. The gradient of this loss vanishes when the critic wins.
Expected on Fashion-MNIST after 4,000 updates (3 seeds): critic/ranking 0.81 (standard deviation 0.03),
critic/diversity 0.93 (0.01). See results/gan_family.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, loss="minimax", b1=0.5, b2=0.999)
  config = base("gan", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=10_000)
  return on_blobs(config)
