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

A generator without an encoder gets one, fitted to it by the same trainer (--encoder_steps). With a
classifier (--classifier) probes also tell classes; without features they look at pixels.
"""

import json
import math
import pathlib
from typing import Any

from absl import flags
from matplotlib.backends.backend_agg import FigureCanvasAgg
from tqdm import tqdm

import gengap
from gengap import cli, diagnose, eyes, log, paths, processes, subject
from gengap.data import blobs
from gengap.errors import InputError, suggest
from gengap.probes import NEED_AN_ENCODER, PROBES, Found, Options, Subject
from gengap.program import load_data
from gengap.run import Run, load, steps

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
ENCODER_STEPS = flags.DEFINE_integer(
  "encoder_steps", 1000, "Updates of the fitted encoder; 0 fits none.", flag_values=FLAGS
)
SIGHT = eyes.define_flags(FLAGS)


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
  if "code" not in run.method.represent:
    if OUTSIDE.value:
      raise InputError(f"--outside: a run of {run.config.method!r} has no encoder of its own")
    return None
  base = run.config.dataset.partition("/")[0]
  other = OUTSIDE.value or next(name for name in blobs.COUNT if name != base)
  return subject.examples(diagnose.test_data(run, other), NUM_SAMPLES.value, SEED.value).image


def describe(name: str, found: Found) -> str:
  """Returns what a probe found as lines."""
  width = max((len(key) for key in found.numbers), default=0)
  lines = [f"  {key:{width}}  {value}" for key, value in found.numbers.items()]
  by = ", ".join(
    f"{key} {value}" for key, value in found.detail.items() if isinstance(value, int | float | str)
  )
  return "\n".join([f"{name} ({by})", *lines, *(f"  {note}" for note in found.notes)])


def write(folder: pathlib.Path, name: str, found: Found, protocol: dict[str, Any]) -> None:
  """Writes what a probe found, its picture, and the command that asked."""
  folder.mkdir(parents=True, exist_ok=True)
  values = {key: [x if math.isfinite(x) else None for x in value] for key, value in found.numbers.items()}
  seen = {
    "command": cli.command(),
    "protocol": protocol,
    "numbers": {key: dict(zip(("value", "low", "high"), x, strict=True)) for key, x in values.items()},
    "detail": found.detail,
    "notes": found.notes,
  }
  text = json.dumps(json.loads(json.dumps(seen), parse_constant=lambda _: None), indent=2)
  (folder / f"{name}.json").write_text(text + "\n")
  FigureCanvasAgg(found.figure)
  found.figure.savefig(folder / f"{name}.png")


def answerable(run: Run) -> list[str]:
  """Returns the probes that a run has an answer to.

  Raises:
    InputError: one that is asked for needs an encoder, and there is none; or the run makes no images.
  """
  run.generator()  # refuses
  if "code" in run.method.represent or ENCODER_STEPS.value:
    return NAMES.value or list(PROBES)
  for name in NAMES.value:
    if name in NEED_AN_ENCODER:
      raise InputError(
        f"--probes={name} needs an encoder, and a run of {run.config.method!r} has none; "
        "--encoder_steps=1000 fits one"
      )
  return NAMES.value or [name for name in PROBES if name not in NEED_AN_ENCODER]


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
  for name in NAMES.value:
    if name not in PROBES:
      raise InputError(f"--probes={name} is none of {', '.join(PROBES)}{suggest(name, PROBES)}")


def main(rest: list[str]) -> None:
  """Checks the flags, then probes and writes."""
  cli.require(rest, workdir=WORKDIR.value)
  check()
  workdir = pathlib.Path(str(WORKDIR.value))
  wanted = steps(workdir, STEP.value)
  run = load(workdir, wanted[0])
  names = answerable(run)
  paths.check_writable(workdir / "probes", "--workdir")
  train, test = load_data(run.config, "train"), load_data(run.config, "test")
  how, others = options(run, test.classes), outside(run)
  sight = eyes.opened(SIGHT, run, test, bool(SIGHT.features.value))
  if not sight.features:
    log.say("features are pixels")
  for step in wanted:
    run = load(workdir, step)
    who = subject.build(
      run,
      train,
      test,
      sight,
      how.number,
      how.seed,
      updates=ENCODER_STEPS.value,
      outside=others,
      workdir=workdir,
    )
    for name in names:
      found = ask(who, name, how)
      if processes.first():
        write(workdir / "probes" / str(run.step), name, found, protocol(run, sight, how))
      log.say(describe(f"step {run.step}: {name}", found))
    log.say(f"written: {workdir / 'probes' / str(run.step)}")


def protocol(run: Run, sight: eyes.Eyes, how: Options) -> dict[str, Any]:
  """Returns all that is needed to take a probe again."""
  return {
    "step": run.step,
    "weights": "ema" if run.config.ema else "last",
    "split": "test",
    "labels": run.label_frequencies,
    "options": how._asdict(),
    "encoder": "own" if "code" in run.method.represent else "fitted",
    "encoder_steps": ENCODER_STEPS.value,
    "features": (sight.features or eyes.pixel_eye()).protocol,
    "classifier": sight.classifier.protocol if sight.classifier else None,
    "version": gengap.__version__,
  }


if __name__ == "__main__":
  cli.run(main, FLAGS)
