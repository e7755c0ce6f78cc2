"""Trains and evaluates the seeds of a row, and writes a record and a picture of each."""

import itertools
import json
import math
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

import gengap
from gengap import config as settings
from gengap import data
from gengap.data.pixels import tile
from gengap.errors import InputError, NonFiniteError
from gengap.evaluation import Evaluator, Options, autoencoders
from gengap.evaluation.types import plain
from gengap.features import pretrained
from gengap.logs.log import say
from gengap.method import Config
from gengap.run import load, steps
from gengap.training import loop, workdirs
from gengap.training.cost import device
from results import judging, pictures
from results.autoencoders.scores import report
from results.full import rows
from results.full.rows import CODES, FEATURES, Row

MANY, FEW = 5000, 1000  # samples of the scores, and of each point of a curve
TEST_IMAGES = 10_000  # of CIFAR-10: all
OF_CURVE = ("frechet", "prdc")
OF_SCORES = (*OF_CURVE, "kid", "sharpness", "diversity")
OF_CODES = ("reconstruction", "kl")  # of a curve
JUDGE = ("samples", "real", "features", "classifier")  # of a protocol
CLASSES = "classes"  # a metric that needs the classifier of just these classes
STOPPED = 143  # exit status after SIGTERM

Evaluators: TypeAlias = dict[tuple[str, str], Evaluator]  # row, protocol -> shared by all seeds


class Place(NamedTuple):
  """Where an experiment of one scale is kept."""

  out: pathlib.Path
  scale: float

  @property
  def folder(self) -> pathlib.Path:
    """The folder; runs of other sizes than the reports' have their own."""
    return self.out if self.scale == 1 else self.out / f"scale_{self.scale:g}"

  def record(self, name: str, seed: int) -> pathlib.Path:
    """Returns the file of what was found of a seed."""
    return self.folder / "records" / name / f"{seed}.json"

  def workdirs(self, name: str) -> pathlib.Path:
    """Returns the folder of a row's runs, each of which is a folder SEED."""
    return self.folder / "workdirs" / name

  def classifier(self, name: str) -> pathlib.Path:
    """Returns the workdir of a data set's classifier."""
    return self.folder / "classifiers" / name

  def finished(self, name: str) -> list[int]:
    """Returns the seeds of a row that have records."""
    return [seed for seed in range(rows.SEEDS) if self.record(name, seed).is_file()]

  def unfinished(self, name: str) -> list[int]:
    """Returns the seeds of a row that have no records."""
    return [seed for seed in range(rows.SEEDS) if not self.record(name, seed).is_file()]

  def evaluation_seconds(self, judged: str, otherwise: float) -> float:
    """Returns the longest evaluation of a seed of this kind so far; `otherwise` if there was none."""
    files = [file for name, row in rows.ROWS.items() if row.judged == judged for file in self.files(name)]
    found = [json.loads(file.read_text()).get("seconds", {}).get("evaluation", 0.0) for file in files]
    return max(found, default=0.0) or otherwise

  def files(self, name: str) -> list[pathlib.Path]:
    """Returns the records of a row."""
    return [self.record(name, seed) for seed in self.finished(name)]


def missing(row: Row) -> str:
  """Returns why the data of a row cannot be read; "" if they are there."""
  try:
    data.find(row.data)
  except InputError as error:
    return str(error)
  return ""


def train(config: Config, seeds: Sequence[int], folder: pathlib.Path) -> dict[int, str]:
  """Trains the runs of seeds, consecutive ones together, each in a folder SEED, from where they stopped.

  Returns:
    seed -> why its training failed; {} if none did.
  """
  failed = {}
  for group in consecutive(seeds):
    together = settings.alone(config, group[0])
    together.seeds = len(group)
    try:
      state = loop.train(together, folder if len(group) > 1 else folder / str(group[0]))
    except NonFiniteError as error:
      failed |= dict.fromkeys(untrained(config, group, folder), str(error))
      continue
    if int(state.step) < config.steps:
      say("stopped; the same command resumes")
      sys.exit(STOPPED)
  return failed


def consecutive(seeds: Sequence[int]) -> list[list[int]]:
  """Splits ascending seeds into groups without gaps."""
  groups = itertools.groupby(enumerate(seeds), lambda item: item[1] - item[0])
  return [[seed for _, seed in group] for _, group in groups]


def untrained(config: Config, seeds: Sequence[int], folder: pathlib.Path) -> list[int]:
  """Returns the seeds without a last checkpoint.

  Raises:
    InputError: a workdir holds a run of another config.
  """
  missing = []
  for seed in seeds:
    alone = settings.alone(config, seed)
    workdirs.check_workdir(folder / str(seed), alone)
    if not judging.trained(alone, folder / str(seed)):
      missing.append(seed)
  return missing


def features(row: Row, run: gengap.Run) -> str:
  """Returns the name of the features that judge a run: Inception's for colours, if its weights are here."""
  colour = run.spec.shape[-1] == 3
  return "inception" if colour and pretrained.find("inception") else "classifier"


def options(name: str, run: gengap.Run, place: Place, number: int, metrics: Sequence[str]) -> Options:
  """Returns how a run is evaluated by `number` samples, at full size."""
  row = rows.ROWS[name]
  few: dict[str, Any] = {"num_samples": max(64, round(number * place.scale)), "sample_seeds": (0,)}
  if row.judged != FEATURES:
    return Options(metrics=("blobs",), **few)
  named = (*metrics, CLASSES) if row.data == row.classifier else metrics
  judge = judging.classifier(rows.classifier(row.classifier, place.scale), place.classifier(row.classifier))
  return Options(metrics=named, features=features(row, run), classifier=judge, **few)


def by_samples(name: str, workdir: pathlib.Path, place: Place, shared: Evaluators) -> dict[str, Any]:
  """Returns the scores of the last checkpoint, and of all checkpoints on fewer samples."""
  run = load(workdir)
  for protocol, number, metrics in (("scores", MANY, OF_SCORES), ("curve", FEW, OF_CURVE)):
    if (name, protocol) not in shared:
      shared[name, protocol] = Evaluator(run, options=options(name, run, place, number, metrics))
  result = shared[name, "scores"].evaluate(run)
  found, judge = judging.kept_of(result), result.protocol
  curve = {at: judging.scored(load(workdir, at), shared[name, "curve"]) for at in sorted(steps(workdir))}
  return {
    "scores": found["values"],
    "floors": found["real"],
    "fingerprint": found["fingerprint"],
    "judge": {key: plain(judge[key]) for key in JUDGE if judge.get(key)},
    "curve": {at: point["values"] for at, point in curve.items()},
  }


def by_codes(workdir: pathlib.Path) -> dict[str, Any]:
  """Returns squared error and KL of all test images, and the held-out numbers that were logged."""
  found = report(load(workdir), TEST_IMAGES)
  found |= {"total": found["reconstruction"] + found.get("kl", 0.0)}
  curve: dict[int, dict[str, float]] = {}
  for line in map(json.loads, (workdir / "metrics.jsonl").open()):
    there = {name.rpartition("/")[2]: value for name, value in line.items() if name.startswith("valid/")}
    if there:
      curve[line["step"]] = {key: judging.rounded(there[key]) for key in OF_CODES if key in there}
  scores = {name: judging.rounded(value) for name, value in found.items() if math.isfinite(value)}
  return {"scores": scores, "floors": {}, "judge": {}, "curve": curve}


def picture(row: Row, workdir: pathlib.Path, seed: int) -> Image.Image:
  """Returns a picture of samples, or of reconstructions of test images where these are judged."""
  run = load(workdir)
  if row.judged != CODES:
    return judging.samples(run, seed)
  return Image.fromarray(tile(np.asarray(run.reconstruct(autoencoders.test_images(run, judging.GRID, 0)))))


def part(name: str, seeds: Sequence[int], place: Place, shared: Evaluators) -> None:
  """Trains and evaluates seeds of a row, and writes a record and a picture of each."""
  row, config = rows.ROWS[name], rows.describe(rows.ROWS[name], place.scale)
  start = time.perf_counter()
  failed = train(config, untrained(config, seeds, place.workdirs(name)), place.workdirs(name))
  training = (time.perf_counter() - start) / len(seeds)
  for seed in seeds:
    about = {"row": name, "claims": row.claims, "data": row.data, "config": row.config, "seed": seed}
    about |= {"scale": place.scale, "steps": config.steps, "batch_size": config.batch_size}
    about |= {"device": device(), "version": gengap.__version__}
    workdir, file = place.workdirs(name) / str(seed), place.record(name, seed)
    before = time.perf_counter()
    if seed in failed:
      found: dict[str, Any] = {"failed": failed[seed]}
    else:
      found = by_codes(workdir) if row.judged == CODES else by_samples(name, workdir, place, shared)
      costs = json.loads((workdir / "run.json").read_text())
      found["run"] = {key: costs[key] for key in ("flops_per_step", "updates_per_step", "parameters")}
      file.parent.mkdir(parents=True, exist_ok=True)
      pictures.save(file.with_suffix(".webp"), picture(row, workdir, seed))
    about["seconds"] = {"training": training, "evaluation": time.perf_counter() - before}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(about | found, separators=(",", ":")) + "\n")
    say(f"{name} seed {seed}: {found.get('failed') or found['scores']}")
