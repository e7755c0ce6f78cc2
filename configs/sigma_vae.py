"""sigma-VAE: the variance of p(x | z) is the mean squared error of the batch, so beta needs no tuning.

  python -m gengap.main --config=configs/sigma_vae.py:cifar10 --workdir=DIR

Rybkin et al. (2021, arXiv:2006.13202, section 3.2). `gaussian_optimal` takes the variance that maximises the
likelihood of each batch; `gaussian_global` learns one variance by gradient steps:

  --config.method_args.likelihood=gaussian_global

There is no result of it yet.
"""

from gengap.config import small_vae


def get_config(dataset=""):
  """Returns the config."""
  return small_vae(dataset, likelihood="gaussian_optimal")
