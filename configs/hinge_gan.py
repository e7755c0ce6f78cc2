"""Hinge loss, and a critic with spectral normalisation: SNGAN, with residual networks.

  python -m gengap.main --config=configs/hinge_gan.py:cifar10 --workdir=DIR

Miyato et al. (2018, arXiv:1802.05957). Normalisation bounds the critic without a penalty. No source report
trains it; results/gan_family has this loss on Fashion-MNIST with smaller networks, 3 seeds.
"""

from gengap.config import on_blobs, residual_gan


def get_config(dataset=""):
  """Returns the config."""
  return on_blobs(residual_gan("hinge", dataset, spectral_norm="critic"))
