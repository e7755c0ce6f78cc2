"""D6, A4. The VAE of configs/small_vae.py with beta rising from 0 to 1 over the first 10,000 steps.

  python -m gengap.main --config=configs/annealed_vae.py:cifar10 --workdir=DIR

The reports give no number. --config.method_args.beta.steps and .stop set when beta ends to rise, and at what.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="warmup", steps=10_000, stop=1.0)
  config = base("vae", dataset, network="small", width=16, latent_dim=128, clip_norm=0.0, beta=beta)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=20_000)
  config.update(best="valid/vae/bits")
  return config
