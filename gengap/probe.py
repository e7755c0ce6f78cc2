"""Probes the latent space of a trained run: is it continuous, what do its dimensions do, what is beyond it?

  python -m gengap.probe --workdir=DIR [--step=last|best|all|0|N] [--probes=a,b,...] [--num_samples=1000]
    [--classifier=DIR] [--features=inception --inception=FILE | --features=pixels]
    [--dims=1,5,10] [--grid=0,1] [--classes=2,5] [--outside=DATASET]

Prints what it finds, each number with an interval of 95 %, and writes probes/STEP/NAME.json and NAME.png:

  interpolation  paths between latents: random ones, within a class and across classes
  traversal      what each latent does, and which directions do most; for one blob, which latents place it
  ood            latents from other priors and radii; images of other data through an autoencoder
  latents        codes of test images: are classes apart, and are they where the prior is?
  inversion      how near it comes to real images, by class
  dynamics       the same latents through training; when modes were dropped

A generator without an encoder gets one, fitted to it by the same trainer (--encoder_steps);
--encoder=fitted fits one to an autoencoder too, so that it is compared with others by the same. With a
classifier (--classifier) probes also tell classes; without features they look at pixels.
"""

import functools
import json
import math
import pathlib
from typing import Any

from absl import flags
from matplotlib.backends.backend_agg import FigureCanvasAgg
from tqdm import tqdm

import gengap
from gengap import arguments, cli, log, paths, processes
from gengap.data import blobs
from gengap.errors import InputError, suggest
from gengap.evaluation import autoencoders, extractors
from gengap.evaluation.extractors import Extractors
from gengap.features import pixels
from gengap.metrics.estimate import Estimate
from gengap.probes import PROBES, UNFIT, Found, Options, Subject, subject
from gengap.run import Run, load, steps
from gengap.training.program import load_data

FLAGS = cli.flags()
processes.define_flags(FLAGS)
WORKDIR = cli.define_path("workdir", "Folder of the run.", FLAGS)
STEP = flags.DEFINE_string(
  "step", "last", "Checkpoint: last, best, all, a number, or 0: before training.", flag_values=FLAGS
)
NAMES = flags.DEFINE_list(
  "probes", [], "Which to take; by default all that the run has an answer to.", flag_values=FLAGS
)
NUM_SAMPLES = flags.DEFINE_integer(
  "num_samples", 1000, "Images in a set; a probe may take a part of it.", flag_values=FLAGS
)
SEED = flags.DEFINE_integer("seed", 0, "Of all that is drawn.", flag_values=FLAGS)
DIMS = flags.DEFINE_list(
  "dims", [], "Latents to draw, from 0 on; by default those that do most.", flag_values=FLAGS
)
GRID = flags.DEFINE_list(
  "grid", [], "Two latents to draw against each other; by default those that do most.", flag_values=FLAGS
)
CLASSES = flags.DEFINE_list(
  "classes", [], "Between which paths lead, by name or number; by default all.", flag_values=FLAGS
)
OUTSIDE = flags.DEFINE_string(
  "outside", "", "Data of images that an autoencoder has not seen; by default blobs.", flag_values=FLAGS
)
ENCODER = flags.DEFINE_enum(
  "encoder",
  None,
  ["own", "fitted"],
  "Whose codes; by default the run's own, if it has any.",
  flag_values=FLAGS,
)
ENCODER_STEPS = flags.DEFINE_integer(
  "encoder_steps", 1000, "Updates of the fitted encoder; 0 fits none.", flag_values=FLAGS
)
EXTRACTOR = arguments.define_extractor_flags(FLAGS)


def numbers(flag: flags.FlagHolder, limit: int, what: str) -> tuple[int, ...]:
  """Returns a flag's values as whole numbers from 0 up to a limit.

  Raises:
    InputError: one is none, or it stands twice.
  """
  for value in flag.value:
    if not value.isdecimal() or int(value) >= limit:
      raise InputError(f"--{flag.name}: {value!r} is no {what}; there are 0 to {limit - 1}")
  found = tuple(map(int, flag.value))
  if len(set(found)) < len(found):
    raise InputError(f"--{flag.name}={','.join(flag.value)} names one twice")
  return found


def options(run: Run, classes: tuple[str, ...]) -> Options:
  """Returns what the flags say.

  Raises:
    InputError: a latent or a class that is not there.
  """
  dim = run.method.latent_dim
  named = []
  for value in CLASSES.value:
    if value not in classes and not (value.isdecimal() and int(value) < len(classes)):
      known = ", ".join(classes)
      raise InputError(
        f"--classes: the data have no class {value!r}; there are {known}{suggest(value, classes)}"
      )
    named.append(classes.index(value) if value in classes else int(value))
  if len(set(named)) < len(named) or len(named) == 1:
    raise InputError(f"--classes={','.join(CLASSES.value)}: paths need two different classes at least")
  grid = numbers(GRID, dim, "latent")
  if len(grid) not in (0, 2):
    raise InputError(f"--grid={','.join(GRID.value)}: two latents are needed, such as 0,1")
  return Options(NUM_SAMPLES.value, SEED.value, numbers(DIMS, dim, "latent"), grid, tuple(named))


def outside(run: Run) -> Any:
  """Returns images of other data [N, H, W, C]; None where nothing can be said of them.

  Raises:
    InputError: they are asked for, and the run has no encoder of its own.
  """
  if not run.method.encodes:
    if OUTSIDE.value:
      raise InputError(f"--outside: a run of {run.config.method!r} has no encoder of its own")
    return None
  if ENCODER.value == "fitted":
    if OUTSIDE.value:
      raise InputError("--outside asks the run's own encoder: leave --encoder=fitted out")
    return None
  base = run.config.dataset.partition("/")[0]
  other = OUTSIDE.value or next(name for name in blobs.COUNT if name != base)
  return subject.examples(autoencoders.test_data(run, other), NUM_SAMPLES.value, SEED.value).image


def describe(name: str, found: Found) -> str:
  """Returns what a probe found as lines."""
  width = max((len(key) for key in found.numbers), default=0)
  lines = [f"  {key:{width}}  {value}" for key, value in found.numbers.items()]
  by = ", ".join(
    f"{key} {value}" for key, value in found.detail.items() if isinstance(value, int | float | str)
  )
  return "\n".join([f"{name} ({by})", *lines, *(f"  {note}" for note in found.notes)])


def write(folder: pathlib.Path, name: str, found: Found, protocol: dict[str, Any]) -> None:
  """Writes what a probe found and the command that asked; then its picture, which may fail."""
  seen = {
    "command": cli.command(),
    "protocol": protocol,
    "numbers": {key: as_json(value) for key, value in found.numbers.items()},
    "detail": found.detail,
    "notes": found.notes,
  }
  text = json.dumps(json.loads(json.dumps(seen), parse_constant=lambda _: None), indent=2)
  picture = folder / f"{name}.png"
  paths.write(folder / f"{name}.json", text + "\n")
  picture.unlink(missing_ok=True)  # it is of what was found before
  try:
    figure = found.draw()
    FigureCanvasAgg(figure)
    figure.savefig(picture)
  except Exception as error:  # whatever a picture fails of, the numbers are there
    picture.unlink(missing_ok=True)
    log.say(f"{picture} is not drawn: {type(error).__name__}: {error}")


def as_json(number: Estimate) -> dict[str, Any]:
  """Returns a number with its interval, and how many rows it leaves out if any."""
  plain = {key: getattr(number, key) for key in ("value", "low", "high")}
  left_out = {"left_out": number.left_out} if number.left_out else {}
  return {key: x if math.isfinite(x) else None for key, x in plain.items()} | left_out


def chosen(who: Subject, method: str) -> list[str]:
  """Returns the probes to take: those that are asked for, or all that suit the run and its data.

  Raises:
    InputError: one that is asked for does not suit them.
  """
  why = {name: reason for name in PROBES if (reason := UNFIT[name](who))}
  for name in NAMES.value:
    if name in why:
      raise InputError(f"--probes={name} is not for this run of {method!r}: {why[name]}")
  if NAMES.value:
    return NAMES.value
  for name, reason in why.items():
    log.say(f"without {name}: {reason}")
  return [name for name in PROBES if name not in why]


def take(
  who: Subject, names: list[str], how: Options, folder: pathlib.Path, taken: dict[str, Any]
) -> list[str]:
  """Takes probes one after the other and writes what they find; returns what failed, and why.

  Args:
    who: is probed.
    names: of the probes.
    how: what they are told.
    folder: to write to.
    taken: their protocol.
  """
  failed = []
  for name in names:
    try:
      found = ask(who, name, how)
    except (InputError, ValueError, ArithmeticError) as error:  # bad input or numbers; the other probes go on
      failed.append(f"{name} of {folder.name}: {error}")
      log.say(f"without {failed[-1]}")
      continue
    if processes.is_first():
      write(folder, name, found, taken)
    log.say(describe(f"step {folder.name}: {name}", found))
  return failed


def ask(who: Subject, name: str, how: Options) -> Found:
  """Takes a probe, with a progress bar of the images that it generates."""
  with tqdm(desc=name, unit=" images", disable=None, leave=False) as bar:

    def generate(z: Any, label: Any) -> Any:
      bar.update(len(z))
      return who.generate(z, label)

    return PROBES[name](who._replace(generate=generate), how)


def check() -> None:
  """Refuses flags that are wrong whatever the run.

  Raises:
    InputError: one is.
  """
  for flag, least in ((NUM_SAMPLES, 20), (ENCODER_STEPS, 0), (SEED, 0)):
    if flag.value < least:
      raise InputError(f"--{flag.name} is {flag.value}; it must be at least {least}")
  if ENCODER.value == "fitted" and not ENCODER_STEPS.value:
    raise InputError("--encoder=fitted needs --encoder_steps of at least 1")
  for name in NAMES.value:
    if name not in PROBES:
      raise InputError(f"--probes={name} is none of {', '.join(PROBES)}{suggest(name, PROBES)}")


def check_run(run: Run) -> None:
  """Refuses flags that do not suit the run.

  Raises:
    InputError: one does not, or the run makes no images.
  """
  run.generator()  # refuses
  if not run.method.encodes and ENCODER.value == "own":
    raise InputError(f"--encoder=own: a run of {run.config.method!r} has no encoder of its own")


def main(rest: list[str]) -> None:
  """Checks the flags, then probes and writes."""
  cli.require(rest, workdir=WORKDIR.value)
  check()
  workdir = pathlib.Path(str(WORKDIR.value))
  wanted = steps(workdir, STEP.value)
  run = load(workdir, wanted[0])
  check_run(run)
  paths.check_writable(workdir / "probes", "--workdir")
  train, test = load_data(run.config, "train"), load_data(run.config, "test")
  how, others = options(run, test.classes), outside(run)
  build = functools.partial(
    subject.build,
    train=train,
    test=test,
    number=how.number,
    seed=how.seed,
    updates=ENCODER_STEPS.value,
    fitted=ENCODER.value == "fitted",
    outside=others,
    workdir=workdir,
  )
  names, failed = chosen(build(run, sight=Extractors()), run.config.method), []
  values = {name: flag.value for name, flag in EXTRACTOR.items()}
  sight = extractors.select(run.config.dataset, test, **values, required=bool(values["features"]))
  if not sight.features:
    log.say("features are pixels")
  for step in wanted:
    run = load(workdir, step)
    who, folder = build(run, sight=sight), workdir / "probes" / str(run.step)
    failed += take(who, names, how, folder, protocol(run, who, sight, how))
    log.say(f"written: {folder}" if folder.exists() else f"nothing written of step {run.step}")
  if failed and (NAMES.value or len(failed) == len(names) * len(wanted)):
    raise InputError("; ".join(failed))


def protocol(run: Run, who: Subject, sight: Extractors, how: Options) -> dict[str, Any]:
  """Returns all that is needed to take a probe again."""
  return {
    "step": run.step,
    "weights": "ema" if run.config.ema else "last",
    "split": "test",
    "images": {"train": len(who.train.image), "test": len(who.test.image)},
    "labels": run.label_frequencies,
    "options": how._asdict(),
    "encoder": who.encoder,
    "encoder_steps": who.fit_steps,
    "features": (sight.features or pixels.extractor()).protocol,
    "classifier": sight.classifier.protocol if sight.classifier else None,
    "version": gengap.__version__,
  }


if __name__ == "__main__":
  cli.run(main, FLAGS)
