"""Draws the pictures of this folder from the runs of runs.py and from scores.json.

  pip install matplotlib
  python -m results.autoencoders.pictures --runs=runs/autoencoders [--only PART ...]

Pictures of runs that are missing stay as they are.
"""

import argparse
import json
import pathlib

import jax
import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot as plt

import gengap
from gengap.data import pixels
from gengap.evaluation import autoencoders
from results import pictures
from results.autoencoders import runs
from results.trainings import numbers

HERE = pathlib.Path(__file__).parent
ROW = 10  # images beside each other


def save(figure, name: str) -> None:
  """Writes a figure into this folder."""
  pictures.save(HERE / f"{name}.webp", figure, dpi=110, bbox_inches="tight")
  plt.close(figure)


def report(folder: pathlib.Path, scores: dict) -> None:
  """Draws error and KL on test images through training, of gengap and of PyTorch."""
  names = [name for name in runs.PARTS["report"] if (folder / name / "0").is_dir() and name[:3] == "vae"]
  figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
  for axis, number in zip(axes, ("reconstruction", "kl"), strict=True):
    for name in names:
      steps, values = numbers(folder / name / "0", f"valid/vae/{number}")
      (line,) = axis.plot(steps / 195, values, label=f"{name}, gengap")
      if peer := scores.get("torch", {}).get(name):
        x, y = zip(*((p["epoch"] + 1, p[number]) for p in peer["curve"]), strict=True)
        axis.plot(x, y, "--", color=line.get_color(), label=f"{name}, PyTorch")
    axis.set(xlabel="epoch", title=f"{number} of test images")
  axes[0].set_ylim(top=250)
  axes[1].legend(fontsize=8)
  save(figure, "report")


def collapse(folder: pathlib.Path, scores: dict) -> None:
  """Draws KL and active units by beta, and those of four remedies at one beta."""
  del folder
  seen = scores["collapse"]
  figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
  for axis, number, title in zip(
    axes, ("kl", "active_units"), ("KL of test images, nats", "active units of 64"), strict=True
  ):
    sweep = {float(name[5:]): by for name, by in seen.items() if name.startswith("beta_")}
    betas = sorted(sweep)
    means = [np.mean([s[number] for s in sweep[beta].values()]) for beta in betas]
    axis.plot(betas, means, "o-", color="black", label="constant beta")
    linear = [scores["linear"][f"beta_{beta:g}"][number] for beta in betas]
    axis.plot(betas, linear, "--", color="grey", label="best linear VAE")
    for i, (name, by) in enumerate((n, b) for n, b in seen.items() if not n.startswith("beta_")):
      values = [s[number] for s in by.values()]
      axis.plot([runs.STRONG] * len(values), values, "sD^vP*"[i], label=name.replace("_", " "), alpha=0.8)
    axis.set(xscale="log", xlabel="beta", title=title)
  axes[0].set_yscale("symlog", linthresh=0.1)
  axes[0].set_ylim(bottom=-0.02)
  axes[1].legend(fontsize=8)
  save(figure, "collapse")


def levels(folder: pathlib.Path, scores: dict) -> None:
  """Draws the KL of every level of latents through training, and samples."""
  del scores
  workdir = folder / "hierarchical" / "0"
  figure, axis = plt.subplots(figsize=(5, 3.2))
  for level, what in enumerate(("vector of 16", "7x7x2", "14x14x1"), start=1):
    axis.plot(*numbers(workdir, f"valid/vae/level_{level}"), "o-", ms=3, label=f"level {level}: {what}")
  axis.axhline(1, color="grey", lw=0.8, ls=":")
  axis.set(xlabel="updates", title="KL of held-out images, nats", yscale="log")
  axis.legend(fontsize=8)
  save(figure, "levels")
  run = gengap.load(workdir)
  pictures.save(HERE / "hierarchical.webp", workdir / "samples" / f"{run.step}.png")


def sharpness(folder: pathlib.Path, scores: dict) -> None:
  """Draws test images, and reconstructions and samples of a VAE and a VAE-GAN of the same networks."""
  del scores
  names = ("vae_for_gan", "vae_gan")
  loaded = [gengap.load(folder / name / "0") for name in names]
  images = autoencoders.test_images(loaded[0], ROW, 3)
  rows = [images] + [np.asarray(run.reconstruct(images)) for run in loaded]
  rows += [np.asarray(run.sample(jax.random.key(1), ROW)) for run in loaded]
  what = ("test images", "VAE", "VAE-GAN", "VAE, sampled", "VAE-GAN, sampled")
  figure, axes = plt.subplots(len(rows), 1, figsize=(8, 4.4))
  for axis, row, name in zip(axes, rows, what, strict=True):
    axis.imshow(pixels.tile(row, margin=1, columns=ROW))
    axis.set_axis_off()
    axis.text(-6, row.shape[1] / 2, name, ha="right", va="center", fontsize=9)
  save(figure, "vae_gan")


PICTURES = {"report": report, "collapse": collapse, "levels": levels, "sharpness": sharpness}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", type=pathlib.Path, required=True)
  parser.add_argument("--only", nargs="*", default=list(PICTURES))
  args = parser.parse_args()
  scores = json.loads((HERE / "scores.json").read_text())
  for part in args.only:
    PICTURES[part](args.runs, scores)


if __name__ == "__main__":
  main()
