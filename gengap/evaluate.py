"""Judges a trained run: its samples beside real images, and an autoencoder by what it says of images.

  python -m gengap.evaluate --workdir=DIR [--step=last|best|all|N] [--metrics=a,b,...] [--num_samples=10000]
    [--features=inception --inception=FILE | --features=classifier --classifier=DIR | --features=pixels]
    [--outside=DATASET]

Prints what it finds and writes it to eval/STEP.json, each number with the protocol that it was taken by, and
to TensorBoard. What the file holds of other numbers stays. By default all is taken that the run has an answer
for, and what cannot be taken (too few images, no classifier) is skipped with its reason; a metric that
--metrics names is refused instead.

Of samples (`score`). Each number stands beside its floor: real images in the place of samples, against the
same references. A generator as good as real images is at the floor; a number may lie on either side of it.

  frechet          squared Frechet distance of features: the FID with Inception's, no FID with others
  kid              squared MMD of features, cubic kernel: the KID with Inception's, no KID with others
  prdc             precision, recall, density, coverage
  inception_score  by the classes of the feature extractor: the Inception Score with Inception's alone
  classes          which classes a classifier finds, how often, with what precision
  diversity        root mean square distance between two samples' features
  memorisation     whether samples are nearer to training images than to others; only read near the data
  sharpness        median variance of the Laplacian
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

import math
import pathlib
from collections.abc import Callable, Mapping

import jax
import numpy as np
from absl import flags

import gengap
from gengap import cli, log, paths, processes
from gengap.data import Dataset, pixels
from gengap.errors import InputError, suggest
from gengap.evaluation import autoencoders, extractors, files, sampling, scoring
from gengap.evaluation.autoencoders import Numbers
from gengap.evaluation.sample_metrics import METRICS as SCORES
from gengap.method import Key
from gengap.run import Run, load, steps
from gengap.training.program import load_data

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
SIGHT = extractors.define_flags(FLAGS)
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


Images = tuple[np.ndarray, np.ndarray]  # of the test split, and of --outside, [n, H, W, C] each in [-1, 1]


def reconstructions(run: Run, key: Key, images: Images, path: pathlib.Path) -> Numbers:
  """Mean squared error of a pixel in [-1, 1], and a picture."""
  del key
  picture(run, images[0], path.with_name(f"{path.stem}_reconstructions.png"))
  return autoencoders.spread("pixel_error", autoencoders.pixel_errors(run, images[0]))


def outside(run: Run, key: Key, images: Images, path: pathlib.Path) -> Numbers:
  """See `autoencoders.outside`; with a picture of the other images' reconstructions."""
  picture(run, images[1], path.with_name(f"{path.stem}_outside.png"))
  return {"dataset": OUTSIDE.value} | autoencoders.outside(run, key, *images)


MEASURES: Mapping[str, Callable[[Run, Key, Images, pathlib.Path], Numbers]] = {
  "posterior": lambda run, key, images, _: autoencoders.posterior(run, key, images[0]),
  "likelihood": lambda run, key, images, _: autoencoders.likelihood(run, key, images[0], SAMPLES.value),
  "amortisation": lambda run, key, images, _: autoencoders.amortisation(run, key, images[0]),
  "outside": outside,
  "reconstructions": reconstructions,
  "sampling": lambda run, *_: sampling.sampling(run),
}
ON_IMAGES = MEASURES.keys() - {"sampling"}  # those that look at test images


def answerable(run: Run) -> list[str]:
  """Returns the measures that suit a run, whatever else they may lack."""
  names = {"reconstructions"} if run.method.encodes else set()
  if density := run.method.density:
    names |= {"posterior", "likelihood"}
    names |= {"amortisation"} if density.posterior else set()
    names |= {"outside"} if OUTSIDE.value else set()
  if run.method.generate:
    names |= {"sampling", *SCORES} - (set() if extractors.of_blobs(run) else {"blobs"})
  return [name for name in (*SCORES, *MEASURES) if name in names]


def chosen(run: Run, train: Dataset, test: Dataset) -> list[str]:
  """Returns the measures to take; looks at no image.

  Raises:
    InputError: one that is asked for does not suit the run, lacks a flag, or has too few images.
  """
  method, can = run.config.method, answerable(run)
  if not can:
    raise InputError(
      f"a run of {method!r} makes no images and has neither an encoder nor a likelihood to judge"
    )
  for name in METRICS.value:
    if name == "outside" and not OUTSIDE.value:
      raise InputError("--metrics=outside needs --outside=DATASET")
    if name not in can:
      raise InputError(f"--metrics={name}: a run of {method!r} has no answer; it has {', '.join(can)}")
    if name in SCORES and (why := scoring.too_few(name, scoring.sizes(NUM_SAMPLES.value, train, test))):
      raise InputError(f"--metrics={name}: {why}")
  if OUTSIDE.value and "outside" not in can:
    log.say(f"--outside is not used: a run of {method!r} has no likelihood of images")
  return METRICS.value or can


def eyes_of(run: Run, test: Dataset) -> extractors.Eyes:
  """Returns what looks at samples; says what is missing, unless it was asked for.

  Raises:
    InputError: it was asked for, and is not there.
  """
  needs = frozenset().union(*(SCORES[name].needs for name in METRICS.value if name in SCORES))
  asked = bool(SIGHT.features.value or needs & scoring.OF_FEATURES)
  by_default = run.method.generate and not METRICS.value
  if not (asked or by_default or SIGHT.classifier.value):
    sight = extractors.Eyes(None, None, extractors.of_blobs(run))
  else:
    sight = extractors.opened(SIGHT, run, test, asked)
  for name in METRICS.value:
    if name in SCORES and (why := sight.lack(SCORES[name].needs)):
      raise InputError(f"--metrics={name}: {why}")
  return sight


def asked_images(run: Run, names: list[str]) -> Images:
  """Returns the images that an autoencoder is asked about: of the test split, and of --outside.

  By default those that are there, where they are fewer.

  Raises:
    InputError: more are asked for than there are, or a data set is not there.
  """
  none = np.empty((0, *run.spec.shape), np.float32)
  if not ON_IMAGES & set(names):
    return none, none
  there, number = len(autoencoders.test_data(run).image), NUM_IMAGES.value
  number = min(number, there) if FLAGS["num_images"].using_default_value else number
  images = autoencoders.test_images(run, number, SEED.value) if number > 1 else none
  if "outside" not in names:
    return images, none
  others = autoencoders.test_data(run, OUTSIDE.value)
  number = min(max(number, 2), len(others.image))
  return images, autoencoders.test_images(run, number, SEED.value, OUTSIDE.value) if number > 1 else none


def taken(name: str, run: Run, images: Images, path: pathlib.Path) -> Numbers:
  """Takes a measure; what cannot be computed has a reason."""
  asked = {"outside": images}.get(name, images[:1]) if name in ON_IMAGES else ()
  if any(len(few) < 2 for few in asked):
    return {"reason": f"{name} needs at least 2 images of the test split"}
  key = jax.random.fold_in(jax.random.key(SEED.value), list(MEASURES).index(name))
  try:
    found = MEASURES[name](run, key, images, path)
  except InputError as error:
    return {"reason": str(error)}
  wrong = [key for key, value in found.items() if isinstance(value, float) and not math.isfinite(value)]
  return found | ({"reason": f"not finite: {', '.join(wrong)}"} if wrong else {})


def judge_step(
  run: Run, judge: scoring.Judge | None, names: list[str], images: Images, path: pathlib.Path
) -> dict[str, str]:
  """Judges a checkpoint, prints and writes what is found; returns what has no number, and why."""
  path.parent.mkdir(exist_ok=True)
  found: Numbers = {"step": run.step, "weights": "ema" if run.config.ema else "last"}
  found["commands"], missing = [cli.command()], {}
  if judge:
    found["samples"] = seen = judge.score(run, whole("sample_seeds", SAMPLE_SEEDS.value))
    log.say(files.table(seen))
    for name in (name for name in names if name in SCORES):
      entries = [seen["scores"][number] for number in SCORES[name].names if number in seen["scores"]]
      if all(entry["value"] is None for entry in entries):
        missing[name] = entries[0]["reason"]
  if ON_IMAGES & set(names):
    found["protocol"] = {"split": "test", "images": len(images[0]), "seed": SEED.value}
    found["protocol"]["version"] = gengap.__version__
  for name in (name for name in names if name in MEASURES):
    numbers = taken(name, run, images, path)
    missing |= {name: numbers["reason"]} if set(numbers) == {"reason"} else {}
    log.say(files.describe(name, numbers))
    found[name] = numbers | ({"protocol": found["protocol"]} if name in ON_IMAGES else {})
  if processes.is_first():
    files.write(run.step, found, path)
  return missing


def whole(flag: str, values: list[str]) -> list[int]:
  """Returns a flag's values as whole numbers.

  Raises:
    InputError: one is none.
  """
  if not values or not all(value.isdecimal() for value in values):
    raise InputError(f"--{flag}={','.join(values)}: whole numbers are needed, such as 0,1,2")
  return [int(value) for value in values]


def check() -> None:
  """Refuses flags that are wrong whatever the run.

  Raises:
    InputError: one is.
  """
  for flag, least in ((SAMPLES, 1), (NUM_SAMPLES, 2), (NUM_IMAGES, 2), (SEED, 0)):
    if flag.value < least:
      raise InputError(f"--{flag.name} is {flag.value}; it must be at least {least}")
  known = (*SCORES, *MEASURES)
  for name in METRICS.value:
    if name not in known:
      raise InputError(f"--metrics={name} is none of {', '.join(known)}{suggest(name, known)}")
  whole("sample_seeds", SAMPLE_SEEDS.value)


def prepared(run: Run) -> tuple[scoring.Judge | None, list[str], Images]:
  """Returns what judges samples, the measures to take, and the images that an autoencoder is asked about.

  Raises:
    InputError: something that is asked for cannot be done.
  """
  train, test = load_data(run.config, "train"), load_data(run.config, "test")
  names = chosen(run, train, test)
  images, sight = asked_images(run, names), eyes_of(run, test)
  if not (sampled := [name for name in names if name in SCORES]):
    return None, names, images
  validation = load_data(run.config, "validation") if run.config.validation_share else None
  judge = scoring.Judge(train, test, sight, sampled, NUM_SAMPLES.value, validation)
  for note in judge.notes():
    log.say(note)
  return judge, names, images


def main(rest: list[str]) -> None:
  """Checks the flags, then judges and writes."""
  cli.require(rest, workdir=WORKDIR.value)
  check()
  workdir = str(WORKDIR.value)
  wanted, ready, failed = steps(workdir, STEP.value), None, {}
  paths.check_writable(pathlib.Path(workdir) / "eval", "--workdir")
  for step in wanted:
    try:
      run = load(workdir, step)
    except InputError as error:
      if len(wanted) == 1:
        raise
      failed[f"step {step}"] = str(error)
      continue
    judge, names, images = ready = ready or prepared(run)
    path = pathlib.Path(workdir) / "eval" / f"{run.step}.json"
    missing = judge_step(run, judge, names, images, path)
    if METRICS.value or not set(names) - set(missing) - {"sampling"}:
      failed |= {f"step {step}: {name}": reason for name, reason in missing.items()}
  if failed:
    raise InputError("; ".join(f"{what}: {reason}" for what, reason in failed.items()))


if __name__ == "__main__":
  cli.run(main, FLAGS)
