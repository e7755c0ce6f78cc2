"""Autoencoder of two strided and two transposed convolutions, 3 -> 16 -> 32 -> 16 -> 3 channels.

  python -m gengap.main --config=configs/small_ae.py:cifar10 --workdir=DIR

The source report gives no number. There is no Dense layer: the code is a map of 8x8x32.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config."""
  size = native_size(dataset)
  likelihood = dict(likelihood="squared_error", tanh=True)
  args = dict(network="small_map", width=16, latent_dim=32 * (size // 4) ** 2, likelihood=likelihood)
  config = base("ae", dataset, **args, clip_norm=0.0)
  config.update(image_size=size, batch_size=128, steps=20_000, best="valid/ae/loss", patience=5)
  return config
