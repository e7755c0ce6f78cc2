"""Trains and judges the runs of this folder, each in this process, and keeps what the page needs of each.

  python -m results.gap.runs [NAME ...] --out=runs/gap [--data mnist ...] [--seeds 0 1 2]

A judged run is kept in records/DATA/NAME/SEED: its scores.json, as a report writes it, and grids of samples.
It is skipped from then on, on any machine, unless its config or the version of gengap changed. Interrupted
trainings resume, and several processes share the work. plan.py has the methods, budgets, features, and the
seeds that are made without --seeds.
"""

import contextlib
import fcntl
import io
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

from PIL import Image

import gengap
from gengap.command_line import cli
from gengap.evaluation import Evaluator, Options, files
from gengap.probes import probe
from gengap.report import gallery, grids, groups, run_files, scores_file
from gengap.storage import paths
from gengap.training import loop
from launch.parser import Parser, folder
from results import judging, pictures
from results.gap import plan

PROBES = ("interpolation", "latents", "inversion")
PIXELS = "pixels.json"
SHARES = "shares.json"
CURVE_SAMPLES = 2000  # at each temperature

Evaluators: TypeAlias = dict[str, Evaluator]  # options -> evaluator


def kept(name: str, data: str, seed: int) -> bool:
  """Whether a run was judged, with this config, by this version."""
  file = plan.folder(name, data, seed) / "scores.json"
  if not file.exists():
    return False
  found = json.loads(file.read_text())
  configs = [one["config"] for one in found.get("trainings", [])]  # none in the form of earlier versions
  return configs == [plan.settings(name, data, seed)] and found["gengap"] == gengap.__version__


@contextlib.contextmanager
def alone(workdir: pathlib.Path) -> Iterator[bool]:
  """Yields whether no other process has this run."""
  workdir.parent.mkdir(parents=True, exist_ok=True)
  with workdir.with_suffix(".lock").open("w") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      yield False
    else:
      yield True


def equal_operations(workdir: pathlib.Path, data: str) -> int:
  """Returns the checkpoint that has spent as many operations of training as all updates of the cheapest.

  Raises:
    SystemExit: the first run of the cheapest method is not kept yet.
  """
  task = plan.TASKS[data]
  if not kept(task.cheapest, data, 0):
    raise SystemExit(f"equal operations are those of {task.cheapest} on {data}: run its seed 0 first")
  updates, saved = task.updates, task.saved
  first = json.loads((plan.folder(task.cheapest, data, 0) / "scores.json").read_text())["trainings"][0]["run"]
  spent = float(json.loads((workdir / "run.json").read_text())["flops_per_step"])
  return min(updates, max(saved, round(updates * first["flops_per_step"] / spent / saved) * saved))


def evaluate(workdir: pathlib.Path, steps: list[int], shared: Evaluators, **options: Any) -> None:
  """Evaluates checkpoints of a run and writes the numbers into its workdir.

  Args:
    workdir: of the run.
    steps: of the checkpoints.
    shared: the evaluators of runs on the same data, to which that of these options is added.
    **options: of the evaluation.
  """
  for step in steps:
    run, key = gengap.load(workdir, step), repr(sorted(options.items()))
    if key not in shared:
      shared[key] = Evaluator(run, options=Options(sample_seeds=(0,), **options))
    where = workdir / "eval" / f"{step}{shared[key].options.sampling.suffix}.json"
    where.parent.mkdir(exist_ok=True)
    files.write(shared[key].evaluate(run, pictures=where.with_suffix(""), command=cli.command()), where)


def judge(name: str, data: str, seed: int, workdir: pathlib.Path, shared: Evaluators) -> None:
  """Evaluates and probes a run, and writes the numbers into its workdir; `shared` as in `evaluate`."""
  task = plan.TASKS[data]
  features, updates = dict(task.features), task.updates
  equal = updates if name == task.cheapest else equal_operations(workdir, data)
  last, others = sorted({equal, updates}), set(task.evaluated) - {equal, updates}
  if not seed or name not in plan.FOLLOWED_ONCE:
    evaluate(workdir, sorted(others), shared, metrics=task.followed, num_samples=task.samples, **features)
  evaluate(workdir, last, shared, metrics=task.metrics, num_samples=task.samples, **features)
  if name in plan.LATENT_VAES:
    mixture: dict[str, Any] = {"num_samples": task.samples, "sampling": plan.MIXTURE}
    evaluate(workdir, last, shared, metrics=task.metrics, **mixture, **features)
  if name in plan.ENCODED:
    evaluate(workdir, [updates], {}, metrics=plan.ENCODED[name], num_images=500, samples=100)
  evaluate(workdir, [updates], {}, metrics=("sampling",))
  if "classifier" not in features:
    return
  if name in plan.PROBED and "classes" in task.metrics:
    evaluate(workdir, [updates], shared, metrics=("curve",), num_samples=CURVE_SAMPLES, **features)
    few: dict[str, Any] = {"probes": PROBES, "num_samples": 300, "encoder_steps": 300}
    probe(workdir, folder=workdir / "probes" / str(updates), command=cli.command(), **few, **features)
  in_pixels(workdir, task, shared)


def in_pixels(workdir: pathlib.Path, task: plan.Task, shared: Evaluators) -> None:
  """Writes pixels.json: the distances of samples and of real images in pixels instead of features."""
  run = gengap.load(workdir, task.updates)
  if "pixels" not in shared:
    chosen: dict[str, Any] = {"features": "pixels", "metrics": ("frechet", "prdc")}
    options = Options(num_samples=task.samples, sample_seeds=(0,), **chosen)
    shared["pixels"] = Evaluator(run, options=options)
  scores = shared["pixels"].evaluate(run).scores
  both = {key: (score.value, score.floor) for key, score in scores.items()}
  values = {key: [x and judging.rounded(x) for x in pair] for key, pair in both.items()}
  (workdir / PIXELS).write_text(json.dumps(values) + "\n")


def shares(evaluation: pathlib.Path) -> dict[str, float]:
  """Returns the share of each class among samples over its share in the data."""
  scores = json.loads(evaluation.read_text())["samples"]["scores"]
  found = {key.removeprefix("share_"): x["value"] for key, x in scores.items() if key.startswith("share_")}
  return {key: judging.rounded(value) for key, value in found.items()}


def pictured(name: str, data: str, seed: int, file: str) -> bool:
  """Whether a picture is kept, given its path: the last one of the first run, and real images once."""
  if "/probes/" in file or seed:
    return False
  if "explorer" in file:
    return name in plan.EXPLORED
  task, drawn = plan.TASKS[data], pathlib.PurePath(file).stem
  return drawn == str(task.updates) or (drawn == "real" and name == task.cheapest)


def shrunk(content: bytes) -> bytes:
  """Returns a picture in as few bytes as look the same."""
  return pictures.encoded(Image.open(io.BytesIO(content)), pictures.QUALITY)


def keep(name: str, data: str, seed: int, workdir: pathlib.Path) -> None:
  """Writes what the page needs of a judged run into its folder; scores.json, which marks it as kept, last."""
  place = plan.folder(name, data, seed)
  (comparison,) = groups.comparisons(run_files.read_all(workdir))
  for file, content in gallery.of(comparison).files.items():
    if pictured(name, data, seed, file):
      paths.write(place / file, shrunk(content) if file.endswith(".webp") else content)
  if name in plan.LATENT_VAES and seed == 0:
    drawn = judging.samples(gengap.load(workdir), seed, plan.MIXTURE, grids.EDGE**2)
    paths.write(place / plan.MIXED, pictures.encoded(drawn, pictures.QUALITY))
  if (workdir / PIXELS).exists():
    paths.write(place / PIXELS, (workdir / PIXELS).read_bytes())
  if data in plan.COUNTED:
    found = shares(workdir / "eval" / f"{plan.TASKS[data].updates}.json")
    paths.write(place / SHARES, (json.dumps(found) + "\n").encode())
  paths.write(place / "scores.json", scores_file.store([comparison]).encode())


def run(name: str, data: str, seed: int, out: pathlib.Path, shared: Evaluators) -> None:
  """Trains, judges and keeps a run, unless it is kept or another process has it; `shared`: see `evaluate`."""
  workdir = out / data / name / str(seed)
  with alone(workdir) as free:
    if not free or kept(name, data, seed):
      return
    start, config = time.perf_counter(), plan.describe(name, data, seed)
    loop.train(config, workdir)
    if not judging.trained(config, workdir):
      raise SystemExit(f"{workdir}: interrupted; the same command resumes")
    trained = time.perf_counter()
    judge(name, data, seed, workdir, shared)
    keep(name, data, seed, workdir)
    seconds = trained - start, time.perf_counter() - trained
  print(f"{data} {name} {seed}: {seconds[0]:.0f} s of training, {seconds[1]:.0f} s of judging", flush=True)


def main() -> None:
  """Makes all runs that the command line names."""
  parser = Parser(__doc__)
  parser.add_argument("--out", type=folder, required=True)
  parser.add_argument("--data", nargs="*", default=list(plan.TASKS), choices=plan.TASKS)
  parser.add_argument("--seeds", type=int, nargs="*")
  parser.add_argument("names", nargs="*")
  args = parser.parse_args()
  known = {name for data in args.data for name in plan.TASKS[data].methods}
  if unknown := [name for name in args.names if name not in known]:
    parser.error(f"{unknown[0]} is none of {', '.join(sorted(known))}")
  cli.keep_memory()
  cli.keep_programs()
  shared: dict[str, Evaluators] = {data: {} for data in args.data}
  for seed in args.seeds or range(plan.MOST_SEEDS):
    for data in args.data:
      for name in args.names or plan.TASKS[data].methods:
        if name in plan.TASKS[data].methods and (args.seeds or seed in plan.seeds(name, data)):
          run(name, data, seed, args.out, shared[data])


if __name__ == "__main__":
  main()
