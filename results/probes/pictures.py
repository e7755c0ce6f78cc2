"""Copies the figures of probes that this folder shows, and draws one of its own.

python -m results.probes.pictures --runs=runs/probes
"""

import argparse
import pathlib

import numpy as np
from scipy.stats import norm

import gengap
from gengap.data.pixels import tile
from gengap.probes import traversal
from gengap.probes.figures import layout
from gengap.run import steps
from results import pictures

HERE = pathlib.Path(__file__).parent
SHOWN = {  # run -> probes
  "vae_10": ("interpolation", "traversal", "ood", "latents"),
  "vae_2": ("latents", "traversal"),
  "gan": ("dynamics", "inversion"),
  "wgan_gp": ("interpolation", "traversal", "ood", "latents", "dynamics"),
  "cgan": ("interpolation",),
  "vae_blob": ("traversal",),
  "wgan_gp_blob": ("traversal",),
}
SIDE = 10  # images of a map


def maps(workdir: pathlib.Path, pair: tuple[int, int]) -> None:
  """Draws images over two latents, the others 0, before and during training."""
  there = [0, *sorted(steps(workdir))]
  chosen = [there[round(i)] for i in np.linspace(0, len(there) - 1, 4)]
  sheet, axes = layout.plots(len(chosen), f"latents {pair[0]} and {pair[1]} of vae_10, by quantiles")
  for axis, step in zip(axes, chosen, strict=True):
    run = gengap.load(workdir, step)
    t = norm.ppf((np.arange(SIDE) + 0.5) / SIDE)
    z = traversal.latents_of_map(np.zeros(run.method.latent_dim), pair, t)
    layout.show(axis, tile(np.asarray(run.generate(z)), margin=1, columns=SIDE))
    axis.set_title(f"step {step}", fontsize=8)
  pictures.save(HERE / "vae_10_maps.webp", sheet, dpi=67)


if __name__ == "__main__":
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", type=pathlib.Path, required=True)
  runs = parser.parse_args().runs
  for name, probes in SHOWN.items():
    last = max((runs / name / "0" / "probes").iterdir(), key=lambda path: int(path.name))
    for probe in probes:
      pictures.save(HERE / f"{name}_{probe}.webp", last / f"{probe}.png")
  maps(runs / "vae_10" / "0", (0, 1))
