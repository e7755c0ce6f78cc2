"""Measures the runs of runs.py on test images, and writes scores.json.

  python -m results.autoencoders.scores --runs=DIR [--torch=DIR] [--only PART ...]

Runs that scores.json already has are skipped; delete their entries to measure them again.
"""

import argparse
import json
import pathlib
from typing import Any

import jax
import numpy as np

import gengap
from gengap import data, metrics
from gengap.data.scale import to_float
from gengap.evaluation import autoencoders
from gengap.methods import kl
from gengap.run import Run
from results.autoencoders import runs

HERE = pathlib.Path(__file__).parent
KEY = jax.random.key(0)


def found(folder: pathlib.Path, name: str) -> dict[str, Run]:
  """Returns the finished runs of a name in a folder: seed -> run."""
  done = {}
  for workdir in sorted((folder / name).glob("[0-9]*")):
    if any(path.name.isdigit() for path in (workdir / "checkpoints").glob("*")):
      run = gengap.load(workdir)
      if run.step == run.config.steps:
        done[workdir.name] = run
  return done


def told(run: Run, images: np.ndarray) -> dict[str, float]:
  """KL of a Gaussian posterior in closed form, and its active units."""
  mean, log_std = run.encode(images)
  units = kl.active_units(mean)
  return {"kl": float(kl.to_prior(mean, log_std).mean(0).sum()), "active_units": int(units)}


def report(run: Run, number: int = 10_000) -> dict[str, float]:
  """Returns squared error and KL on all test images of CIFAR-10, as the source report measures them."""
  images = autoencoders.test_images(run, number, 0)
  if run.method.density is None:
    return {"reconstruction": float(autoencoders.pixel_errors(run, images).mean() * images[0].size)}
  log_p, log_ratio, _ = autoencoders.elbo_terms(run, KEY, autoencoders.observe(run, KEY, images), 1)
  constant = 0.5 * np.log(np.pi) * images[0].size
  return {
    "reconstruction": float(-log_p.mean() - constant),
    "kl": told(run, images)["kl"],
    "kl_sample": float(-log_ratio.mean()),
  }


def collapse(run: Run) -> dict[str, float]:
  """Returns reconstruction, KL and active units on 1,000 test images."""
  images = autoencoders.test_images(run, 1000, 0)
  log_p, *_ = autoencoders.elbo_terms(run, KEY, autoencoders.observe(run, KEY, images), 1)
  return {"reconstruction": float(-log_p.mean() - 0.5 * np.log(np.pi) * images[0].size)} | told(run, images)


def linear() -> dict[str, dict[str, float]]:
  """Returns the rate of the best linear VAE with 64 latents, by beta, in closed form.

  A weight beta of the KL is equivalent to a decoder of variance beta / 2 instead of 1/2. A principal
  component of the data with variance v then has a latent of its own with rate log(2 v / beta) / 2 if v > beta
  / 2, and none otherwise (Tipping and Bishop 1999; Lucas et al. 2019, arXiv:1911.02469).
  """
  images = data.load("cifar10", "train", image_size=32, validation_share=0.0).image
  flat = to_float(images.reshape(len(images), -1))
  variance = np.linalg.eigvalsh(np.cov(flat, rowvar=False))[::-1][:64]
  found = {}
  for beta in runs.BETAS:
    kept = variance[variance > beta / 2]
    found[f"beta_{beta:g}"] = {"kl": float(0.5 * np.log(2 * kept / beta).sum()), "active_units": len(kept)}
  return found | {"largest_variance": {"value": float(variance[0])}}


def flow(run: Run) -> dict[str, Any]:
  """Returns ELBO, NLL by 500 importance samples and amortisation gap on 1,000 test images."""
  images = autoencoders.test_images(run, 1000, 0)
  seen = autoencoders.posterior(run, KEY, images) | autoencoders.likelihood(run, KEY, images, 500)
  if run.density().posterior:
    seen |= autoencoders.amortisation(run, KEY, images[:256])
  return {name: value for name, value in seen.items() if name != "kl_per_unit"}


def sharp(run: Run) -> dict[str, float]:
  """Returns the median sharpness of 1,000 test images, of their reconstructions and of samples."""
  images = autoencoders.test_images(run, 1000, 0)
  sets = {"real": images, "reconstructed": run.reconstruct(images), "sampled": run.sample(KEY, 1000)}
  seen = {name: float(np.median(metrics.sharpness(np.asarray(x)))) for name, x in sets.items()}
  return seen | {"pixel_error": float(autoencoders.pixel_errors(run, images).mean())}


def small(run: Run) -> dict[str, float]:
  """Returns the squared error of reconstructions of all test images, and of the mean training image."""
  images = autoencoders.test_images(run, 10_000, 0)
  train = data.load(run.config.dataset, "train", image_size=run.config.image_size, validation_share=0.0).image
  from_mean = images - to_float(train).mean(0)
  errors = autoencoders.pixel_errors(run, images)
  return {
    "reconstruction": float(errors.mean() * images[0].size),
    "of_mean_image": float((from_mean**2).sum((1, 2, 3)).mean()),
  }


def bits(run: Run) -> dict[str, float]:
  """Returns the ELBO of 1,000 test images, and that of the best independent bits, in nats."""
  images = autoencoders.test_images(run, 1000, 0)
  train = data.load(run.config.dataset, "train", image_size=run.config.image_size, validation_share=0.0).image
  one = np.clip((to_float(train).mean(0) + 1) / 2, 1e-4, 1 - 1e-4)
  shares = (images + 1) / 2
  independent = (shares * np.log(one) + (1 - shares) * np.log(1 - one)).sum((1, 2, 3)).mean()
  return {"elbo": autoencoders.posterior(run, KEY, images)["elbo"], "independent": float(independent)}


MEASURES = {
  "report": report,
  "collapse": collapse,
  "flows": flow,
  "levels": flow,
  "sharpness": sharp,
  "small": small,
  "bits": bits,
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--runs", type=pathlib.Path, required=True)
  parser.add_argument("--torch", type=pathlib.Path)
  parser.add_argument("--only", nargs="*", default=list(MEASURES))
  args = parser.parse_args()
  path = HERE / "scores.json"
  scores = json.loads(path.read_text()) if path.exists() else {}
  for part in args.only:
    for name in runs.PARTS[part]:
      known = scores.setdefault(part, {}).setdefault(name, {})
      for seed, run in found(args.runs, name).items():
        if seed not in known:
          known[seed] = MEASURES[part](run) | {"steps": run.step}
          print(part, name, seed, known[seed], flush=True)
          path.write_text(json.dumps(scores, separators=(",", ":")) + "\n")
  if "collapse" in args.only and "linear" not in scores:
    scores["linear"] = linear()
  for file in sorted(args.torch.glob("*.json")) if args.torch else ():
    scores.setdefault("torch", {})[file.stem] = json.loads(file.read_text())
  path.write_text(json.dumps(scores, separators=(",", ":")) + "\n")


if __name__ == "__main__":
  main()
