"""Least-squares GAN with residual networks.

  python -m gengap.main --config=configs/lsgan.py[:cub200] --workdir=DIR

Source report: FID 78.69 on CUB-200 at 32x32; it suspects mode collapse.
A step is 5 critic updates and one generator update, so 6,000 steps are the 30,000 iterations of the source
report. On two CPU cores, use --config.method_args.width=32 and --config.batch_size=64.
"""

from gengap.config import on_blobs, residual_gan


def get_config(dataset=""):
  """Returns the config."""
  return on_blobs(residual_gan("lsgan", dataset))
