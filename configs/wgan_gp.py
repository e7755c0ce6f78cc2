"""WGAN-GP with residual networks and the two-sided penalty (||grad|| - 1)^2.

  python -m gengap.main --config=configs/wgan_gp.py[:cub200] --workdir=DIR

Without a data set it trains on blobs for under four minutes of two CPU cores; 96.8 % of its samples then show
exactly one blob (one seed; results/foundation). Source report: FID 50.84 on CUB-200 at 32x32, and stable.
A step is 5 critic updates and one generator update, so 6,000 steps are the 30,000 iterations of the source
report. On two CPU cores, use --config.method_args.width=32 and --config.batch_size=64.
"""

from gengap.config import on_blobs, residual_gan


def get_config(dataset=""):
  """Returns the config."""
  config = residual_gan("wgan_gp", dataset)
  return on_blobs(config, n_critic=3, learning_rate=1e-3, critic_learning_rate=1e-3)
