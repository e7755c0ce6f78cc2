"""D10. MMD-VAE: codes are matched to the prior by a maximum mean discrepancy in place of the KL.

  python -m gengap.main --config=configs/mmd_vae.py:cifar10 --workdir=DIR [--config.method_args.alpha=0.5]

The report does not have it. Zhao et al. (2017, arXiv:1706.02262), with alpha 1 and lambda 1000.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("mmd_vae", dataset, network="conv", width=16, latent_dim=32)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=20_000)
  return config
