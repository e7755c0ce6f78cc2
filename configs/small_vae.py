"""D2, D5. VAE of the small pair with a Dense layer between and 128 latents (also 64, 256), stopped early.

  python -m gengap.main --config=configs/small_vae.py:cifar10 --workdir=DIR

The report gives no number. Training ends when the ELBO of held-out images has not risen in five evaluations;
the best checkpoint is kept: gengap.load(DIR, "best").
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="small", width=16, latent_dim=128, clip_norm=0.0)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=20_000)
  config.update(best="valid/vae/bits", patience=5)
  return config
