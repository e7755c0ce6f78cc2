"""Judges runs in the process that trains them: their classifier, their scores, the numbers they logged."""

import fcntl
import json
import math
import pathlib
import runpy
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from PIL import Image

import gengap
from gengap.config import native_size
from gengap.data.pixels import tile
from gengap.evaluation import Evaluation, Evaluator
from gengap.evaluation.sampler import Sampler
from gengap.method import Config
from gengap.training import loop, workdirs

ROOT = pathlib.Path(__file__).parents[1]
GRID = 64  # images in a picture


def read_config(name: str, data: str) -> Config:
  """Returns what a file of configs/ has for a data set."""
  return runpy.run_path(str(ROOT / "configs" / f"{name}.py"))["get_config"](data)


def classifier_config(data: str, updates: int, **method_args: Any) -> Config:
  """Returns the config of a classifier that is evaluated and saved once, after its last update.

  Args:
    data: name of a data set with classes.
    updates: of the classifier, over which its learning rate decays to 0.
    **method_args: what else differs from configs/classifier.py.
  """
  config = read_config("classifier", data)
  config.update(steps=updates, image_size=native_size(data))
  config.update(eval_every=updates, checkpoint_every=updates, sample_every=updates)
  config.update(steps_per_dispatch=math.gcd(updates, config.log_every))
  config.method_args.update(decay_steps=updates, **method_args)
  return config


def classifier(config: Config, workdir: pathlib.Path) -> pathlib.Path:
  """Returns the workdir of a classifier; trains it first, or waits until another process has trained it."""
  workdir.parent.mkdir(parents=True, exist_ok=True)
  with workdir.with_suffix(".lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    workdirs.check_workdir(workdir, config)
    if not trained(config, workdir):
      loop.train(config, workdir)
  return workdir


def trained(config: Config, workdir: pathlib.Path) -> bool:
  """Whether a workdir has the checkpoint after the last step."""
  return (workdir / "checkpoints" / str(config.steps)).is_dir()


def scored(run: gengap.Run, found: Evaluator) -> dict[str, Any]:
  """Returns the scores of a checkpoint, and those of real images."""
  return kept_of(found.evaluate(run))


def kept_of(result: Evaluation) -> dict[str, Any]:
  """Returns what a record keeps of an evaluation: its scores, and those of real images."""
  kept = {name: score for name, score in result.scores.items() if "_C" not in name}
  return {
    "fingerprint": result.fingerprint,
    "values": {name: rounded(score.value) for name, score in kept.items() if score.value is not None},
    "real": {
      name: rounded(score.floor)
      for name, score in kept.items()
      if score.value is not None and score.floor is not None
    },
  }


def rounded(value: float) -> float:
  """Returns a number with five significant digits."""
  return float(f"{value:.5g}")


def spaced(steps: Sequence[int], number: int) -> list[int]:
  """Returns `number` of some steps, or fewer, about equally far apart on a logarithmic scale."""
  there = sorted(steps)
  nearest = np.abs(np.log(np.geomspace(there[0], there[-1], number))[:, None] - np.log(there)).argmin(1)
  return sorted({there[i] for i in nearest})


def logged(workdir: pathlib.Path) -> dict[str, float]:
  """Returns the last numbers that a run logged while it trained, and the last held-out ones."""
  found: dict[str, float] = {}
  for line in (workdir / "metrics.jsonl").open():
    found |= {name: value for name, value in json.loads(line).items() if isinstance(value, float)}
  return {name: rounded(value) for name, value in found.items() if math.isfinite(value)}


def samples(run: gengap.Run, seed: int, sampling: str = "prior", number: int = GRID) -> Image.Image:
  """Returns a picture of samples of a run, drawn as `gengap.evaluate --sampling` says."""
  return Image.fromarray(tile(np.asarray(Sampler(run, sampling).images(jax.random.key(seed), number))))
