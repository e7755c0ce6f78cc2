"""WGAN whose penalty is the norm of the critic's gradient itself, which pulls it towards 0 and not towards 1.

  python -m gengap.main --config=configs/wgan_gp_zero_centred.py[:DATASET] --workdir=DIR

The source report gives neither a number nor the penalty's weight, lambda. This critic's loss is homogeneous:
twice D has twice the loss, so D has no scale of its own. If lambda exceeds the largest ratio of margin to
mean slope that a critic can reach, the best critic is constant, and the generator stops learning. Below this
ratio, the critic grows without bound. Lambda is 1 here and not 10, so that the generator stops learning
later. Everything else is as in configs/wgan_gp.py. Measured on Fashion-MNIST, 3 seeds: results/gan_family.
"""

from gengap.config import on_blobs, residual_gan


def get_config(dataset=""):
  """Returns the config."""
  config = residual_gan("wgan_gp", dataset, penalty="zero_centred", penalty_weight=1.0)
  return on_blobs(config, n_critic=3, learning_rate=1e-3, critic_learning_rate=1e-3)
