"""C9. The VAE of configs/vae.py with beta rising linearly from 0 to 1 over training.

  python -m gengap.main --config=configs/vae_beta_linear.py:cifar10 --workdir=DIR

The report: reconstruction 124.263, KL 68.69 after 20 epochs; its beta rises by the epoch and ends at 0.95.
"""

from gengap.config import base

EPOCH = 50_000 // 256  # steps


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="linear", start=0.0, stop=1.0, steps=20 * EPOCH)
  config = base("vae", dataset, network="conv", width=32, latent_dim=1024, beta=beta)
  config.update(batch_size=256, steps=20 * EPOCH, validation_share=0.0, best="valid/vae/loss")
  config.update(log_every=EPOCH // 5, eval_every=EPOCH, checkpoint_every=EPOCH, sample_every=EPOCH)
  return config
