"""D10. Hierarchical VAE of binarised MNIST: a vector of 16 latents, and maps of 7x7 and 14x14.

  python -m gengap.main --config=configs/hierarchical_vae.py:mnist --workdir=DIR

The report only wishes for one. Every level is used: results/autoencoders. beta rises over the first
steps; without that the upper levels learn nothing before the lowest tells all.
"""

from gengap.config import base


def get_config(dataset=""):
  """Returns the config."""
  beta = dict(schedule="warmup", steps=2000, stop=1.0)
  args = dict(width=16, latents=(16, 2, 1), likelihood="bernoulli", beta=beta, free_bits=4.0)
  config = base("hierarchical_vae", dataset, **args)
  config.update(image_size=28 if dataset.endswith("mnist") else 32, batch_size=64, steps=10_000)
  config.update(best="valid/vae/bits")
  return config
