"""Judges a trained autoencoder on held-out images.

  python -m gengap.evaluate --workdir=DIR [--step=last|best|N] [--metrics=a,b,...] [--outside=DATASET]

Prints what it finds and writes it to eval/STEP.json, with what is needed to take it again: images, seed, code
version. The metrics are those of `diagnose`:

  posterior        rate, distortion and ELBO; active units and KL of each latent; aggregate posterior
  likelihood       negative log likelihood by importance weights
  amortisation     what the encoder loses against each image's own best Gaussian
  outside          ELBO of the images of another data set (--outside), and whether it tells them apart
  reconstructions  a picture: images and, below them, what is decoded from their codes
"""

import json
import pathlib
from collections.abc import Callable, Mapping

import jax
import numpy as np
from absl import flags

import gengap
from gengap import cli, diagnose, log
from gengap.diagnose import Numbers
from gengap.errors import InputError, suggest
from gengap.method import Key
from gengap.run import Run, load

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.")
STEP = flags.DEFINE_string("step", "last", "Checkpoint: last, best or a number.")
METRICS = flags.DEFINE_list("metrics", [], "Which to take; by default all that the run has an answer for.")
OUTSIDE = flags.DEFINE_string("outside", "", "Data set of images that the run was not trained on.")
NUM_IMAGES = flags.DEFINE_integer("num_images", 1000, "Test images to look at.")
SAMPLES = flags.DEFINE_integer("samples", 500, "Importance samples of the likelihood.")
SEED = flags.DEFINE_integer("seed", 0, "Of what is drawn while judging.")

ROW = 8  # images beside each other in a picture


def picture(run: Run, images: np.ndarray, path: pathlib.Path) -> None:
  """Draws up to four full rows of images and, below each row, their reconstructions."""
  columns, rows = min(ROW, len(images)), []
  for i in range(0, min(4, len(images) // columns) * columns, columns):
    rows += [images[i : i + columns], run.reconstruct(images[i : i + columns])]
  log.save_png(path, log.tile(np.concatenate(rows), columns=columns))


def likelihood(run: Run, key: Key, images: np.ndarray, path: pathlib.Path) -> Numbers:
  """See `diagnose.likelihood`."""
  del path
  return diagnose.likelihood(run, key, images, SAMPLES.value)


def outside(run: Run, key: Key, images: np.ndarray, path: pathlib.Path) -> Numbers:
  """See `diagnose.outside`; with a picture of the other images' reconstructions."""
  others = diagnose.test_images(run, len(images), SEED.value, OUTSIDE.value)
  picture(run, others, path.with_name(f"{path.stem}_outside.png"))
  return {"dataset": OUTSIDE.value} | diagnose.outside(run, key, images, others)


def reconstructions(run: Run, key: Key, images: np.ndarray, path: pathlib.Path) -> Numbers:
  """Mean squared error of a pixel in [-1, 1], and a picture."""
  del key
  picture(run, images, path.with_name(f"{path.stem}_reconstructions.png"))
  return diagnose.spread("pixel_error", diagnose.pixel_errors(run, images))


MEASURES: Mapping[str, Callable[[Run, Key, np.ndarray, pathlib.Path], Numbers]] = {
  "posterior": lambda run, key, images, _: diagnose.posterior(run, key, images),
  "likelihood": likelihood,
  "amortisation": lambda run, key, images, _: diagnose.amortisation(run, key, images),
  "outside": outside,
  "reconstructions": reconstructions,
}


def answerable(run: Run) -> list[str]:
  """Returns the measures that a run has an answer for."""
  names = {"reconstructions"} if "code" in run.method.represent else set()
  if density := run.method.density:
    names |= {"posterior", "likelihood"}
    names |= {"amortisation"} if density.posterior else set()
    names |= {"outside"} if OUTSIDE.value else set()
  return [name for name in MEASURES if name in names]


def chosen(run: Run) -> list[str]:
  """Returns the measures to take.

  Raises:
    InputError: one that does not exist, that the run has no answer for, or that lacks a flag.
  """
  method, can = run.config.method, answerable(run)
  if not can:
    raise InputError(f"a run of {method!r} has neither an encoder nor a likelihood to judge")
  for name in METRICS.value:
    if name not in MEASURES:
      raise InputError(f"--metrics={name} is none of {', '.join(MEASURES)}{suggest(name, MEASURES)}")
    if name == "outside" and not OUTSIDE.value:
      raise InputError("--metrics=outside needs --outside=DATASET")
    if name not in can:
      raise InputError(f"--metrics={name}: a run of {method!r} has no answer; it has {', '.join(can)}")
  return METRICS.value or can


def describe(name: str, numbers: Numbers) -> str:
  """Returns a metric's numbers as lines, each with its standard error where it has one."""
  lines = [name]
  for key, value in numbers.items():
    if key.endswith("_error") and key.removesuffix("_error") in numbers:
      continue
    error = numbers.get(f"{key}_error")
    if isinstance(value, list):
      text = f"{', '.join(f'{v:.3g}' for v in value[:8])}{', ...' * (len(value) > 8)} (largest first)"
    elif isinstance(value, dict):
      text = "  ".join(f"{k} {v:.4g}" for k, v in value.items())
    else:
      text = f"{value:.6g}" if isinstance(value, float) else str(value)
    lines.append(f"  {key:20} {text}" + (f" +- {error:.2g}" if error is not None else ""))
  return "\n".join(lines)


def main(rest: list[str]) -> None:
  """Checks the flags, then judges and writes."""
  cli.require(rest, workdir=WORKDIR.value)
  if SAMPLES.value < 1:
    raise InputError(f"--samples is {SAMPLES.value}; it must be at least 1")
  run = load(str(WORKDIR.value), STEP.value)
  names, images = chosen(run), diagnose.test_images(run, NUM_IMAGES.value, SEED.value)
  path = pathlib.Path(str(WORKDIR.value)).expanduser() / "eval" / f"{run.step}.json"
  path.parent.mkdir(exist_ok=True)
  protocol = {"split": "test", "images": len(images), "seed": SEED.value, "version": gengap.__version__}
  found: Numbers = {"step": run.step, "weights": "ema" if run.config.ema else "last", "protocol": protocol}
  for name in names:
    key = jax.random.fold_in(jax.random.key(SEED.value), list(MEASURES).index(name))
    found[name] = MEASURES[name](run, key, images, path)
    log.say(describe(name, found[name]))
  plain = json.loads(json.dumps(found), parse_constant=lambda _: None)  # JSON knows no infinities
  path.write_text(json.dumps(plain, indent=2) + "\n")
  log.say(f"written: {path}")


if __name__ == "__main__":
  cli.run(main)
