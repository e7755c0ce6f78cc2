"""A diffusion model (EDM): a U-Net that removes noise, and an ODE that generates images with it.

  python -m gengap.main --config=configs/diffusion.py:cifar10 --workdir=DIR

Karras et al. (2022, arXiv:2206.00364): their preconditioning, loss and solver, with a smaller network. An
image takes 35 network evaluations (19 of blobs), so an evaluation during training generates 256 images only.
"""

from gengap.config import base, native_size


def get_config(dataset=""):
  """Returns the config; that of blobs is smaller."""
  blobs = not dataset or dataset.startswith("blobs")
  width = 16 if blobs else 32 if dataset.endswith("mnist") else 64
  config = base("diffusion", dataset, width=width, network_evaluations=19 if blobs else 35)
  config.update(image_size=16 if blobs else native_size(dataset), batch_size=64, ema=0.99 if blobs else 0.999)
  config.update(steps=3000 if blobs else 50_000, eval_images=256)
  config.update(sample_every=1000, eval_every=1000, checkpoint_every=1000)
  return config
