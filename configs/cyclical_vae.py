"""D8. The VAE of configs/small_vae.py with beta rising from 0 to 1 again and again.

  python -m gengap.main --config=configs/cyclical_vae.py:cifar10 --workdir=DIR

The report gives no number. In each cycle of 5,000 steps beta rises over the first half and then stays at 1.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="cyclical", steps=5000, stop=1.0, rising=0.5)
  config = base("vae", dataset, network="small", width=16, latent_dim=128, clip_norm=0.0, beta=beta)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=20_000)
  config.update(best="valid/vae/bits")
  return config
