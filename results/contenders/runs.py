"""Trains and evaluates the runs of this folder, each in this process, and writes one JSON file for each run.

  python -m results.contenders.runs [NAME ...] --out=runs/contenders --data mnist fashion_mnist --seeds 0 1 2

Finished runs are skipped, so the same command resumes. Every method makes at least UPDATES generator
(decoder) updates. Methods that are cheaper go on until they have spent the common budget of operations, so
that methods can be compared after equal updates and after equal operations. The features of a classifier,
which is trained first, judge all runs of a data set. --scale=0.1 makes everything a tenth as long.
"""

import functools
import json
import math
import pathlib
import time
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

import gengap
from gengap import methods
from gengap.command_line import cli
from gengap.config import native_size
from gengap.evaluation import Evaluator, Options
from gengap.method import Batch, Config
from gengap.run import load, steps
from gengap.training import flops, loop, program, step
from gengap.training.cost import device
from launch.parser import Parser, path
from results import judging
from results.judging import scored

UPDATES = 1000  # generator updates of every method
BATCH = 32
LONGEST = 4  # times as many, of the cheapest method: its operations are the common budget
POINTS = 8  # checkpoints in UPDATES updates; fewer in those of longer runs
CURVE = 6  # checkpoints in a curve, at most, about equally far apart on a logarithmic scale
PER_DISPATCH = 50  # steps in one device program, at most
CHEAPEST = "vae"
CLASSIFIER = 1000  # updates of the classifier
SMALL, LARGE = 500, 2000  # samples of the curves, and of the tables
METRICS = ("frechet", "kid", "prdc", "classes", "sharpness", "diversity")  # of the tables
MIXTURES = ("vae", "mmd_vae")  # whose samples are also drawn from a mixture of Gaussians

# name -> config, and the arguments that differ from it: networks that two CPU cores can train
PAIR = {"network": "dcgan", "width": 16, "latent_dim": 32}
PLAIN = PAIR | {"learning_rate": 2e-4, "critic_learning_rate": 2e-4, "b1": 0.5, "b2": 0.999}
WARM_UP = {"schedule": "warmup", "steps": 200, "stop": 1.0}
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
  "vae": ("conv_vae", PAIR | {"likelihood": "gaussian_global"}),
  "mmd_vae": ("mmd_vae", PAIR),
  "vq_vae": ("vq_vae", {"width": 64, "codes": 128, "code_dim": 32, "prior_width": 64, "prior_layers": 2}),
  "deep_hierarchical_vae": (
    "deep_hierarchical_vae",
    {"width": 32, "likelihood": "discretised_logistic", "beta": WARM_UP},
  ),
  "gan": ("non_saturating_gan", PLAIN),
  "wgan_gp": ("wgan_gp", PAIR | {"n_critic": 5, "decay_steps": 0, "critic_decay_steps": 0}),
  "r3gan": ("r3gan", {"width": 16, "learning_rate": 1e-3, "critic_learning_rate": 1e-3, "gamma": 0.1}),
  "diffusion": ("diffusion", {"width": 16, "network_evaluations": 19}),
}
# One change at a time of the same pair of networks
ABLATION: dict[str, tuple[str, dict[str, Any]]] = {
  "plain": ("non_saturating_gan", PLAIN),
  "r1": ("non_saturating_gan", PLAIN | {"penalty": "r1", "gamma": 0.1}),
  "r1_lazy": ("non_saturating_gan", PLAIN | {"penalty": "r1", "gamma": 0.1, "penalty_interval": 16}),
  "relativistic": ("relativistic_gan", PLAIN | {"penalty": "none"}),
  "diff_augment": ("non_saturating_gan", PLAIN | {"diff_augment": ("color", "translation", "cutout")}),
}
TENTH = "_tenth"  # end of the name of a run that is trained on a tenth of the images
RUNS = (
  CONTENDERS
  | {f"ablation_{name}": run for name, run in ABLATION.items()}
  | {f"ablation_{name}{TENTH}": run for name, run in ABLATION.items()}
)


def describe(name: str, data: str, seed: int, scale: float) -> Config:
  """Returns the config of a run, with the steps that every method makes."""
  file, args = RUNS[name]
  config = judging.read_config(file, data)
  config.method_args.update(args)
  updates = max(POINTS, round(scale * UPDATES / POINTS) * POINTS)
  config.update(
    steps=updates,
    image_size=native_size(data),
    batch_size=BATCH,
    seed=seed,
    ema=0.999,
    log_every=updates // POINTS,
  )
  config.update(eval_every=updates, sample_every=updates, checkpoint_every=updates // POINTS)
  config.update(steps_per_dispatch=math.gcd(config.log_every, PER_DISPATCH), keep_checkpoints=1000)
  config.update(best="valid/energy_distance", patience=0)
  if name.endswith(TENTH):
    config.validation_share = 0.9
  return config


@functools.cache
def operations(name: str, data: str) -> float:
  """Returns the floating-point operations of a step of a run."""
  config = describe(name, data, seed=0, scale=1.0)
  dataset = program.load_data(config, "train")
  method = methods.build(config, program.spec_of(config, dataset))
  example = Batch(jnp.zeros((1, *dataset.image.shape[1:])), jnp.zeros(1, jnp.int32))
  shapes = jax.eval_shape(functools.partial(step.init, method, 0, ema=config.ema), example)
  arrays = program.abstract((dataset.image, dataset.label))
  counted = flops.count_on_cpu(method, config, shapes, arrays, devices=1)
  assert counted, "operations are counted on JAX's CPU backend"
  return counted


def lengthen(config: Config, name: str) -> int:
  """Makes a config as long as the common budget asks; returns the step at which it has spent the budget."""
  updates, every = config.steps, config.checkpoint_every
  if name not in CONTENDERS:
    return updates
  equal = LONGEST * updates * operations(CHEAPEST, config.dataset) / operations(name, config.dataset)
  config.steps = updates * max(1, math.ceil(equal / updates - 1e-9))
  if config.steps > updates:
    every = config.checkpoint_every = every * (2 if config.steps < 8 * updates else 4)
  return min(config.steps, max(1, round(equal / every)) * every)


def classifier(data: str, out: pathlib.Path, scale: float) -> pathlib.Path:
  """Returns the workdir of the classifier of a data set; trains it first, or waits until it is trained."""
  config = judging.classifier_config(data, max(50, round(scale * CLASSIFIER)), width=16)
  return judging.classifier(config, out / "classifiers" / data)


def samplings(name: str) -> tuple[str, ...]:
  """Returns how samples of a run are drawn."""
  return ("prior", "mixture:10") if name in MIXTURES else ("prior",)


Evaluators: TypeAlias = dict[tuple[str, str, str], Evaluator]  # data, run, protocol -> shared by all seeds


def evaluate(
  workdir: pathlib.Path,
  special: dict[str, int],
  place: tuple[str, str],
  judge: pathlib.Path,
  shared: Evaluators,
) -> dict[str, Any]:
  """Returns the scores of every checkpoint on few samples, and of special ones on many.

  Args:
    workdir: of the run.
    special: name -> step of a checkpoint.
    place: data set and name of the run.
    judge: workdir of the classifier.
    shared: evaluators of other seeds, to which those of this run are added.
  """

  def evaluator(protocol: str, **options: Any) -> Evaluator:
    if (*place, protocol) not in shared:
      chosen = Options(features="classifier", classifier=judge, sample_seeds=(0,), **options)
      shared[*place, protocol] = Evaluator(load(workdir), options=chosen)
    return shared[*place, protocol]

  few = evaluator("curve", metrics=("frechet", "prdc"), num_samples=SMALL)
  chosen = sorted({*special.values(), *judging.spaced(steps(workdir), CURVE)})
  found: dict[str, Any] = {"curve": {at: scored(load(workdir, at), few) for at in chosen}}
  for sampling in samplings(place[1]):
    many = evaluator(sampling, metrics=METRICS, num_samples=LARGE, sampling=sampling)
    scores = {at: scored(load(workdir, at), many) for at in {*special.values()}}
    found[sampling] = {key: scores[at] for key, at in special.items()}
  return found


def train(name: str, data: str, seed: int, out: pathlib.Path, scale: float, shared: Evaluators) -> None:
  """Trains and evaluates a run, and writes its record."""
  record = out / data / name / f"{seed}.json"
  if record.is_file():
    return
  workdir = out / "workdirs" / data / name / str(seed)
  config = describe(name, data, seed, scale)
  updates = config.steps
  equal = lengthen(config, name)
  start = time.perf_counter()
  loop.train(config, workdir)
  trained = time.perf_counter()
  judge = classifier(data, out, scale)
  before = time.perf_counter()
  special = {"updates": updates, "operations": equal}
  found = evaluate(workdir, special, (data, name), judge, shared)
  about = {
    "data": data,
    "name": name,
    "seed": seed,
    "updates": updates,
    "equal_operations_step": equal,
    "steps": config.steps,
    "device": device(),
    "version": gengap.__version__,
    "seconds": {"training": trained - start, "evaluation": time.perf_counter() - before},
    "run": json.loads((workdir / "run.json").read_text()),
    "logged": judging.logged(workdir),
  }
  record.parent.mkdir(parents=True, exist_ok=True)
  record.write_text(json.dumps(about | found, separators=(",", ":")) + "\n")
  print(f"{data} {name} {seed}: {found['prior']['updates']['values']}", flush=True)


def main() -> None:
  parser = Parser(__doc__)
  parser.add_argument("--out", type=path, required=True)
  parser.add_argument("--data", nargs="*", default=["mnist", "fashion_mnist"])
  parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
  parser.add_argument("--scale", type=float, default=1.0)
  parser.add_argument("names", nargs="*", default=list(CONTENDERS))
  args = parser.parse_args()
  if unknown := [name for name in args.names if name not in (*RUNS, "classifier")]:
    parser.error(f"{unknown[0]} is none of {', '.join(RUNS)}")
  cli.keep_memory()
  cli.keep_programs()
  shared: Evaluators = {}
  for seed in args.seeds:
    for data in args.data:
      for name in args.names:
        if name == "classifier":
          classifier(data, args.out, args.scale)
        else:
          train(name, data, seed, args.out, args.scale, shared)


if __name__ == "__main__":
  main()
