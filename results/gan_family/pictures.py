"""Draws the pictures of this folder from the runs of runs.py.

pip install matplotlib
python -m results.gan_family.pictures --runs=runs/gan_family

Pictures of runs that are missing stay as they are.
"""

import argparse
import pathlib
from collections.abc import Iterable

import jax
import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot as plt
from PIL import Image

import gengap
from gengap.data import pixels
from results import pictures
from results.trainings import numbers

HERE = pathlib.Path(__file__).parent
WASSERSTEIN = ("wgan", "wgan_gp", "wgan_gp_one_sided", "wgan_gp_zero_centred")
FASHION = ("non_saturating", "minimax", "lsgan", "hinge", *WASSERSTEIN, "dense")
THROUGH_TRAINING = ("wgan_gp", "cgan")
FROZEN = ("minimax", "non_saturating", "lsgan", "hinge", "wgan_gp")
SIDE, MARGIN, EDGE = 28, 2, 8  # pixels of an image and of the frame around it in a sample grid; its rows


def seeds(runs: pathlib.Path, name: str) -> list[pathlib.Path]:
  """Returns the workdirs of a run's finished seeds."""
  return [p for p in sorted((runs / name).iterdir()) if list((p / "samples").glob("[0-9]*.png"))]


def draw(axis, workdirs: Iterable[pathlib.Path], number: str, label: str, **style) -> None:
  """Draws a number of every seed in one colour."""
  colour = None
  for workdir in workdirs:
    (line,) = axis.plot(*numbers(workdir, number), label=label, color=colour, lw=1, **style)
    colour, label = line.get_color(), "_"


def steps(workdir: pathlib.Path) -> list[int]:
  """Returns the steps at which a run drew samples."""
  return sorted(int(p.stem) for p in (workdir / "samples").glob("[0-9]*.png"))


def samples(workdir: pathlib.Path, step: int) -> np.ndarray:
  """Returns a run's grid of samples [h, w] uint8, without the enlargement of its file."""
  grid = np.asarray(Image.open(workdir / "samples" / f"{step}.png").convert("L"))
  scale = len(grid) // (EDGE * (SIDE + MARGIN) + MARGIN)
  return grid[::scale, ::scale]


def first_row(workdir: pathlib.Path, step: int) -> np.ndarray:
  """Returns the samples of a run's first eight latents, side by side."""
  return samples(workdir, step)[MARGIN : MARGIN + SIDE, MARGIN:]


def through_training(runs: pathlib.Path, name: str) -> None:
  """Draws the samples of the same eight latents through training."""
  workdir = seeds(runs, name)[0]
  every = steps(workdir)
  shown = [every[i] for i in sorted({round(i) for i in np.geomspace(1, len(every), 9) - 1})]
  figure, axes = plt.subplots(len(shown), 1, figsize=(5, 0.68 * len(shown)))
  for axis, step in zip(axes, shown, strict=True):
    axis.axis("off")
    axis.imshow(first_row(workdir, step), cmap="gray", vmin=0, vmax=255)
    axis.text(-6, SIDE / 2, f"{step}", ha="right", va="center")
  figure.suptitle(f"{name}: eight latents by generator updates", fontsize=10)
  pictures.save(HERE / f"{name}_through_training.webp", figure, dpi=100, bbox_inches="tight")
  plt.close(figure)


def grid(runs: pathlib.Path, name: str) -> None:
  """Draws the upper half of the last samples of the first seed."""
  workdir = seeds(runs, name)[0]
  upper = samples(workdir, steps(workdir)[-1])[: EDGE // 2 * (SIDE + MARGIN) + MARGIN]
  pictures.save(HERE / f"{name}.webp", Image.fromarray(upper.repeat(2, axis=0).repeat(2, axis=1)))


def classes(runs: pathlib.Path, name: str) -> None:
  """Draws one class per row, with the same ten latents in every row."""
  run = gengap.load(seeds(runs, name)[0])
  z = jax.random.normal(jax.random.key(0), (10, run.method.latent_dim))
  images = [run.generate(z, label=digit) for digit in range(10)]
  grid = pixels.tile(np.concatenate(images)).repeat(2, axis=0).repeat(2, axis=1)
  pictures.save(HERE / f"{name}.webp", Image.fromarray(grid))


def dynamics(runs: pathlib.Path) -> None:
  """Draws the logged numbers of every method on Fashion-MNIST."""
  panels = {
    "critic/diversity": "diversity of generated images over real",
    "critic/ranking": "how often a real image scores above a generated one",
    "generator/image_gradient": "|d loss / d image|",
    "generator/gradient_norm": "generator's gradient norm",
    "generator/oscillation": "oscillation of the generator's loss",
    "critic/gradient_norm": "critic's gradient norm",
  }
  figure, axes = plt.subplots(2, 3, figsize=(13, 6.6))
  for axis, (number, title) in zip(axes.flat, panels.items(), strict=True):
    for name in FASHION:
      draw(axis, seeds(runs, name), number, name)
    axis.set(title=f"{number}\n{title}", xlabel="generator updates")
    axis.title.set_fontsize(9)
    axis.grid(alpha=0.3)
    if "gradient" in number or "oscillation" in number:
      axis.set_yscale("log")
  axes[0, 0].legend(fontsize=7)
  figure.tight_layout()
  pictures.save(HERE / "dynamics.webp", figure, dpi=90)


def vanishing(runs: pathlib.Path) -> None:
  """Draws the gradient that a frozen generator receives while its critic trains."""
  figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
  for loss in FROZEN:
    for axis, number in zip(axes, ("generator/image_gradient", "critic/ranking"), strict=True):
      draw(axis, seeds(runs, f"frozen_{loss}"), number, loss)
      axis.set(title=number, xlabel="critic updates, generator frozen")
      axis.grid(alpha=0.3)
  axes[0].set_yscale("log")
  axes[0].legend(fontsize=8)
  figure.tight_layout()
  pictures.save(HERE / "vanishing.webp", figure, dpi=100)


def overfitting(runs: pathlib.Path) -> None:
  """Draws the Wasserstein estimate on training and on held-out images."""
  figure, axes = plt.subplots(1, 4, figsize=(15, 3.2))
  for axis, name in zip(axes, WASSERSTEIN, strict=True):
    draw(axis, seeds(runs, name), "critic/margin", "training")
    draw(axis, seeds(runs, name), "valid/critic/margin", "held-out", marker=".")
    axis.set(title=f"{name}: critic/margin", xlabel="generator updates")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
  figure.tight_layout()
  pictures.save(HERE / "wasserstein.webp", figure, dpi=90)


def collapse(runs: pathlib.Path) -> None:
  """Draws diversity, combined loss and samples of the collapsing GAN and of WGAN-GP."""
  figure = plt.figure(figsize=(12, 6.4))
  layout = figure.add_gridspec(2, 2, height_ratios=[1, 1.25])
  names = {"collapse": "GAN", "no_collapse": "WGAN-GP"}
  left, right = figure.add_subplot(layout[0, 0]), figure.add_subplot(layout[0, 1])
  for name, title in names.items():
    draw(left, seeds(runs, name), "critic/diversity", title)
  left.axhline(0.4, color="gray", ls=":", label="warning below")
  left.set(title="critic/diversity (3 seeds)", xlabel="generator updates")
  left.legend(fontsize=8)
  for workdir in seeds(runs, "collapse"):
    step, critic = numbers(workdir, "critic/loss")
    right.plot(step, critic + numbers(workdir, "generator/loss")[1], lw=1)
  right.set(title="combined loss G + D of the GAN (3 seeds)", xlabel="generator updates")
  for axis in (left, right):
    axis.grid(alpha=0.3)
  for column, (name, title) in enumerate(names.items()):
    workdir = seeds(runs, name)[0]
    axis = figure.add_subplot(layout[1, column])
    every = steps(workdir)
    shown = [every[i] for i in (0, 1, 2, 3, 7, len(every) - 1)]
    axis.imshow(np.concatenate([first_row(workdir, s) for s in shown]), cmap="gray", vmin=0, vmax=255)
    axis.set(title=f"{title}: eight latents, seed 0", xticks=[], ylabel="generator updates")
    axis.set_yticks([SIDE * (i + 0.5) for i in range(len(shown))], [str(s) for s in shown])
  figure.tight_layout()
  pictures.save(HERE / "collapse.webp", figure, dpi=90)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", type=pathlib.Path, required=True)
  runs = parser.parse_args().runs
  of_one = {
    grid: FASHION,
    classes: ("cgan", "cgan_projection"),
    through_training: THROUGH_TRAINING,
  }
  of_several = {
    dynamics: FASHION,
    overfitting: WASSERSTEIN,
    vanishing: [f"frozen_{loss}" for loss in FROZEN],
    collapse: ("collapse", "no_collapse"),
  }
  for picture, names in of_one.items():
    for name in names:
      if (runs / name).is_dir():
        picture(runs, name)
  for picture, names in of_several.items():
    if all((runs / name).is_dir() for name in names):
      picture(runs)


if __name__ == "__main__":
  main()
