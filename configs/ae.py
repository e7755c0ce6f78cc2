"""C6. Autoencoder with 16, 128 or 1024 latents, in the report's setting on CIFAR-10.

  python -m gengap.main --config=configs/ae.py:cifar10 --workdir=DIR [--config.method_args.latent_dim=16]

The report gives pictures and no number. As there, all 50,000 images are trained on and the test split
validates.
"""

from gengap.config import base

EPOCH = 50_000 // 256  # steps


def get_config(dataset=""):
  """Returns the config."""
  config = base("ae", dataset, network="conv", width=32, latent_dim=128)
  config.update(batch_size=256, steps=20 * EPOCH, validation_share=0.0, best="valid/ae/loss")
  config.update(log_every=EPOCH // 5, eval_every=EPOCH, checkpoint_every=EPOCH, sample_every=EPOCH)
  return config
