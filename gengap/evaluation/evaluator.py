"""Evaluates runs and images: the function that the command line, scripts and notebooks share."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

import gengap
from gengap import log
from gengap.data import Dataset
from gengap.errors import InputError
from gengap.evaluation import diagnostics, extractors, images, references, samples
from gengap.evaluation.diagnostics import DIAGNOSTICS, ON_IMAGES
from gengap.evaluation.extractors import OF_FEATURES, Extractors
from gengap.evaluation.options import Options
from gengap.evaluation.references import References
from gengap.evaluation.sample_metrics import METRICS
from gengap.evaluation.scoring import SampleEvaluator
from gengap.evaluation.types import Evaluation
from gengap.run import Run, load


def evaluate(
  images_or_run: Any,
  reference: str | Dataset | np.ndarray | None = None,
  *,
  features: str | None = None,
  metrics: Any = None,
  num_samples: int = 10_000,
  training: str | Dataset | np.ndarray | None = None,
  step: str | int = "last",
  **options: Any,
) -> Evaluation:
  """Evaluates a run, or images from anywhere, beside real images.

    run = gengap.load("runs/vae")
    print(evaluate(run, features="pixels", metrics=["frechet", "prdc"]))
    evaluate(images, "cifar10:test", inception="inception.safetensors").scores["frechet"].value

  A metric that cannot be computed is skipped, with the reason in the result. A metric that `metrics` names is
  refused instead, before any work.

  Args:
    images_or_run: a `Run`, the workdir of one, or images [N, H, W, C] uint8 or float in [-1, 1].
    reference: real images to compare with: the name of a data set, "cifar10" or "cifar10:test"; a `Dataset`;
      or images. None: the test images of the run's own data set.
    features: "inception", "classifier" or "pixels"; None: "inception" for colour images, else "classifier".
    metrics: names of metrics; None: all that suit.
    num_samples: samples of the run, and real images of each set. Of more images as many are drawn.
    training: images that the generator was trained on, for memorisation and floors: as `reference`. None:
      those of the run, or of the named data set.
    step: checkpoint of a workdir: "last", "best" or a number.
    **options: other fields of `Options`.

  Raises:
    InputError: an argument is wrong, or something that is asked for is missing. Errors name an option as its
      flag.
  """
  chosen = Options(features=features, metrics=metrics, num_samples=num_samples, **options)
  subject = load(images_or_run, step) if isinstance(images_or_run, str | os.PathLike) else images_or_run
  return Evaluator(subject, reference, chosen, training).evaluate(subject)


class Evaluator:
  """Evaluates any number of checkpoints of a run, or sets of images, by one protocol.

  The real images, their features and the floors are computed once.
  """

  def __init__(
    self, subject: Any, reference: Any = None, options: Options | None = None, training: Any = None
  ):
    """Checks everything that is asked for, then computes what the evaluations share.

    Args:
      subject: a `Run`, or images. All that are evaluated must be of its kind.
      reference: see `evaluate`.
      options: how to evaluate; None: the defaults.
      training: see `evaluate`.

    Raises:
      InputError: see `evaluate`.
    """
    self.options = options = options or Options()
    self.run = subject if isinstance(subject, Run) else None
    given = self.run or images.checked(subject, "images_or_run")
    self.number = options.num_samples if self.run else min(options.num_samples, len(given))
    found = references.build(given, reference, training, options.data_dir)
    self.names = self.suitable(found)
    self.inputs = self.diagnostic_inputs()
    chosen = self.extractors(found)
    sampled = [name for name in self.names if name in METRICS]
    self.scorer = SampleEvaluator(found, chosen, sampled, self.number) if sampled else None
    for note in self.scorer.notes() if self.scorer else ():
      log.say(note)

  def suitable(self, found: References) -> list[str]:
    """Returns the metrics and diagnostics to compute, from names and sizes alone.

    Raises:
      InputError: none suits the run, or one that is named does not, lacks an option, or has too few images.
    """
    named, outside = self.options.named, self.options.outside
    can = suitable(self.run, self.of_blobs(found), outside)
    who = f"a run of {self.run.config.method!r}" if self.run else "images without a run"
    if not can:
      raise InputError(f"{who} makes no images and has neither an encoder nor a likelihood to judge")
    for name in named:
      if name == "outside" and not outside:
        raise InputError("--metrics=outside needs --outside=DATASET")
      if name not in can:
        raise InputError(f"--metrics={name}: {who} has no answer; it has {', '.join(can)}")
      if name in METRICS and (why := found.missing(name) or found.too_few(name, self.number)):
        raise InputError(f"--metrics={name}: {why}")
    if outside and "outside" not in can:
      log.say(f"--outside is not used: {who} has no likelihood of images")
    return named or can

  def diagnostic_inputs(self) -> diagnostics.Inputs | None:
    """Returns what the diagnostics look at; None without a run.

    Raises:
      InputError: there are too few images, or a data set is missing.
    """
    o = self.options
    return self.run and diagnostics.inputs(self.run, self.names, o.num_images, o.outside, o.samples, o.seed)

  def extractors(self, found: References) -> Extractors:
    """Returns the feature extractor and the classifier; says what is missing, unless metrics are named.

    Raises:
      InputError: one is asked for and missing.
    """
    o, named = self.options, [name for name in self.options.named if name in METRICS]
    needs: frozenset[str] = frozenset().union(*(METRICS[name].needs for name in named))
    required = bool(o.features or needs & OF_FEATURES)
    by_default = not o.named and not (self.run and not self.run.method.generate)
    if required or by_default or o.classifier:
      chosen = extractors.select(
        found.dataset,
        found.real,
        features=o.features,
        inception=o.inception,
        resize=o.resize,
        classifier=o.classifier,
        required=required,
      )
    else:
      chosen = Extractors()
    chosen = chosen._replace(blobs=self.of_blobs(found))
    for name in named:
      if why := chosen.missing(METRICS[name].needs):
        raise InputError(f"--metrics={name}: {why}")
    return chosen

  def of_blobs(self, found: References) -> bool:
    """Whether the images to evaluate are of blobs."""
    return extractors.of_blobs(self.run.config.dataset if self.run else found.dataset)

  def evaluate(self, subject: Any, pictures: pathlib.Path | None = None, command: str = "") -> Evaluation:
    """Evaluates a checkpoint, or images.

    Args:
      subject: a `Run`, or images.
      pictures: beginning of the names of pictures of reconstructions, such as eval/100; None: none are drawn.
      command: that asks for the evaluation.
    """
    result = self.scorer.score(self.samples(subject)) if self.scorer else Evaluation()
    result = dataclasses.replace(result, commands=(command,) if command else ())
    if not isinstance(subject, Run) or not self.inputs:
      return result
    result = dataclasses.replace(result, step=subject.step, weights="ema" if subject.config.ema else "last")
    blocks, inputs = {}, self.inputs._replace(pictures=pictures)
    protocol = {"split": "test", "images": len(inputs.images), "seed": self.options.seed}
    protocol["version"] = gengap.__version__
    for name in (name for name in self.names if name in DIAGNOSTICS):
      numbers = diagnostics.compute(name, subject, inputs, self.options.seed)
      blocks[name] = numbers | ({"protocol": protocol} if name in ON_IMAGES else {})
    used = protocol if ON_IMAGES & set(self.names) else {}
    return dataclasses.replace(result, diagnostics=blocks, diagnostics_protocol=used)

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

  def samples(self, subject: Any) -> samples.Samples:
    """Returns the samples of a run, or images."""
    if isinstance(subject, Run):
      return samples.of_run(subject, self.number, self.options.sample_seeds)
    return samples.of_images(images.checked(subject, "images_or_run"), self.number)


def suitable(run: Run | None, of_blobs: bool, outside: str) -> list[str]:
  """Returns the metrics and diagnostics that suit a run, or images, whatever else they may lack."""
  names = {name for name, diagnostic in DIAGNOSTICS.items() if run and diagnostic.suits(run)}
  names -= set() if outside else {"outside"}
  if not run or run.method.generate:
    names |= METRICS.keys() - (set() if of_blobs else {"blobs"})
  return [name for name in (*METRICS, *DIAGNOSTICS) if name in names]
