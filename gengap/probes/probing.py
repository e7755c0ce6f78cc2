"""Probes the checkpoints of a run: what the command line and Python call."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal

from gengap.data import blobs
from gengap.errors import InputError
from gengap.evaluation import autoencoders, extractors, trained_classifiers
from gengap.evaluation.extractors import Extractors
from gengap.logs.log import say
from gengap.probes import subject as subjects
from gengap.probes.prober import Prober
from gengap.probes.result import FIGURES, ProbeResults
from gengap.probes.settings import Path, Settings
from gengap.probes.table import PROBES
from gengap.probes.types import Array, Subject
from gengap.run import Run, load
from gengap.training.program import load_data


def probe(
  run: Run | Path,
  *,
  step: int | str = "last",
  workdir: Path | None = None,
  folder: Path | None = None,
  probes: Sequence[str] = (),
  num_samples: int = 1000,
  seed: int = 0,
  dims: Sequence[int | str] = (),
  grid: Sequence[int | str] = (),
  classes: Sequence[int | str] = (),
  outside: str = "",
  encoder: Literal["own", "fitted"] | None = None,
  encoder_steps: int = 1000,
  features: Any = None,
  inception: Path | None = None,
  weights: Path | None = None,
  resize: str = "clean",
  classifier: Path | None = None,
  figures: Sequence[str] = FIGURES[:1],
  command: str = "",
) -> ProbeResults:
  """Probes the latent space of a run.

    results = gengap.probes.probe("runs/wgan_gp", probes=["traversal"], features="pixels")
    results["traversal"].numbers["top_dim"]  # an Estimate: value, low, high
    results["traversal"].figure()

  Args:
    run: a checkpoint, or the workdir of a run.
    step: checkpoint of a workdir: "last", "best", a number, or 0 for the weights before training.
    workdir: of the run, where `dynamics` finds its other checkpoints; not needed if `run` is a workdir.
    folder: where each NAME.json and NAME.png is written as soon as its probe ends, such as
      WORKDIR/probes/STEP; None writes nothing.
    probes: names; () takes all that suit the run and its data.
    num_samples: images in a set; a probe may use a part of them.
    seed: of all random numbers.
    dims: latents to draw, from 0 on; () draws those with the largest effects.
    grid: two latents to draw against each other; () draws those with the largest effects.
    classes: that paths connect, by name or number; () means all.
    outside: data set of images that an autoencoder was not trained on; "" takes blobs.
    encoder: "own" or "fitted"; None takes the run's own if there is one, and fits one otherwise.
    encoder_steps: updates of the fitted encoder; 0 fits none.
    features: as for `gengap.evaluation.evaluate`; None takes Inception's of colour images and a classifier's
      of others, or pixels if these are not given.
    inception: file of Inception's weights; None: see `gengap.features.pretrained`.
    weights: file of the weights of the network that `features` names.
    resize: how images are resized for Inception.
    classifier: workdir of a classifier of the run's data set, for features and classes; "train" trains one,
      or takes the one that was trained before.
    figures: formats of figures that are written: "png", "pdf", "svg".
    command: stored with the results, to tell how they were made.

  Raises:
    InputError: an argument is wrong or does not suit the run, which is checked before anything is computed.
  """
  settings = Settings(
    probes=probes,
    num_samples=num_samples,
    seed=seed,
    dims=dims,
    grid=grid,
    classes=classes,
    outside=outside,
    encoder=encoder,
    encoder_steps=encoder_steps,
    features=features,
    inception=inception,
    weights=weights,
    resize=resize,
    classifier=classifier,
    figures=figures,
  )
  if not isinstance(run, Run):
    run, workdir = load(run, step), workdir or run
  return prepare(run, settings, workdir, command).probe(run, folder)


def prepare(run: Run, settings: Settings, workdir: Path | None = None, command: str = "") -> Prober:
  """Checks settings against a run, and opens its data and networks.

  Args:
    run: any checkpoint of the run.
    settings: of all checkpoints.
    workdir: of the run, for its other checkpoints; None leaves them out.
    command: stored with the results.

  Raises:
    InputError: a setting does not suit the run, or a file is missing.
  """
  settings.check_run(run)
  train, test = load_data(run.config, "train"), load_data(run.config, "test")
  options, outside = settings.options(run, test.classes), outside_images(run, settings)
  prober = Prober(
    settings=settings,
    options=options,
    names=(),
    skipped={},
    train=train,
    test=test,
    outside=outside,
    extractors=Extractors(),
    workdir=workdir,
    command=command,
  )
  names, skipped = choose(prober.subject(run), settings.probes, run.config.method)
  opened = extractors.select(
    run.config.dataset,
    test,
    features=settings.features,
    inception=settings.inception,
    weights=settings.weights,
    resize=settings.resize,
    classifier=trained_classifiers.find_or_train(settings.classifier, run.config.dataset, test, run.config),
    required=settings.features is not None,
  )
  if not opened.features:
    say("features are pixels")
  return prober._replace(names=names, skipped=MappingProxyType(skipped), extractors=opened)


def outside_images(run: Run, settings: Settings) -> Array | None:
  """Returns images of another data set [N, H, W, C]; None if there is no autoencoder to reconstruct them.

  Raises:
    InputError: they are asked for, and the run's own encoder is missing or replaced.
  """
  if not run.method.encodes:
    if settings.outside:
      raise InputError(f"--outside: a run of {run.config.method!r} has no encoder of its own")
    return None
  if settings.encoder == "fitted":
    if settings.outside:
      raise InputError("--outside asks the run's own encoder: leave --encoder=fitted out")
    return None
  base = run.config.dataset.partition("/")[0]
  other = settings.outside or next(name for name in blobs.COUNT if name != base)
  data = autoencoders.test_data(run, other)
  return subjects.examples(data, settings.num_samples, settings.seed).image


def choose(subject: Subject, wanted: Sequence[str], method: str) -> tuple[tuple[str, ...], dict[str, str]]:
  """Returns the probes to take: the wanted ones, or all that suit the subject; and why others do not suit it.

  Raises:
    InputError: a wanted probe does not suit the subject.
  """
  reasons = {name: reason for name, probe in PROBES.items() if (reason := probe.requirements(subject))}
  for name in wanted:
    if name in reasons:
      raise InputError(f"--probes={name} is not for this run of {method!r}: {reasons[name]}")
  if wanted:
    return tuple(wanted), {}
  for name, reason in reasons.items():
    say(f"without {name}: {reason}")
  return tuple(name for name in PROBES if name not in reasons), reasons
