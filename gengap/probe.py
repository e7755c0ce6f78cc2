"""Probes the latent space of a trained run: is it continuous, what do its dimensions do, what is beyond it?

  python -m gengap.probe --workdir=DIR [--step=last|best|all|0|N] [--probes=a,b,...] [--num_samples=1000]
    [--classifier=DIR|train|zoo:NAME] [--features=inception|dinov2|pixels|MODULE:NAME|... [--weights=FILE]]
    [--dims=1,5,10] [--grid=0,1] [--classes=2,5] [--outside=DATASET] [--figures=png,pdf,svg]

Prints the results, each number with an interval of 95 %, and writes probes/STEP/NAME.json and NAME.png:

  interpolation  paths between latents: random ones, within a class and across classes
  traversal      the effect of each latent and the most effective directions; for one blob, its position
  ood            latents from other priors and radii; images of other data through an autoencoder
  latents        codes of test images: are classes separated, and do the codes follow the prior?
  inversion      how close the generator comes to real images, by class
  dynamics       the same latents during training; when modes were dropped

A generator without an encoder gets one, fitted to it by the same trainer (--encoder_steps).
--encoder=fitted fits one to an autoencoder too, so that its numbers compare with those of other models. With
a classifier (--classifier) probes also report classes. Without features they compare pixels.
"""

from absl import flags

from gengap.command_line import arguments, cli
from gengap.distributed import processes
from gengap.errors import InputError
from gengap.logs import log
from gengap.probes.probing import prepare
from gengap.probes.settings import Settings
from gengap.run import folder, load, steps
from gengap.storage import paths

FLAGS = cli.flags()
processes.define_flags(FLAGS)
WORKDIR = cli.define_path("workdir", "Folder of the run, or zoo:NAME.", FLAGS, remote=True)
STEP = flags.DEFINE_string(
  "step", "last", "Checkpoint: last, best, all, a number, or 0: before training.", flag_values=FLAGS
)
NAMES = flags.DEFINE_list(
  "probes", [], "Probes to take; by default all that suit the run and its data.", flag_values=FLAGS
)
NUM_SAMPLES = flags.DEFINE_integer(
  "num_samples", 1000, "Images in a set; a probe may use a part of them.", flag_values=FLAGS
)
SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.", flag_values=FLAGS)
DIMS = flags.DEFINE_list(
  "dims", [], "Latents to draw, from 0 on; by default those with the largest effects.", flag_values=FLAGS
)
GRID = flags.DEFINE_list(
  "grid",
  [],
  "Two latents to draw against each other; by default those with the largest effects.",
  flag_values=FLAGS,
)
CLASSES = flags.DEFINE_list(
  "classes", [], "Classes that paths connect, by name or number; by default all.", flag_values=FLAGS
)
OUTSIDE = flags.DEFINE_string(
  "outside",
  "",
  "Data set of images that an autoencoder was not trained on; by default blobs.",
  flag_values=FLAGS,
)
ENCODER = flags.DEFINE_enum(
  "encoder",
  None,
  ["own", "fitted"],
  "Whose codes; by default those of the run's own encoder if it has one.",
  flag_values=FLAGS,
)
ENCODER_STEPS = flags.DEFINE_integer(
  "encoder_steps", 1000, "Updates of the fitted encoder; 0 fits none.", flag_values=FLAGS
)
FIGURES = flags.DEFINE_list("figures", ["png"], "Formats of figures: png, pdf, svg.", flag_values=FLAGS)
EXTRACTOR = arguments.define_extractor_flags(FLAGS)


def settings() -> Settings:
  """Returns the settings that the flags give."""
  return Settings(
    probes=NAMES.value,
    num_samples=NUM_SAMPLES.value,
    seed=SEED.value,
    dims=DIMS.value,
    grid=GRID.value,
    classes=CLASSES.value,
    outside=OUTSIDE.value,
    encoder=ENCODER.value,
    encoder_steps=ENCODER_STEPS.value,
    figures=FIGURES.value,
    **{name: flag.value for name, flag in EXTRACTOR.items()},
  )


def main(rest: list[str]) -> None:
  """Checks the flags, then probes every checkpoint."""
  cli.require(rest, workdir=WORKDIR.value)
  chosen = settings()
  workdir = folder(str(WORKDIR.value))
  wanted = steps(workdir, STEP.value)
  run = load(workdir, wanted[0])
  chosen.check_run(run)
  paths.check_writable(workdir / "probes", "--workdir")
  prober, failed = prepare(run, chosen, workdir, cli.command()), []
  for step in wanted:
    out = workdir / "probes" / str(step)
    results = prober.probe(load(workdir, step), out)
    failed += [f"{name} of {step}: {reason}" for name, reason in results.failed.items()]
    log.say(f"written: {out}" if out.exists() else f"nothing written of step {step}")
  if failed and (NAMES.value or len(failed) == len(prober.names) * len(wanted)):
    raise InputError("; ".join(failed))


if __name__ == "__main__":
  cli.run(main, FLAGS)
