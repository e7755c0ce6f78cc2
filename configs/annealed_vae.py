"""The VAE of configs/small_vae.py, with beta rising from 0 to 1 over the first 10,000 steps.

  python -m gengap.main --config=configs/annealed_vae.py:cifar10 --workdir=DIR

The source reports give no number. --config.method_args.beta.steps and .stop set when beta stops rising, and
at which value. Annealing at a strong beta: results/autoencoders.
"""

from gengap.config import small_vae


def get_config(dataset=""):
  """Returns the config."""
  return small_vae(dataset, beta=dict(schedule="warmup", steps=10_000, stop=1.0))
