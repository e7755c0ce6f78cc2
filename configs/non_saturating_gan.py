"""E2, E4. GAN on MNIST whose generator ascends log D(G(z)).

  python -m gengap.main --config=configs/non_saturating_gan.py:mnist --workdir=DIR

The report shows digits and gives no number; this loss is said to be the remedy for a critic that wins early.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, loss="non_saturating", b1=0.5, b2=0.999)
  config = base("gan", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000)
  return on_blobs(config)
