"""Evaluates a trained run: its samples beside real images, and an autoencoder by its likelihood and codes.

  python -m gengap.evaluate --workdir=DIR [--step=last|best|all|N] [--metrics=a,b,...] [--num_samples=10000]
    [--features=inception --inception=FILE | --features=classifier --classifier=DIR | --features=pixels]
    [--outside=DATASET]

Prints the results and writes them to eval/STEP.json, each number with the protocol that it depends on, and to
TensorBoard. Other numbers in the file stay. By default all metrics are computed that suit the run. A metric
that cannot be computed (too few images, no classifier) is skipped, with the reason; one that --metrics names
is refused instead. `gengap.evaluation.evaluate` does the same in Python, also for images without a run.

Metrics of samples. Each number has a floor: the metric of real images in the place of samples, against the
same references. A perfect generator is at the floor; a number may lie on either side of it.

  frechet          squared Frechet distance of features: the FID with Inception's, no FID with others; and
                   its ratio to the floor
  fd_infinity      the same extrapolated to infinitely many images
  kid              squared MMD of features, cubic kernel: the KID with Inception's, no KID with others
  prdc             precision, recall, density, coverage
  clipped          clipped density and coverage, which read as shares of good samples
  inception_score  by the classes of the feature extractor; only Inception's give the Inception Score
  classes          which classes a classifier finds, how often, and precision and Frechet distance
                   of each
  diversity        root mean square distance between the features of two samples
  vendi            effective number of different samples
  memorisation     whether samples are closer to training images than to others; meaningful near the data only
  sharpness        median variance of the Laplacian
  blobs            number, size, shape, place and brightness of blobs

Diagnostics of an autoencoder:

  posterior        rate, distortion and ELBO; active units and KL of each latent; aggregate posterior
  likelihood       negative log likelihood by importance weights
  amortisation     ELBO of each image's best Gaussian less that of the encoder's
  outside          ELBO of the images of another data set (--outside), and how well it detects them
  reconstructions  a picture: images and, below them, their reconstructions

Of every generator:

  sampling         images per second, operations per image
"""

import pathlib

from absl import flags

from gengap import arguments, cli, log, paths, processes
from gengap.errors import InputError
from gengap.evaluation import Evaluator, Options, files
from gengap.run import Run, load, steps

FLAGS = cli.flags()
processes.define_flags(FLAGS)
WORKDIR = cli.define_path("workdir", "Folder of the run.", FLAGS)
STEP = flags.DEFINE_string("step", "last", "Checkpoint: last, best, all or a number.", flag_values=FLAGS)
METRICS = flags.DEFINE_list(
  "metrics", [], "Metrics to compute; by default all that suit the run.", flag_values=FLAGS
)
OUTSIDE = flags.DEFINE_string(
  "outside", "", "Data set of images that the run was not trained on.", flag_values=FLAGS
)
NUM_SAMPLES = flags.DEFINE_integer(
  "num_samples", 10_000, "Samples, and real images to compare them with.", flag_values=FLAGS
)
SAMPLE_SEEDS = flags.DEFINE_list(
  "sample_seeds", ["0", "1", "2"], "Seeds of the samples: one draw for each.", flag_values=FLAGS
)
EXTRACTOR = arguments.define_extractor_flags(FLAGS)
NUM_IMAGES = flags.DEFINE_integer(
  "num_images", 1000, "Test images for the diagnostics of an autoencoder.", flag_values=FLAGS
)
SAMPLES = flags.DEFINE_integer("samples", 500, "Importance samples of the likelihood.", flag_values=FLAGS)
SEED = flags.DEFINE_integer("seed", 0, "Seed of all other random numbers.", flag_values=FLAGS)


def options() -> Options:
  """Returns the flags as options.

  Raises:
    InputError: a value is wrong.
  """
  seeds = SAMPLE_SEEDS.value
  if not seeds or not all(seed.isdecimal() for seed in seeds):
    raise InputError(f"--sample_seeds={','.join(seeds)}: whole numbers are needed, such as 0,1,2")
  return Options(
    metrics=METRICS.value,
    outside=OUTSIDE.value,
    num_samples=NUM_SAMPLES.value,
    sample_seeds=[int(seed) for seed in seeds],
    num_images=None if FLAGS["num_images"].using_default_value else NUM_IMAGES.value,
    samples=SAMPLES.value,
    seed=SEED.value,
    **{name: flag.value for name, flag in EXTRACTOR.items()},
  )


def main(rest: list[str]) -> None:
  """Checks the flags, then evaluates checkpoints, prints and writes."""
  cli.require(rest, workdir=WORKDIR.value)
  how, workdir = options(), pathlib.Path(str(WORKDIR.value))
  chosen, evaluator, failed = steps(workdir, STEP.value), None, {}
  paths.check_writable(workdir / "eval", "--workdir")
  for step in chosen:
    try:
      run = load(workdir, step)
    except InputError as error:
      if len(chosen) == 1:
        raise
      failed[f"step {step}"] = str(error)
      continue
    evaluator = evaluator or Evaluator(run, options=how)
    path = workdir / "eval" / f"{run.step}.json"
    missing = evaluate_step(evaluator, run, path)
    if how.metrics or not set(evaluator.names) - set(missing) - {"sampling"}:
      failed |= {f"step {step}: {name}": reason for name, reason in missing.items()}
  if failed:
    raise InputError("; ".join(f"{what}: {reason}" for what, reason in failed.items()))


def evaluate_step(evaluator: Evaluator, run: Run, path: pathlib.Path) -> dict[str, str]:
  """Evaluates a checkpoint, prints and writes the results; returns what has no number, and why."""
  path.parent.mkdir(exist_ok=True)
  found = evaluator.evaluate(run, pictures=path.with_suffix(""), command=cli.command())
  log.say(str(found))
  if processes.is_first():
    files.write(found, path)
  return evaluator.missing(found)


if __name__ == "__main__":
  cli.run(main, FLAGS)
