"""VAE with 1024 latents and beta 1, trained on all of CIFAR-10.

  python -m gengap.main --config=configs/vae.py:cifar10 --workdir=DIR [--config.method_args.beta=0.8]

Expected after 20 epochs, on the test split: reconstruction 138.7 and KL 58.4 (128.1 and 65.6 at beta 0.8,
151.0 and 49.6 at 1.2; one seed each; results/autoencoders). Source report: 136.563 and 60.671 (125.861 and
70.373, 148.81 and 52.774). As there, all 50,000 training images are used, and the test split validates.
"""

from gengap.config import conv_autoencoder


def get_config(dataset=""):
  """Returns the config."""
  return conv_autoencoder("vae", dataset, best="valid/vae/loss", latent_dim=1024, beta=1.0)
