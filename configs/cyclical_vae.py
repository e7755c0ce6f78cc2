"""The VAE of configs/small_vae.py, with beta rising from 0 to 1 in cycles.

  python -m gengap.main --config=configs/cyclical_vae.py:cifar10 --workdir=DIR

The source report gives no number. In each cycle of 5,000 steps, beta rises over the first half and stays at 1
over the second. Cycles at a strong beta: results/autoencoders.
"""

from gengap.config import small_vae


def get_config(dataset=""):
  """Returns the config."""
  return small_vae(dataset, beta=dict(schedule="cyclical", steps=5000, stop=1.0, rising=0.5))
