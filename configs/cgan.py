"""E7, E10. Conditional GAN on MNIST: both players are given the class.

  python -m gengap.main --config=configs/cgan.py:mnist --workdir=DIR

The report shows eights and ranks its CGAN first; it gives no number.
--config.method_args.condition=projection gives the critic the class by projection, the second way.
Afterwards gengap.load(DIR).sample(key, 64, label=8) draws eights.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dcgan", width=32, latent_dim=100, b1=0.5, b2=0.999)
  config = base("cgan", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000)
  return on_blobs(config)
