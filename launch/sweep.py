"""Trains a grid of runs: configs x data sets x seeds, one after another or several at a time.

  python -m launch.sweep --out=DIR --configs wgan_gp conv_vae --datasets mnist fashion_mnist --seeds 0 1 2
    [--together] [--jobs 2] [--set method_args.network=dcgan steps=5000 ...] [--dry]

Every run gets the folder OUT/DATASET/CONFIG/SEED and a log beside it, SEED.log. Finished runs are skipped,
interrupted runs are resumed. If a run fails, the sweep continues and reports it at the end. --together trains
all seeds of a config in one process, whose log is CONFIG.log. The function `run` does the same for any list
of trainings.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tqdm import tqdm

from gengap.command_line import shipped
from gengap.command_line.arguments import unknown_field
from gengap.errors import InputError
from gengap.storage import paths

from . import children
from .parser import Parser, path

POLL = 1.0  # seconds between checks of the running processes


class Training(NamedTuple):
  """One training of a sweep."""

  name: str
  command: tuple[str, ...]
  workdir: pathlib.Path
  seeds: tuple[int, ...] = ()  # of the runs in its folders, if several are trained together

  @property
  def runs(self) -> list[pathlib.Path]:
    """The folders of its runs."""
    return [self.workdir / str(seed) for seed in self.seeds] or [self.workdir]


class Running(NamedTuple):
  """The process of a training, its cores and its start time."""

  training: Training
  process: subprocess.Popen
  cores: tuple[int, ...]
  began: float


def command(config: str, dataset: str, workdir: pathlib.Path, fields: dict[str, object]) -> tuple[str, ...]:
  """Returns the command that trains one run."""
  suffix = f":{dataset}" if dataset else ""
  file = config if shipped.INSTALLED else f"configs/{config}.py"
  return (
    *(sys.executable, "-m", "gengap.main", f"--config={file}{suffix}", f"--workdir={workdir}"),
    *(f"--config.{key}={value}" for key, value in fields.items()),
  )


def grid(
  out: pathlib.Path,
  configs: Iterable[str],
  datasets: Iterable[str],
  seeds: Iterable[int],
  fields: dict[str, object],
  together: bool = False,
) -> list[Training]:
  """Returns the trainings of a grid, by seed, so that an interrupted sweep still allows comparisons.

  Args:
    out: folder of the sweep.
    configs: names of config files.
    datasets: as after the colon of --config.
    seeds: of every config on every data set; consecutive if they are trained together.
    fields: config fields of all runs.
    together: whether one training has all seeds.
  """
  seeds = tuple(seeds)
  together = together and len(seeds) > 1  # a single run lies in its workdir itself
  trainings = []
  for group in [list(seeds)] if together else [[seed] for seed in seeds]:
    for dataset in datasets:
      for config in configs:
        name = f"{dataset.replace('/', '_') or 'blobs_single'}/{config}"
        name, number = (name, {"seeds": len(group)}) if together else (f"{name}/{group[0]}", {})
        call = command(config, dataset, out / name, fields | {"seed": group[0]} | number)
        trainings.append(Training(name, call, out / name, tuple(group) if together else ()))
  return trainings


def done(training: Training) -> bool:
  """Whether the last call of exactly this command succeeded."""
  try:
    finished = json.loads(record(training).read_text())
  except (OSError, ValueError):
    return False
  there = all((folder / "config.json").exists() for folder in training.runs)
  return finished == list(training.command[1:]) and there


def record(training: Training) -> pathlib.Path:
  """Returns the file that marks a training as done; it holds the command."""
  return training.workdir.with_name(f"{training.workdir.name}.done.json")


def log(training: Training) -> pathlib.Path:
  """Returns the file of a training's output."""
  return training.workdir.with_name(f"{training.workdir.name}.log")


def last_lines(training: Training) -> list[str]:
  """Returns the last lines of a training's output, one for each run: "stopped at step ..." after a signal."""
  try:
    return log(training).read_text(errors="replace").splitlines()[-len(training.runs) :] or ["no output"]
  except OSError:
    return ["no output"]


def last_line(training: Training) -> str:
  """Returns the last line of a training's output."""
  return last_lines(training)[-1]


def stopped(training: Training) -> bool:
  """Whether a signal ended a run of a training that had not failed."""
  return any(re.match(r"(seed \d+: )?stopped", line) for line in last_lines(training))


def progress(training: Training) -> float:
  """Returns the share of its steps that a training has made, from its logs."""
  return sum(map(progress_of_run, training.runs)) / len(training.runs)


def progress_of_run(workdir: pathlib.Path) -> float:
  """Returns the share of its steps that a run has made, from its log; 0 before the first line."""
  try:
    steps = json.loads((workdir / "config.json").read_text())["steps"]
    with (workdir / "metrics.jsonl").open("rb") as file:
      file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
      lines = file.read().splitlines()
    return min(1.0, json.loads(lines[-1])["step"] / steps)
  except (OSError, ValueError, KeyError, IndexError, TypeError):
    return 0.0


def start(training: Training, cores: tuple[int, ...]) -> Running:
  """Starts a training on some cores, with its output in a log beside its folder."""
  training.workdir.parent.mkdir(parents=True, exist_ok=True)
  record(training).unlink(missing_ok=True)
  with log(training).open("a") as output:
    process = children.start(training.command, cores, stdout=output, stderr=subprocess.STDOUT)
  return Running(training, process, cores, time.monotonic())


def run(trainings: Sequence[Training], jobs: int = 1) -> list[Training]:
  """Runs the trainings that are not done, and shows progress and the remaining time.

  Args:
    trainings: The trainings.
    jobs: How many run at a time; on a CPU each gets an equal share of the cores.

  Returns:
    The trainings that failed; the last line of each one's output is printed.
  """
  if jobs < 1 or len({training.workdir for training in trainings}) < len(trainings):
    raise ValueError("jobs must be at least 1, and every training needs its own folder")
  waiting = [training for training in trainings if not done(training)]
  free, running, failed = children.shares(jobs), [], []
  began, already = time.monotonic(), {training: progress(training) for training in waiting}
  shown, there = sys.stderr.isatty(), len(trainings) - len(waiting)
  bar = tqdm(total=len(trainings), initial=there, unit="run", disable=not shown)
  with bar, children.interruptible():
    try:
      while waiting or running:
        while waiting and free:
          try:
            running.append(start(waiting[0], free[0]))
          except OSError as error:
            failed.append(waiting.pop(0))
            tqdm.write(f"{failed[-1].name}: cannot start: {error}", file=sys.stderr)
            continue
          free.pop(0)
          tqdm.write(f"{waiting.pop(0).name}: started", file=sys.stderr)
        time.sleep(POLL)
        for one in [one for one in running if one.process.poll() is not None]:
          running.remove(one)
          free.append(one.cores)
          bar.update()
          ended = f"{(time.monotonic() - one.began) / 60:.1f} minutes"
          if one.process.returncode == 0 and not stopped(one.training):
            record(one.training).write_text(json.dumps(one.training.command[1:]))
            tqdm.write(f"{one.training.name}: done in {ended}", file=sys.stderr)
          else:
            failed.append(one.training)
            tqdm.write(f"{one.training.name}: failed after {ended}", file=sys.stderr)
        made = sum(progress(training) - share for training, share in already.items())
        left = sum(1 - progress(one) for one in [*waiting, *(one.training for one in running)])
        if made > 0:
          bar.set_postfix_str(f"{(time.monotonic() - began) / made * left / 60:.0f} minutes left")
    finally:
      children.stop([one.process for one in running])
  for training in failed:
    print(f"failed: {training.name}: {last_line(training)} (whole output: {log(training)})", file=sys.stderr)
  return failed


def main(arguments: Sequence[str] | None = None) -> int:
  """Reads the command line and runs the grid; returns the exit status: 0, or 1 if a run failed."""
  parser = Parser(__doc__)
  parser.add_argument("--out", type=path, required=True)
  parser.add_argument(
    "--configs", nargs="+", required=True, help="names of the configs that come with gengap"
  )
  parser.add_argument("--datasets", nargs="+", default=[""], help="data sets, as after the colon of --config")
  parser.add_argument("--seeds", nargs="+", type=int, default=[0])
  parser.add_argument("--together", action="store_true", help="train the seeds of a config in one process")
  parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
  parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="config fields of all runs")
  parser.add_argument("--dry", action="store_true", help="print the commands without running them")
  args = parser.parse_args(arguments)
  for config in args.configs:
    if config not in (known := shipped.config_names()):
      parser.error(f"--configs {config} is none of {', '.join(known)}")
  if wrong := [field for field in args.set if "=" not in field]:
    parser.error(f"--set {wrong[0]}: it must be FIELD=VALUE")
  for config in args.configs:
    if unknown := unknown_field(
      [f"--config={shipped.config_file(config)}", *(f"--config.{field}" for field in args.set)]
    ):
      parser.error(f"--set: {config}: {unknown}")
  for name, value, least in (("jobs", args.jobs, 1), *(("seeds", seed, 0) for seed in args.seeds)):
    if value < least:
      parser.error(f"--{name} is {value}; it must be at least {least}")
  try:
    paths.check_writable(args.out, "--out")
  except InputError as error:
    parser.error(str(error))
  fields = dict(field.split("=", 1) for field in args.set)
  if args.together and sorted(args.seeds) != list(range(min(args.seeds), min(args.seeds) + len(args.seeds))):
    parser.error(f"--together needs consecutive seeds, not {' '.join(map(str, args.seeds))}")
  seeds = sorted(args.seeds) if args.together else args.seeds
  trainings = grid(args.out.resolve(), args.configs, args.datasets, seeds, fields, args.together)
  if len({training.workdir for training in trainings}) < len(trainings):
    parser.error("a config, data set or seed is given twice")
  if args.dry:
    for training in trainings:
      print(shlex.join(training.command))
    return 0
  try:
    return 1 if run(trainings, args.jobs) else 0
  except KeyboardInterrupt:
    print("interrupted; run the same command again to continue", file=sys.stderr)
    return 130


if __name__ == "__main__":
  sys.exit(main())
