"""Hierarchical VAE of binarised MNIST: a vector of 16 latents, and maps of 7x7 and 14x14.

  python -m gengap.main --config=configs/hierarchical_vae.py:mnist --workdir=DIR

Expected after 10,000 steps (one seed, a quarter of an hour on one core): ELBO -91.8 nats on held-out images,
with KLs of 13.5, 7.5 and 14.8 nats at the three levels. Beta rises over the first 2,000 steps, and 4 nats are
free at every level; without free bits, the second level had a KL of 0.02 after 2,000 steps. See
results/autoencoders.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="warmup", steps=2000, stop=1.0)
  args = dict(width=16, latents=(16, 2, 1), likelihood="bernoulli", beta=beta, free_bits=4.0)
  config = base("hierarchical_vae", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=10_000, best="valid/vae/bits")
  return config
