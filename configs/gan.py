"""GAN with the non-saturating loss (sigmoid cross-entropy) and residual networks.

  python -m gengap.main --config=configs/gan.py[:cub200] --workdir=DIR

Source report: FID 130.67 on CUB-200 at 32x32, at its best after 26,000 iterations, and worse afterwards.
A step is 5 critic updates and one generator update, so 6,000 steps are the 30,000 iterations of the source
report. On two CPU cores, use --config.method_args.width=32 and --config.batch_size=64.
"""

from gengap.config import on_blobs, residual_gan


def get_config(dataset=""):
  """Returns the config."""
  return on_blobs(residual_gan("gan", dataset))
