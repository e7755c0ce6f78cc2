"""Deep hierarchical VAE: a vector of latents, then several levels of maps of each size, with residual cells.

  python -m gengap.main --config=configs/deep_hierarchical_vae.py:mnist --workdir=DIR

Vahdat and Kautz (2020, arXiv:2007.03898) and Child (2021, arXiv:2011.10650), at a much smaller size.
MNIST (dynamically binarised) and Fashion-MNIST: 8 levels, 996 latents. CIFAR-10: 10 levels, 1360 latents.
Grey levels have a discretised logistic.
results/contenders has results of a smaller one.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="warmup", steps=2000, stop=1.0)
  small = native_size(dataset) == 28
  latents = (16, (2, 2, 2, 2), (1, 1, 1)) if small else (16, (4, 4, 4), (2, 2, 2), (1, 1, 1))
  likelihood = "bernoulli" if dataset == "mnist" else "discretised_logistic"
  args = dict(width=64, latents=latents, likelihood=likelihood, beta=beta, free_bits=1.0)
  config = base("deep_hierarchical_vae", dataset, **args)
  config.update(
    image_size=native_size(dataset), batch_size=64, steps=20_000, ema=0.999, best="valid/vae/bits"
  )
  return config
