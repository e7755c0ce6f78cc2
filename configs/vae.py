"""C7, C8, A2. VAE with 1024 latents and beta 1, in the report's setting on CIFAR-10.

  python -m gengap.main --config=configs/vae.py:cifar10 --workdir=DIR [--config.method_args.beta=0.8]

The report, after 20 epochs on the test split: reconstruction 136.563 and KL 60.671 (125.861 and 70.373 at
beta 0.8, 148.81 and 52.774 at 1.2). As there, all 50,000 images are trained on and the test split validates.
"""

from gengap.config import base

EPOCH = 50_000 // 256  # steps


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="conv", width=32, latent_dim=1024, beta=1.0)
  config.update(batch_size=256, steps=20 * EPOCH, validation_share=0.0, best="valid/vae/loss")
  config.update(log_every=EPOCH // 5, eval_every=EPOCH, checkpoint_every=EPOCH, sample_every=EPOCH)
  return config
