"""A GAN that collapses on purpose: momentum 0.9, and a generator five times as fast as its critic.

  python -m gengap.main --config=configs/gan_collapse.py:mnist --workdir=DIR

The source report's GAN dropped modes within 100 epochs and ended with a single bird. On MNIST, this one first
spreads out; from step 1,300 at the latest, it draws one and the same image, in 3 of 3 seeds.
`critic/diversity` shows when, and the run prints a warning. See results/gan_family.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="dense", width=128, latent_dim=100, b1=0.9, b2=0.999)
  config = base("gan", dataset, **args, learning_rate=5e-4, critic_learning_rate=1e-4)
  config.update(image_size=native_size(dataset), batch_size=64, steps=5000)
  return on_blobs(config)
