"""What an evaluation computes, and with which networks: everything that is refused is refused here."""

import numpy as np

from gengap.data.image_sets import Shape
from gengap.errors import InputError
from gengap.evaluation import extractors, saved_statistics, trained_classifiers
from gengap.evaluation.curve import CURVE
from gengap.evaluation.diagnostics import DIAGNOSTICS
from gengap.evaluation.extractors import OF_FEATURES, Extractors
from gengap.evaluation.options import Options
from gengap.evaluation.references import References
from gengap.evaluation.sample_metrics import METRICS
from gengap.logs import log
from gengap.run import Run
from gengap.storage import paths

OF_SAMPLES = frozenset({*METRICS, CURVE})  # what depends on how samples are drawn


def choose_metrics(run: Run | None, references: References, options: Options, number: int) -> list[str]:
  """Returns the metrics and diagnostics to compute, from names and sizes alone.

  Args:
    run: to evaluate; None: images.
    references: the real images.
    options: of the evaluation.
    number: of samples.

  Raises:
    InputError: none suits the run, or one that is named does not, lacks an option, or has too few images.
  """
  named, outside = options.named, options.outside
  can = suitable(run, of_blobs(run, references), outside)
  if not options.sampling.default:  # they are in the file of the default
    can = [name for name in can if name in OF_SAMPLES]
  who = f"a run of {run.config.method!r}" if run else "images without a run"
  if not can:
    raise InputError(f"{who} makes no images and has neither an encoder nor a likelihood to judge")
  for name in named:
    if name == "outside" and not outside:
      raise InputError("--metrics=outside needs --outside=DATASET")
    if name in DIAGNOSTICS and name not in OF_SAMPLES and not options.sampling.default:
      raise InputError(f"--metrics={name} does not depend on how samples are drawn; leave out --sampling")
    if name not in can:
      raise InputError(f"--metrics={name}: {who} has no answer; it has {', '.join(can)}")
    if why := options.sampling.missing(name):
      raise InputError(f"--metrics={name}: {why}; leave it out, or use another --sampling")
    if run and name == CURVE:
      options.sampling.check_varied(run)
    metric = metric_of(name)
    if metric and (why := references.missing(metric) or references.too_few(metric, number)):
      raise InputError(f"--metrics={name}: {why}")
  if outside and "outside" not in can:
    log.say(f"--outside is not used: {who} has no likelihood of images")
  return named or [
    name for name in can if name != CURVE and (name not in METRICS or METRICS[name].by_default)
  ]


def metric_of(name: str) -> str:
  """Returns the metric whose images and features something that was named needs; "" for diagnostics."""
  return "prdc" if name == CURVE else name if name in METRICS else ""


def suitable(run: Run | None, of_blobs: bool, outside: str) -> list[str]:
  """Returns the metrics and diagnostics that suit a run, or images, whatever else they may lack."""
  names = {name for name, diagnostic in DIAGNOSTICS.items() if run and diagnostic.suits(run)}
  names -= set() if outside else {"outside"}
  names |= {CURVE} if run and run.method.generate else set()
  if not run or run.method.generate:
    names |= METRICS.keys() - (set() if of_blobs else {"blobs"})
  return [name for name in (*METRICS, *DIAGNOSTICS, CURVE) if name in names]


def choose_extractors(run: Run | None, references: References, options: Options) -> Extractors:
  """Returns the feature extractor and the classifier; says what is missing, unless metrics are named.

  Raises:
    InputError: one is asked for and missing.
  """
  named = {name: METRICS[metric].needs for name in options.named if (metric := metric_of(name))}
  needs: frozenset[str] = frozenset().union(*named.values())
  required = bool(options.features is not None or needs & OF_FEATURES)
  by_default = not options.named and not (run and not run.method.generate)
  chosen = Extractors()
  if required or by_default or options.classifier:
    chosen = extractors.select(
      references.dataset,
      references.real,
      features=options.features,
      inception=options.inception,
      weights=options.weights,
      resize=options.resize,
      classifier=trained_classifiers.find_or_train(
        options.classifier, references.dataset, references.real, run and run.config, options.data_dir
      ),
      required=required,
    )
  chosen = chosen._replace(blobs=of_blobs(run, references))
  for name, lacking in named.items():
    if why := chosen.missing(lacking):
      raise InputError(f"--metrics={name}: {why}")
  return chosen


def check_statistics(
  references: References, extractors: Extractors, options: Options, names: list[str], shape: Shape
) -> None:
  """Refuses saved statistics that do not fit, and statistics to save that will not be computed.

  Raises:
    InputError: see `saved_statistics.check`; or there are no features, or a file cannot be written.
  """
  if path := options.save_statistics:
    file = paths.local(path, "--save_statistics")
    paths.check_writable(file.parent, "--save_statistics")
    if file.exists():
      raise InputError(f"--save_statistics={path} exists, and is not overwritten; name a new file")
    if references.statistics:
      raise InputError("--save_statistics: the reference is saved statistics already")
    if not extractors.features or "frechet" not in names:
      why = (
        "--metrics=frechet" if extractors.features else "a feature extractor, such as --features=inception"
      )
      raise InputError(f"--save_statistics needs {why}")
  if references.statistics and extractors.features and "frechet" in names:
    known = str(extractors.features.protocol.get("network", "")).startswith("inception")
    width = 2048 if known else extractors.features.extract(np.zeros((1, *shape), np.uint8)).shape[1]
    saved_statistics.check(references.statistics, extractors.features.protocol, width, shape)


def of_blobs(run: Run | None, references: References) -> bool:
  """Whether the images to evaluate are of blobs."""
  return extractors.of_blobs(run.config.dataset if run else references.dataset)
