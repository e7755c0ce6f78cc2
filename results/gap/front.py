"""Draws front.webp: Fashion-MNIST samples of a VAE and of a GAN beside real images, for the root README.

python -m results.gap.front
"""

import pathlib

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt
from PIL import Image

from results import pictures

HERE = pathlib.Path(__file__).parent
SAMPLES = HERE / "samples" / "fashion_mnist_28x28"
GRIDS = {
  "VAE (decoder means)": "vae/2000.webp",
  "GAN (non-saturating)": "gan/2000.webp",
  "real images": "vae/real.webp",
}


def draw() -> plt.Figure:
  """Returns the figure: one grid of 4x4 images for each entry of GRIDS."""
  figure, axes = plt.subplots(1, len(GRIDS), figsize=(2.6 * len(GRIDS), 2.9))
  for axis, (title, path) in zip(axes, GRIDS.items(), strict=True):
    axis.imshow(Image.open(SAMPLES / path), interpolation="nearest")
    axis.set_title(title)
    axis.axis("off")
  figure.tight_layout()
  return figure


if __name__ == "__main__":
  pictures.save(HERE / "front.webp", draw(), dpi=100, bbox_inches="tight", pad_inches=0.08)
