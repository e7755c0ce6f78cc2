"""Judges a trained run: its samples beside real images, and an autoencoder by what it says of images.

  python -m gengap.evaluate --workdir=DIR [--step=last|best|all|N] [--metrics=a,b,...] [--num_samples=10000]
    [--features=inception --inception=FILE | --features=classifier --classifier=DIR | --features=pixels]
    [--outside=DATASET]

Prints what it finds and writes it to eval/STEP.json, with all that is needed to take it again, and to
TensorBoard. What the file has by the same protocol stays; by another, it is replaced.

Of samples (`score`), each beside its floor, the same of real images:

  frechet          Frechet distance of features (the FID with Inception's)
  kid              Kernel Inception Distance
  prdc             precision, recall, density, coverage
  inception_score
  classes          which classes a classifier finds, how often, with what precision
  diversity        root mean square distance between two samples' features
  memorisation     whether samples are copies of training images
  sharpness        variance of the Laplacian
  blobs            number, size, shape, place and brightness of blobs

Of what an autoencoder says (`diagnose`):

  posterior        rate, distortion and ELBO; active units and KL of each latent; aggregate posterior
  likelihood       negative log likelihood by importance weights
  amortisation     what the encoder loses against each image's own best Gaussian
  outside          ELBO of the images of another data set (--outside), and whether it tells them apart
  reconstructions  a picture: images and, below them, what is decoded from their codes

And of everything that makes images (`budget`):

  sampling         images a second, operations an image
"""

import contextlib
import json
import pathlib
from collections.abc import Callable, Mapping

import jax
import numpy as np
from absl import flags

import gengap
from gengap import budget, cli, diagnose, eyes, log, paths, processes, score
from gengap.data import Dataset, pixels
from gengap.diagnose import Numbers
from gengap.errors import InputError, suggest
from gengap.method import Key
from gengap.program import load_data
from gengap.run import Run, load, steps

FLAGS = cli.flags()
processes.define_flags(FLAGS)
WORKDIR = cli.define_path("workdir", "Folder of the run.", FLAGS)
STEP = flags.DEFINE_string(
  "step", "last", "Checkpoint: last, best, all that are there, or a number.", flag_values=FLAGS
)
METRICS = flags.DEFINE_list(
  "metrics", [], "Which to take; by default all that the run has an answer for.", flag_values=FLAGS
)
OUTSIDE = flags.DEFINE_string(
  "outside", "", "Data set of images that the run was not trained on.", flag_values=FLAGS
)
NUM_SAMPLES = flags.DEFINE_integer(
  "num_samples", 10_000, "Samples to draw, and real images beside them.", flag_values=FLAGS
)
SAMPLE_SEEDS = flags.DEFINE_list(
  "sample_seeds", ["0", "1", "2"], "Of the samples: each draws its own.", flag_values=FLAGS
)
SIGHT = eyes.define_flags(FLAGS)
NUM_IMAGES = flags.DEFINE_integer(
  "num_images", 1000, "Test images that an autoencoder is asked about.", flag_values=FLAGS
)
SAMPLES = flags.DEFINE_integer("samples", 500, "Importance samples of the likelihood.", flag_values=FLAGS)
SEED = flags.DEFINE_integer("seed", 0, "Of what is drawn while judging.", flag_values=FLAGS)

ROW = 8  # images beside each other in a picture


def picture(run: Run, images: np.ndarray, path: pathlib.Path) -> None:
  """Draws up to four full rows of images and, below each row, their reconstructions."""
  columns, rows = min(ROW, len(images)), []
  for i in range(0, min(4, len(images) // columns) * columns, columns):
    rows += [images[i : i + columns], run.reconstruct(images[i : i + columns])]
  log.save_png(path, pixels.tile(np.concatenate(rows), columns=columns))


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
  "sampling": lambda run, *_: budget.sampling(run),
}


def eyes_of(run: Run, test: Dataset) -> eyes.Eyes:
  """Returns what looks at samples; says what is missing, unless it was asked for.

  Raises:
    InputError: it was asked for, and is not there.
  """
  needs = frozenset().union(*(score.METRICS[name].needs for name in METRICS.value if name in score.METRICS))
  asked = bool(SIGHT.features.value or needs & {"moments", "features", "logits"})
  by_default = run.method.generate and not METRICS.value
  if not (asked or by_default or SIGHT.classifier.value):
    return eyes.Eyes(None, None, eyes.of_blobs(run))
  return eyes.opened(SIGHT, run, test, asked)


def answerable(run: Run, sight: eyes.Eyes) -> list[str]:
  """Returns the measures that a run has an answer for."""
  names = {"reconstructions"} if "code" in run.method.represent else set()
  if density := run.method.density:
    names |= {"posterior", "likelihood"}
    names |= {"amortisation"} if density.posterior else set()
    names |= {"outside"} if OUTSIDE.value else set()
  if run.method.generate:
    names |= {name for name, metric in score.METRICS.items() if metric.needs <= sight.can()} | {"sampling"}
  return [name for name in (*score.METRICS, *MEASURES) if name in names]


def chosen(run: Run, sight: eyes.Eyes) -> list[str]:
  """Returns the measures to take.

  Raises:
    InputError: one that the run has no answer for, or that lacks a flag.
  """
  method, can = run.config.method, answerable(run, sight)
  if not can:
    raise InputError(
      f"a run of {method!r} makes no images and has neither an encoder nor a likelihood to judge"
    )
  for name in METRICS.value:
    if name == "outside" and not OUTSIDE.value:
      raise InputError("--metrics=outside needs --outside=DATASET")
    if name == "classes" and run.method.generate and not SIGHT.classifier.value:
      raise InputError("--metrics=classes needs --classifier=DIR")
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


def table(scores: Numbers) -> str:
  """Returns scores of samples as lines: value, spread over draws, and what training images have instead."""
  lines = [f"{'':18} {'value':>10} {'spread':>9} {'floor: train':>13} {'test':>10}"]
  for name, seen in scores.items():
    cells = [seen.get("spread"), seen["floors"].get("train"), seen["floors"].get("test")]
    row = [("" if x is None else f"{x:.{digits}g}") for x, digits in zip(cells, (2, 4, 4), strict=True)]
    lines.append(f"{name:18} {seen['value']:10.5g} {row[0]:>9} {row[1]:>13} {row[2]:>10}")
  return "\n".join(lines)


def whole(flag: str, values: list[str]) -> list[int]:
  """Returns a flag's values as whole numbers.

  Raises:
    InputError: one is none.
  """
  if not values or not all(value.isdecimal() for value in values):
    raise InputError(f"--{flag}={','.join(values)}: whole numbers are needed, such as 0,1,2")
  return [int(value) for value in values]


def before(path: pathlib.Path) -> Numbers:
  """Returns what an earlier evaluation found; nothing where there is none, or a damaged one."""
  with contextlib.suppress(OSError, ValueError):
    found = json.loads(path.read_text())
    return found if isinstance(found, dict) else {}
  return {}


def together(old: Numbers, new: Numbers) -> Numbers:
  """Returns what was found now and, where it was taken by the same protocol, what else was found before."""
  kept = dict(old)
  if "protocol" in new and old.get("protocol") != new["protocol"]:
    kept = {name: value for name, value in old.items() if name not in MEASURES or name == "sampling"}
  one, two = old.get("samples"), new.get("samples")
  if one and two and all(one.get(key) == two[key] for key in ("fingerprint", "subject")):
    new = new | {"samples": two | {"scores": one["scores"] | two["scores"]}}
  commands = dict.fromkeys([*old.get("commands", []), *new["commands"]])
  return kept | new | {"commands": list(commands)}


def write(run: Run, found: Numbers, path: pathlib.Path) -> None:
  """Writes what was found of a checkpoint to a file and to TensorBoard."""
  plain = json.loads(json.dumps(found), parse_constant=lambda _: None)  # JSON knows no infinities
  scratch = path.with_suffix(".json.tmp")
  try:
    whole = together(before(path), plain)
  except (AttributeError, KeyError, TypeError):  # what is there was not written here
    whole = plain
  scratch.write_text(json.dumps(whole, indent=2) + "\n")
  scratch.replace(path)
  scores = plain.get("samples", {}).get("scores", {})
  with contextlib.closing(log.Board(path.parents[1], "eval")) as board:
    board.numbers(
      run.step, {f"eval/{name}": x["value"] for name, x in scores.items() if x["value"] is not None}
    )
  log.say(f"written: {path}")


def main(rest: list[str]) -> None:
  """Checks the flags, then judges and writes."""
  cli.require(rest, workdir=WORKDIR.value)
  for flag, least in ((SAMPLES, 1), (NUM_SAMPLES, 2), (NUM_IMAGES, 2), (SEED, 0)):
    if flag.value < least:
      raise InputError(f"--{flag.name} is {flag.value}; it must be at least {least}")
  known = (*score.METRICS, *MEASURES)
  for name in METRICS.value:
    if name not in known:
      raise InputError(f"--metrics={name} is none of {', '.join(known)}{suggest(name, known)}")
  seeds, judge = whole("sample_seeds", SAMPLE_SEEDS.value), None
  wanted = steps(str(WORKDIR.value), STEP.value)
  run = load(str(WORKDIR.value), wanted[0])
  paths.check_writable(pathlib.Path(str(WORKDIR.value)) / "eval", "--workdir")
  test = load_data(run.config, "test")
  names = chosen(run, sight := eyes_of(run, test))
  asked = set(names) & set(MEASURES) - {"sampling"}
  images = diagnose.test_images(run, NUM_IMAGES.value, SEED.value) if asked else np.empty(0)
  if sampled := [name for name in names if name in score.METRICS]:
    judge = score.Judge(load_data(run.config, "train"), test, sight, sampled, NUM_SAMPLES.value)
  for step in wanted:
    run = load(str(WORKDIR.value), step)
    path = pathlib.Path(str(WORKDIR.value)) / "eval" / f"{run.step}.json"
    path.parent.mkdir(exist_ok=True)
    found: Numbers = {"step": run.step, "weights": "ema" if run.config.ema else "last"}
    found["commands"] = [cli.command()]
    if judge:
      found["samples"] = seen = judge.score(run, seeds)
      log.say(
        f"step {run.step}: {judge.number} samples, {len(seeds)} times, by protocol {seen['fingerprint']}\n"
        + table(seen["scores"])
      )
    if asked:
      found["protocol"] = {"split": "test", "images": len(images), "seed": SEED.value}
      found["protocol"]["version"] = gengap.__version__
    for name in (name for name in names if name in MEASURES):
      key = jax.random.fold_in(jax.random.key(SEED.value), list(MEASURES).index(name))
      found[name] = MEASURES[name](run, key, images, path)
      log.say(describe(name, found[name]))
    if processes.first():
      write(run, found, path)


if __name__ == "__main__":
  cli.run(main, FLAGS)
