"""DCGAN whose generator ascends log D(G(z)): the non-saturating loss.

  python -m gengap.main --config=configs/non_saturating_gan.py:mnist --workdir=DIR

The source report shows digits and gives no number. This loss keeps its gradient when the critic wins early.
Expected on Fashion-MNIST after 4,000 updates (3 seeds): critic/ranking 0.83 (standard deviation 0.02),
critic/diversity 0.92 (0.01). See results/gan_family.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, loss="non_saturating", b1=0.5, b2=0.999)
  config = base("gan", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=10_000)
  return on_blobs(config)
