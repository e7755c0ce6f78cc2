"""DCGAN over 200 epochs of CIFAR-10: convolutions, Adam at 2e-4 with beta1 0.5, non-saturating loss.

  python -m gengap.main --config=configs/dcgan.py:cifar10 --workdir=DIR
  python -m gengap.main --config=configs/dcgan.py:mnist --workdir=DIR --config.steps=50000

One source report, on CIFAR-10: sharp at epoch 70, with mostly animals; modes are dropped within 100 epochs,
and the generator collapses by epoch 160 to 170. Another, on MNIST, shows samples after 1 and 60 epochs.
Neither gives a number, and neither run was repeated at this length.
"""

from gengap.config import base, native_size, on_blobs

EPOCH = 50_000 // 128  # steps


def get_config(dataset=""):
  """Returns the config, with samples, an evaluation and a checkpoint once per epoch."""
  config = base("gan", dataset, network="dcgan", width=64, latent_dim=100, b1=0.5, b2=0.999)
  config.update(image_size=native_size(dataset), batch_size=128, steps=200 * EPOCH)
  config.update(sample_every=EPOCH, eval_every=EPOCH, checkpoint_every=EPOCH)
  return on_blobs(config)
