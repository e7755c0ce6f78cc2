"""C2. Least-squares GAN with C's residual pair.

  python -m gengap.main --config=configs/lsgan.py[:cub200] --workdir=DIR

The report: FID 78.69 on CUB-200 at 32x32; mode collapse suspected.
Its schedule: the critic is updated in every iteration and the generator in every fifth, for all three losses.
So 30,000 iterations are 6,000 steps of 5 critic updates and one of the generator. The learning rates fall
linearly to 0 over 500,000 and 100,000 updates. On two CPU cores, use --config.method_args.width=32 and
--config.batch_size=64.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=128, latent_dim=128, n_critic=5)
  config = base("lsgan", dataset, **args, decay_steps=100_000, critic_decay_steps=500_000)
  config.update(batch_size=192, steps=6000, sample_every=200, eval_every=200, checkpoint_every=200)
  return on_blobs(config)
