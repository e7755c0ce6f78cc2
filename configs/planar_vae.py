"""D3, D10. The VAE of configs/small_vae.py with four planar flows, or another flow: realnvp, iaf.

  python -m gengap.main --config=configs/planar_vae.py:cifar10 --workdir=DIR [--config.method_args.flow=iaf]

The report gives no number. Flows on binarised MNIST, with other networks: results/autoencoders.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  config = base("vae", dataset, network="small", width=16, latent_dim=128, clip_norm=0.0, flow="planar")
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=20_000)
  config.update(best="valid/vae/bits")
  return config
