"""B2. WGAN whose penalty is the norm of the critic's gradient itself, pulled towards 0 and not towards 1.

  python -m gengap.main --config=configs/wgan_gp_zero_centred.py[:DATASET] --workdir=DIR

All but the penalty is that of configs/wgan_gp.py on real images, so that the two forms can be compared.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="resnet", width=32, latent_dim=128, n_critic=5, penalty="zero_centred")
  config = base("wgan_gp", dataset, **args)
  config.update(batch_size=64, steps=30_000, ema=0.999)
  return config
