"""C10. The VAE of configs/vae.py at beta 0: an autoencoder with noise in its code.

  python -m gengap.main --config=configs/noisy_ae.py:cifar10 --workdir=DIR [--config.method_args.sample=False]

The report gives no number. Without the sampling it is the autoencoder of configs/ae.py, bit for bit.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="conv", width=32, latent_dim=1024, beta=0.0)
  epoch = 50_000 // 256
  config.update(batch_size=256, steps=20 * epoch, validation_share=0.0, best="valid/vae/reconstruction")
  config.update(log_every=epoch // 5, eval_every=epoch, checkpoint_every=epoch, sample_every=epoch)
  return config
