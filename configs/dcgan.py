"""A7, A11, B1. DCGAN: convolutions, Adam at 2e-4 with beta1 0.5, non-saturating loss.

  python -m gengap.main --config=configs/dcgan.py:cifar10 --workdir=DIR
  python -m gengap.main --config=configs/dcgan.py:mnist --workdir=DIR --config.steps=50000

Report A, on CIFAR-10: sharp at epoch 70, with animals dominating; modes dropped within 100 epochs, total
collapse by 160 to 170. Report B, on MNIST: samples after 1 and 60 epochs. Neither gives a number.
"""

from gengap.config import base, on_blobs

EPOCH = 50_000 // 128  # steps


def get_config(dataset=""):
  """Returns the config: 200 epochs of CIFAR-10, samples once an epoch."""
  config = base("gan", dataset, network="dcgan", width=64, latent_dim=100, b1=0.5, b2=0.999)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=128, steps=200 * EPOCH)
  config.update(sample_every=EPOCH, eval_every=EPOCH, checkpoint_every=EPOCH)
  return on_blobs(config)
