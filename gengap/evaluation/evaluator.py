"""Evaluates runs and images: the function that the command line, scripts and notebooks share."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import gengap
from gengap.errors import InputError, suggest
from gengap.evaluation import (
  curve,
  curve_figure,
  diagnostics,
  images,
  plan,
  protocol,
  references,
  samples,
  sources,
)
from gengap.evaluation.curve import CURVE, RealImages
from gengap.evaluation.diagnostics import DIAGNOSTICS, ON_IMAGES
from gengap.evaluation.extractors import Extractors
from gengap.evaluation.images import Given
from gengap.evaluation.options import Options
from gengap.evaluation.result import Evaluation
from gengap.evaluation.sample_metrics import METRICS
from gengap.evaluation.sampler import Sampler
from gengap.evaluation.scoring import SampleEvaluator
from gengap.evaluation.sources import Reference
from gengap.logs import log
from gengap.metrics.tradeoff import Manifold
from gengap.run import Run, load


def evaluate(
  images_or_run: Run | Given,
  reference: Reference | None = None,
  *,
  features: Any = None,
  metrics: Sequence[str] | None = None,
  num_samples: int = 10_000,
  training: Reference | None = None,
  step: str | int = "last",
  **options: Any,
) -> Evaluation:
  """Evaluates a run, or images from anywhere, beside real images.

    run = gengap.load("runs/vae")
    print(evaluate(run, features="pixels", metrics=["frechet", "prdc"]))
    evaluate(images, "cifar10:test", features="inception").scores["frechet"].value

  A metric that cannot be computed is skipped, with the reason in the result. A metric that `metrics` names is
  refused instead, before any work.

  Args:
    images_or_run: a `Run`, or the workdir of one. Or images: the path of a folder or of a .zip, .npz or .npy
      file (`gengap.data.image_sets.open_images`), or an array [N, H, W, C] uint8 or float in [-1, 1].
    reference: real images to compare with: the name of a data set, "cifar10" or "cifar10:test"; a `Dataset`;
      images, as above; or a .npz file of saved statistics. None: the test images of the run's own data set.
      They are brought to the size of the images to evaluate.
    features: "inception", "dinov2", "classifier", "pixels" or another registered name; a `FeatureExtractor`;
      a function of images [n, H, W, C] uint8 that returns features [n, D]; or "package.module:name" of such a
      function. None: "inception" for colour images, else "classifier".
    metrics: names of metrics; None: all that suit.
    num_samples: samples of the run, and real images of each set. Larger sets are subsampled to this size.
    training: images that the generator was trained on, for memorisation and floors: as `reference`. None:
      those of the run, or of the named data set.
    step: checkpoint of a workdir: "last", "best" or a number.
    **options: other fields of `Options`.

  Raises:
    InputError: an argument is wrong, or something that is asked for is missing. Errors name an option as its
      flag.
  """
  known = [field.name for field in dataclasses.fields(Options)]
  for name in options:
    if name not in known:
      raise InputError(f"{name} is no option of an evaluation: {', '.join(known)}{suggest(name, known)}")
  chosen = Options(features=features, metrics=metrics, num_samples=num_samples, **options)
  if isinstance(images_or_run, str | os.PathLike) and images.is_workdir(images_or_run):
    images_or_run = load(os.fspath(images_or_run), step)
  elif not isinstance(images_or_run, Run):
    images_or_run = images.to_evaluate(images_or_run, chosen.value_range, "images_or_run")  # read once
  return Evaluator(images_or_run, reference, chosen, training).evaluate(images_or_run)


class Evaluator:
  """Evaluates any number of checkpoints of a run, or sets of images, by one protocol.

  The real images, their features and the floors are computed once.
  """

  def __init__(
    self,
    subject: Run | Given,
    reference: Reference | None = None,
    options: Options | None = None,
    training: Reference | None = None,
  ):
    """Checks everything that is asked for, then computes what the evaluations share.

    Args:
      subject: a `Run`, or images. Later calls must evaluate runs too, or images too.
      reference: see `evaluate`.
      options: how to evaluate; None: the defaults.
      training: see `evaluate`.

    Raises:
      InputError: see `evaluate`.
    """
    self.options = options = options or Options()
    self.run = subject if isinstance(subject, Run) else None
    self.images = None if isinstance(subject, Run) else images.to_evaluate(subject, options.value_range)
    data_dir = self.run.config.data_dir if self.run else options.data_dir
    source, trained = (
      None if x is None else sources.find(x, name, data_dir, options.value_range)
      for x, name in ((reference, "--reference"), (training, "--training"))
    )
    self.number = options.num_samples
    options.sampling.check(self.run)
    if self.images is None:
      assert self.run
      shape = self.run.spec.shape
    else:
      channels = sources.channels(source, data_dir)
      shape = images.common_shape(self.images, channels, options.image_size, options.channels)
      self.images, self.number = self.images.fit(shape), min(self.number, len(self.images))
    self.shape, found = shape, references.build(self.run, shape, source, trained, options)
    self.real = found = found.with_changes(self.images, "generated") if self.images else found
    self.names = plan.choose_metrics(self.run, found, options, self.number)
    self.inputs = self.run and diagnostics.inputs(
      self.run, self.names, options.num_images, options.outside, options.samples, options.seed
    )
    chosen = plan.choose_extractors(self.run, found, options)
    plan.check_statistics(found, chosen, options, self.names, shape)
    meaningless = {name: options.sampling.missing(name) for name in self.names}
    sampled = [name for name in self.names if name in METRICS]
    for note in self.notes():
      log.say(note)
    self.scorer = SampleEvaluator(found, chosen, sampled, self.number, meaningless) if sampled else None
    for name in options.named:
      if self.scorer and (why := self.scorer.skipped.get(name)):
        raise InputError(f"--metrics={name}: {why}")
    for note in self.scorer.notes() if self.scorer else ():
      log.say(note)
    self.beside = self.real_images(found, chosen) if CURVE in self.names else None
    if self.scorer and options.save_statistics:
      self.scorer.save_statistics(pathlib.Path(options.save_statistics), shape)

  def evaluate(
    self, subject: Run | Given, pictures: pathlib.Path | None = None, command: str = ""
  ) -> Evaluation:
    """Evaluates a checkpoint, or images.

    Args:
      subject: a `Run`, or images.
      pictures: beginning of the names of pictures, such as eval/100: of reconstructions; of images, of the
        folder with some of them and of the reference. None: none are drawn.
      command: command line, which is stored with the result.
    """
    result = self.scorer.score(self.samples(subject)) if self.scorer else Evaluation()
    result = dataclasses.replace(result, commands=(command,) if command else ())
    if not isinstance(subject, Run):
      if pictures:
        real = None if self.real.statistics else self.real.real.image
        folder = pictures.with_name(f"{pictures.name}_samples")
        images.save_grids(folder, images.given(subject, "images").fit(self.shape), real)
      return dataclasses.replace(result, reference=self.real.record(self.shape))
    if not self.inputs:
      return result
    result = dataclasses.replace(result, step=subject.step, weights="ema" if subject.config.ema else "last")
    blocks, inputs = {}, self.inputs._replace(pictures=pictures)
    protocol = {"split": "test", "images": len(inputs.images), "seed": self.options.seed}
    protocol["version"] = gengap.__version__
    for name in (name for name in self.names if name in DIAGNOSTICS):
      numbers = diagnostics.compute(name, subject, inputs, self.options.seed)
      blocks[name] = numbers | ({"protocol": protocol} if name in ON_IMAGES else {})
    if self.beside:
      blocks[CURVE] = self.measure_curve(subject, self.beside, pictures)
    used = protocol if ON_IMAGES & set(self.names) else {}
    return dataclasses.replace(result, diagnostics=blocks, diagnostics_protocol=used)

  def real_images(self, found: references.References, chosen: Extractors) -> RealImages:
    """Returns the real images that a curve is measured beside: those of precision and coverage."""
    scorer = SampleEvaluator(found, chosen, ["prdc"], self.number)
    manifold, floor_set = Manifold(scorer.real["real"]["features"]), scorer.floor_sets["prdc"] or ""
    floor = manifold.hits(scorer.real[floor_set]["features"]) if floor_set else None
    about = protocol.of_number(scorer.protocol, "prdc", "coverage")
    return RealImages(manifold, chosen, floor, floor_set.removeprefix("floor "), about)

  def measure_curve(self, run: Run, beside: RealImages, pictures: pathlib.Path | None) -> dict[str, Any]:
    """Returns the fidelity-coverage curve of a run, and draws it; or the reason why there is none."""
    options = self.options
    try:
      block = curve.measure(
        self.sampler(run), beside, self.number, options.sample_seeds, options.temperatures
      )
    except InputError as error:
      return {"reason": str(error)}
    if pictures:
      curve_figure.save(pictures.with_name(f"{pictures.name}_curve.png"), {str(run): block})
    return block

  def missing(self, evaluation: Evaluation) -> dict[str, str]:
    """Returns which metrics and diagnostics have no number in an evaluation, and why."""
    found = {}
    for name in self.names:
      block = evaluation.diagnostics.get(name, {})
      if "reason" in block and set(block) <= {"reason", "protocol"}:
        found[name] = block["reason"]
      numbers = METRICS[name].names if name in METRICS else []
      scores = [evaluation.scores[number] for number in numbers if number in evaluation.scores]
      if scores and all(score.value is None for score in scores):
        found[name] = scores[0].reason
    return found

  def notes(self) -> Iterator[str]:
    """Yields what a reader must know about given images: what was left out or changed, and their number."""
    if self.images:
      yield from images.notes(self.images, "generated")
      yield from images.number_notes(self.images, self.options.num_samples)
    yield from self.real.notes(self.options.data_dir if self.images else None)

  def sampler(self, run: Run) -> Sampler:
    """Returns what draws a run's samples."""
    return Sampler(run, self.options.sampling)

  def samples(self, subject: Run | Given) -> samples.Samples:
    """Returns the samples of a run, or images.

    Raises:
      InputError: the images are fewer, or of another shape, than those that the evaluator was built for.
    """
    if isinstance(subject, Run):
      return samples.of_run(self.sampler(subject), self.number, self.options.sample_seeds)
    given, options = images.to_evaluate(subject, self.options.value_range), self.options
    assert self.images
    given = given.fit(self.images.fitted)
    if len(given) < self.number or given.changes != self.images.changes:
      raise InputError(
        f"there are {len(given)} images of {given.sizes_text}; this evaluator is for at least {self.number} "
        f"of {self.images.sizes_text}"
      )
    return samples.of_images(given, self.number, options.seed, options.name, options.family)
