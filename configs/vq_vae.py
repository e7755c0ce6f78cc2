"""VQ-VAE with an autoregressive prior over its codes, a grid of 7x7 (28x28 images) or 8x8 (32x32).

  python -m gengap.main --config=configs/vq_vae.py:mnist --workdir=DIR

As in the paper (van den Oord et al. 2017, arXiv:1711.00937) the codebook follows moving averages with decay
0.99 and the commitment has weight 0.25. The codebook is smaller, 256 codes; dead codes are restarted; and the
prior is a transformer that is trained together with the autoencoder.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config."""
  config = base("vq_vae", dataset, width=128, codes=256, code_dim=64, likelihood="gaussian_global")
  config.update(image_size=native_size(dataset), batch_size=128, steps=20_000, ema=0.999)
  config.update(best="valid/vq_vae/bits")
  if dataset.startswith("blobs") or not dataset:
    config.method_args.update(width=16, codes=32, code_dim=8, prior_width=32, prior_layers=2)
    config.update(image_size=16, batch_size=32, steps=3000, ema=0.99)
  return config
