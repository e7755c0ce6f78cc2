"""Trains the classifier that an evaluation asks for with --classifier=train, once for each data set.

It is the run of configs/classifier.py, in the cache folder `classifiers`. The name of its folder has the data
set, the size of its images, and a hash of everything else that it depends on.
"""

import hashlib
import json
import pathlib
import re
import time
import zlib

import jax
import numpy as np

import gengap
from gengap import config as settings
from gengap import data
from gengap.data import Dataset, cache
from gengap.errors import InputError
from gengap.logs import log
from gengap.method import Config
from gengap.run import steps
from gengap.training import loop
from gengap.training.program import compile_program, load_data, source, starter

TRAIN = "train"  # what stands for the classifier to train
OF_THE_MACHINE = ("data_dir", "data_device_bytes")  # fields that do not change a run
TIMED = 5  # steps


def find_or_train(
  given: str | pathlib.Path | None, dataset: str, test: Dataset, run: Config | None = None, data_dir: str = ""
) -> str | pathlib.Path | None:
  """Returns the workdir of a classifier: the given one, or for "train" the one in the cache.

  If the cache has none, it is trained first; this says how many minutes that takes. A training that was
  interrupted is resumed.

  Args:
    given: a workdir, "train" or None. A workdir of the name "train" is taken as it is.
    dataset: name of the data set; "" if it has none.
    test: its test images.
    run: config of the run to evaluate; None: images.
    data_dir: of TFDS, for images; a run has its own.

  Raises:
    InputError: the data set has no name or no classes, or the cache cannot be written.
  """
  if given is None or str(given) != TRAIN or (pathlib.Path(given) / "checkpoints").is_dir():
    return given
  config = config_for(dataset, test, run, data_dir)
  train = load_data(config, "train")
  if len(train.classes) < 2:
    raise InputError(
      f"--classifier={TRAIN}: {config.dataset} has no classes that a classifier can learn; use "
      "--features=inception, dinov2 or pixels"
    )
  config.batch_size = batch_of(config.batch_size, len(train.image))
  size = f"{config.image_size}x{config.image_size}"
  workdir = cache.root() / "classifiers" / name(config, train)
  if is_complete(workdir, config.steps):
    log.say(f"the classifier of {config.dataset} at {size} pixels is {workdir}")
    return workdir
  log.say(
    f"--classifier={TRAIN}: training a classifier of {config.dataset} at {size} pixels, once, in {workdir}; "
    "timing its steps first, which includes compiling"
  )
  about = max(1, round(minutes(config, train)))
  log.say(
    f"{config.steps} steps take about {about} minute{'s' * (about > 1)} here; if they are interrupted, the "
    "same command goes on"
  )
  loop.train(config, workdir)
  return workdir


def config_for(dataset: str, test: Dataset, run: Config | None, data_dir: str) -> Config:
  """Returns the config of the classifier for images; see `find_or_train` for the arguments.

  Its images have the size of the given ones, and at most the size that the data set stores.

  Raises:
    InputError: the data set has no name.
  """
  if not dataset:
    raise InputError(
      f"--classifier={TRAIN} needs the name of a data set with classes, which these images do not give: "
      "--reference=DATASET:SPLIT"
    )
  if len(test.classes) == 1 and "/" in dataset:  # one class of a data set
    dataset = dataset.rpartition("/")[0]
  config = settings.classifier(dataset)
  height, width, channels = test.image.shape[1:]
  data_dir = run.data_dir if run else data_dir
  stored = data.find(dataset, data_dir).size or (height, width)
  config.update(data_dir=data_dir, image_size=min(height, width, *stored), channels=channels)
  if run and dataset == run.dataset:
    config.dataset_args = run.dataset_args.copy_and_resolve_references()
  return config


def batch_of(batch: int, images: int) -> int:
  """Returns the size of batches for a number of training images: smaller if they are few."""
  devices = jax.device_count()
  return min(batch, max(1, images // devices) * devices)


def name(config: Config, train: Dataset) -> str:
  """Returns the name of a classifier's folder."""
  fields = {key: value for key, value in settings.plain(config).items() if key not in OF_THE_MACHINE}
  crc = [zlib.crc32(np.ascontiguousarray(x).data) for x in (train.image, train.label)]
  about = json.dumps([fields, crc, list(train.classes), gengap.__version__], sort_keys=True)
  digest = hashlib.sha256(about.encode()).hexdigest()[:12]
  return f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', config.dataset)}_{config.image_size}_{digest}"


def is_complete(workdir: pathlib.Path, last: int) -> bool:
  """Returns whether a workdir holds a run that was trained to its last step."""
  if not (workdir / "config.json").exists():
    return False
  try:
    return steps(workdir, "last") == [last]
  except InputError:
    return False


def minutes(config: Config, train: Dataset) -> float:
  """Measures some steps of training, and returns how many minutes all of them take."""
  program = compile_program(config, train)
  state, calls = starter(program)(config.seed), source(program, config, train, 0)
  state, _ = program.dispatch(state, calls)
  jax.block_until_ready(state)
  before = time.perf_counter()
  for _ in range(TIMED):
    state, _ = program.dispatch(state, calls)
  jax.block_until_ready(state)
  return (time.perf_counter() - before) / TIMED * config.steps / config.steps_per_dispatch / 60
