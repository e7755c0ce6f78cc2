"""Evaluates a trained run, or images from any program, beside real images.

  python -m gengap.evaluate --workdir=DIR [--step=last|best|all|N] [--metrics=a,b,...] [--num_samples=10000]
    [--features=inception|dinov2|pixels|MODULE:NAME|... [--weights=FILE]]
    [--classifier=DIR|train|zoo:NAME]
    [--sampling=prior|aggregate|mixture:K[,temperature=T][,truncation=T][,draw]] [--outside=DATASET]
  python -m gengap.evaluate --generated=FOLDER|FILE.npz|FILE.npy|FILE.zip --out=FILE.json
    --reference=DATASET[:SPLIT]|FOLDER|FILE [--training=DATASET[:SPLIT]|FOLDER|FILE] [--name=NAME]
    [--family=VAE|GAN|diffusion|other] [--image_size=N] [--channels=1|3] [--value_range=LOW,HIGH] [...]

Prints the results and writes them, each number with the protocol that it depends on: of a run to
eval/STEP.json and to TensorBoard, of images to --out, which `gengap.report` reads. Other numbers in the file
stay. By default all metrics are computed that suit. A metric that cannot be computed (too few images, no
classifier: --classifier=train trains one, once) is skipped, with the reason; one that --metrics names is
refused instead. `gengap.evaluation.evaluate` does the same in Python.

Samples drawn in another way than by default have a file of their own, such as eval/STEP_mixture-10.json; see
`gengap.evaluation.sampling`.

--generated and --reference take a folder or a .zip of images, or an array [N, H, W, C] or [N, C, H, W] in a
.npz or .npy file. --reference also takes a .npz file of saved statistics (mu, sigma).

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
  fld              feature likelihood divergence, and how much is due to copies; slow: only if it is named
  sharpness        median variance of the Laplacian
  blobs            number, size, shape, place and brightness of blobs

Diagnostics of an autoencoder:

  posterior        rate, distortion and ELBO; active units and KL of each latent; aggregate posterior
  likelihood       negative log likelihood by importance weights
  amortisation     ELBO of each image's best Gaussian less that of the encoder's
  outside          ELBO of the images of another data set (--outside), and how well it detects them
  reconstructions  a picture: images and, below them, their reconstructions

Of every generator:

  curve            precision and coverage over --temperatures, the area under this curve, and a picture; slow,
                   and so computed only if it is named
  sampling         images per second, operations per image
"""

import pathlib
from collections.abc import Callable

from absl import flags

from gengap import families
from gengap.command_line import arguments, cli
from gengap.data.image_sets import ImageSet
from gengap.distributed import processes
from gengap.errors import InputError
from gengap.evaluation import Evaluation, Evaluator, Options, Sampling, curve, files, samples
from gengap.evaluation.images import to_evaluate
from gengap.logs import log
from gengap.run import Run, folder, load, steps
from gengap.storage import paths

FLAGS = cli.flags()
processes.define_flags(FLAGS)
WORKDIR = cli.define_path("workdir", "Folder of the run, or zoo:NAME.", FLAGS, remote=True)
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
SAMPLING = flags.DEFINE_string(
  "sampling",
  "prior",
  "How samples are drawn: prior, aggregate or mixture:K; temperature=T, truncation=T, draw; with commas.",
  flag_values=FLAGS,
)
TEMPERATURES = flags.DEFINE_list(
  "temperatures",
  [f"{temperature:g}" for temperature in curve.TEMPERATURES],
  "Temperatures of the fidelity-coverage curve.",
  flag_values=FLAGS,
)
GENERATED = cli.define_path("generated", "Folder or file of images to evaluate.", FLAGS)
REFERENCE = flags.DEFINE_string(
  "reference", None, "Data set, folder or file that images are compared with.", flag_values=FLAGS
)
TRAINING = flags.DEFINE_string(
  "training", None, "Data set, folder or file that the images' generator was trained on.", flag_values=FLAGS
)
OUT = cli.define_path("out", "JSON file for the results of images.", FLAGS)
DATA_DIR = cli.define_path(
  "data_dir", "Folder of data sets, for --generated; else $TFDS_DATA_DIR.", FLAGS, remote=True
)
SAVE = cli.define_path("save_statistics", "New .npz file for statistics of the real images.", FLAGS)
NAME = flags.DEFINE_string("name", "", "Name of the method that made the images.", flag_values=FLAGS)
FAMILY = flags.DEFINE_string(
  "family",
  families.OTHER.name,
  f"Family of the method: one of {', '.join(families.OF_IMAGES)}.",
  flag_values=FLAGS,
)
IMAGE_SIZE = flags.DEFINE_integer("image_size", 0, "Pixels a side of all images.", flag_values=FLAGS)
CHANNELS = flags.DEFINE_integer("channels", 0, "1 or 3, of all images.", flag_values=FLAGS)
VALUE_RANGE = flags.DEFINE_list(
  "value_range", None, "Range of float pixels: -1,1 or 0,1 or 0,255.", flag_values=FLAGS
)
EXTRACTOR = arguments.define_extractor_flags(FLAGS)
NUM_IMAGES = flags.DEFINE_integer(
  "num_images", 1000, "Test images for the diagnostics of an autoencoder.", flag_values=FLAGS
)
SAMPLES = flags.DEFINE_integer("samples", 500, "Importance samples of the likelihood.", flag_values=FLAGS)
SEED = flags.DEFINE_integer("seed", 0, "Seed of all other random numbers.", flag_values=FLAGS)

OF_RUNS = ("workdir", "step", "sampling", "sample_seeds", "outside", "num_images", "samples")  # flags
OF_IMAGES = (
  *("generated", "reference", "training", "out", "data_dir", "name", "family"),
  *("image_size", "channels", "value_range"),
)


def temperatures() -> list[float]:
  """Returns the temperatures of the curve.

  Raises:
    InputError: one is no number.
  """
  try:
    return [float(value) for value in TEMPERATURES.value]
  except ValueError as error:
    given = ",".join(TEMPERATURES.value)
    raise InputError(f"--temperatures={given}: numbers are needed, such as 0.5,1,1.5") from error


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
    sampling=Sampling.of(SAMPLING.value),
    temperatures=temperatures(),
    sample_seeds=[int(seed) for seed in seeds],
    num_images=None if FLAGS["num_images"].using_default_value else NUM_IMAGES.value,
    samples=SAMPLES.value,
    seed=SEED.value,
    data_dir=DATA_DIR.value or "",
    save_statistics=SAVE.value,
    name=NAME.value,
    family=FAMILY.value,
    image_size=IMAGE_SIZE.value,
    channels=CHANNELS.value,
    value_range=value_range(),
    **{name: flag.value for name, flag in EXTRACTOR.items()},
  )


def value_range() -> tuple[float, float] | None:
  """Returns the pair of --value_range.

  Raises:
    InputError: it is none.
  """
  if VALUE_RANGE.value is None:
    return None
  try:
    low, high = map(float, VALUE_RANGE.value)
  except ValueError as error:
    raise InputError(
      f"--value_range={','.join(VALUE_RANGE.value)}: it takes two numbers, such as 0,1"
    ) from error
  return low, high


def main(rest: list[str]) -> None:
  """Checks the flags, then evaluates checkpoints or images, prints and writes."""
  cli.require(rest)
  if bool(WORKDIR.value) == bool(GENERATED.value):
    many = "both are given" if WORKDIR.value else "neither is given"
    raise InputError(f"{many}: --workdir=DIR evaluates a run, --generated=FOLDER_OR_FILE evaluates images")
  other, given = (OF_IMAGES, "--workdir") if WORKDIR.value else (OF_RUNS, "--generated")
  for name in other:
    if FLAGS[name].present:
      raise InputError(f"--{name} does not go with {given}; leave it out")
  failed = evaluate_run(options()) if WORKDIR.value else evaluate_images(options())
  if failed:
    raise InputError("; ".join(f"{what}: {reason}" for what, reason in failed.items()))


def evaluate_images(how: Options) -> dict[str, str]:
  """Evaluates images; returns what has no number, and why."""
  cli.require((), reference=REFERENCE.value, out=OUT.value)
  out, given, reference = pathlib.Path(str(OUT.value)), str(GENERATED.value), str(REFERENCE.value)
  name = how.name or samples.name_of(given)
  files.check_record(out, name, given, reference, TRAINING.value, how.save_statistics)
  images = to_evaluate(given, how.value_range)
  evaluator = Evaluator(images, reference, how, TRAINING.value)
  return evaluate_one(evaluator, images, out, files.write_record)


def evaluate_run(how: Options) -> dict[str, str]:
  """Evaluates checkpoints of a run; returns what has no number, and why."""
  workdir = folder(str(WORKDIR.value))
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
    path = workdir / "eval" / f"{run.step}{how.sampling.suffix}.json"
    missing = evaluate_one(evaluator, run, path, files.write)
    failed |= {f"step {step}: {name}": reason for name, reason in missing.items()}
  return failed


def evaluate_one(
  evaluator: Evaluator,
  subject: Run | ImageSet,
  path: pathlib.Path,
  write: Callable[[Evaluation, pathlib.Path], None],
) -> dict[str, str]:
  """Evaluates a checkpoint or images, prints and writes; returns what was named and has no number, and why.

  If nothing has a number, returns why that is so of everything.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  found = evaluator.evaluate(subject, pictures=path.with_suffix(""), command=cli.command())
  log.show(str(found))
  if processes.is_first():
    write(found, path)
  missing = evaluator.missing(found)
  return missing if evaluator.options.named or not set(evaluator.names) - set(missing) - {"sampling"} else {}


if __name__ == "__main__":
  cli.run(main, FLAGS)
