"""B2. WGAN whose penalty is the norm of the critic's gradient itself, pulled towards 0 and not towards 1.

  python -m gengap.main --config=configs/wgan_gp_zero_centred.py[:DATASET] --workdir=DIR

The report gives neither a number nor lambda. This critic's loss is homogeneous, twice D is twice the loss,
so D has no scale of its own. Where lambda exceeds the largest ratio of margin to mean slope that a critic can
reach, itself a distance between the two distributions, the best critic is constant and the generator stops
learning; below, the critic grows without bound. So lambda is 1 here and not 10, to stop the generator later.
All else is that of configs/wgan_gp.py, to compare the two.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=128, latent_dim=128, n_critic=5)
  args |= dict(penalty="zero_centred", penalty_weight=1.0, decay_steps=100_000, critic_decay_steps=500_000)
  config = base("wgan_gp", dataset, **args)
  config.update(batch_size=192, steps=6000, sample_every=200, eval_every=200, checkpoint_every=200)
  return on_blobs(config, n_critic=3, learning_rate=1e-3, critic_learning_rate=1e-3)
