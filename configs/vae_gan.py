"""D10. VAE-GAN: an autoencoder whose likelihood is of a critic's features (Larsen et al. 2016).

  python -m gengap.main --config=configs/vae_gan.py:fashion_mnist --workdir=DIR

The report only wishes for one. After 5,000 steps its reconstructions are 3.3 times as sharp as those of a VAE
of the same networks, by the variance of the Laplacian. See results/autoencoders.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae_gan", dataset, network="dcgan", width=32, latent_dim=32)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000)
  return config
