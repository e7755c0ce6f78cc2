"""C4 (a loss beside the report's three). Hinge loss, the critic's kernels normalised: SNGAN.

  python -m gengap.main --config=configs/hinge_gan.py:cifar10 --workdir=DIR

Miyato et al. (2018, arXiv:1802.05957). No report trains it; it bounds the critic without a penalty.
"""

from gengap.config import base, on_blobs


def get_config(dataset=""):
  """Returns the config: as configs/gan.py but for the loss and the norm."""
  args = dict(network="resnet", width=128, latent_dim=128, n_critic=5, spectral_norm="critic")
  config = base("hinge", dataset, **args, decay_steps=100_000, critic_decay_steps=500_000)
  config.update(batch_size=192, steps=6000, sample_every=200, eval_every=200, checkpoint_every=200)
  return on_blobs(config)
