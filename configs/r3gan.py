"""R3GAN: relativistic pairing with R1 and R2, and the paper's residual networks without normalisation.

  python -m gengap.main --config=configs/r3gan.py:fashion_mnist --workdir=DIR

Huang et al. (2024, arXiv:2501.05441): Adam with beta1 0 and beta2 0.99, 64 latents, two blocks in a stage.
The paper's width is 768, and its batches are larger; these sizes are for CPUs.
results/contenders has results of a smaller one.
"""

from gengap.config import base, native_size, on_blobs


def get_config(dataset=""):
  """Returns the config."""
  args = dict(network="r3gan", width=32, latent_dim=64, penalty="r1r2", gamma=1.0, b1=0.0, b2=0.99)
  config = base("relativistic_gan", dataset, **args)
  config.update(image_size=native_size(dataset), batch_size=64, steps=10_000, ema=0.999)
  return on_blobs(config)
