"""Runs a grid of trainings: configs x data sets x seeds, one after another or several at a time.

  python -m launch.sweep --out=DIR --configs wgan_gp conv_vae --datasets mnist fashion_mnist --seeds 0 1 2
    [--jobs 2] [--set method_args.network=dcgan steps=5000 ...] [--dry]

Every run gets the folder OUT/DATASET/CONFIG/SEED and a log beside it, SEED.log. A run that is done is left
alone, one that was interrupted goes on, and one that fails is told of at the end; the others still run. `run`
does the same with any trainings.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tqdm import tqdm

from gengap import paths
from gengap.errors import InputError
from launch import children
from launch.parser import Parser, path

POLL = 1.0  # seconds between looks at running members


class Member(NamedTuple):
  """One training of a grid."""

  name: str
  command: tuple[str, ...]
  workdir: pathlib.Path


class Running(NamedTuple):
  """A member's process, its cores and when it began."""

  member: Member
  process: subprocess.Popen
  cores: tuple[int, ...]
  began: float


def training(config: str, dataset: str, workdir: pathlib.Path, fields: dict[str, object]) -> tuple[str, ...]:
  """Returns the command that trains one run."""
  suffix = f":{dataset}" if dataset else ""
  return (
    *(sys.executable, "-m", "gengap.main", f"--config=configs/{config}.py{suffix}", f"--workdir={workdir}"),
    *(f"--config.{key}={value}" for key, value in fields.items()),
  )


def grid(
  out: pathlib.Path,
  configs: Iterable[str],
  datasets: Iterable[str],
  seeds: Iterable[int],
  fields: dict[str, object],
) -> list[Member]:
  """Returns the members of a grid; those of one seed first, so that an interrupted grid still compares."""
  members = []
  for seed in seeds:
    for dataset in datasets:
      for config in configs:
        name = f"{dataset.replace('/', '_') or 'blobs_single'}/{config}/{seed}"
        command = training(config, dataset, out / name, fields | {"seed": seed})
        members.append(Member(name, command, out / name))
  return members


def done(member: Member) -> bool:
  """Whether the last call of exactly this command ended well."""
  try:
    told = json.loads(record(member).read_text())
  except (OSError, ValueError):
    return False
  return told == list(member.command[1:]) and (member.workdir / "config.json").exists()


def record(member: Member) -> pathlib.Path:
  """Returns the file that says that a member is done: its command."""
  return member.workdir.with_name(f"{member.workdir.name}.done.json")


def log(member: Member) -> pathlib.Path:
  """Returns the file that a member's output goes to."""
  return member.workdir.with_name(f"{member.workdir.name}.log")


def said(member: Member) -> str:
  """Returns the last line of a member's output; a training that a signal ended says "stopped at step"."""
  try:
    return log(member).read_text(errors="replace").splitlines()[-1]
  except (OSError, IndexError):
    return "it said nothing"


def reached(member: Member) -> float:
  """Returns which share of its steps a member has made, by its log; 0 before the first line."""
  try:
    steps = json.loads((member.workdir / "config.json").read_text())["steps"]
    with (member.workdir / "metrics.jsonl").open("rb") as file:
      file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
      lines = file.read().splitlines()
    return min(1.0, json.loads(lines[-1])["step"] / steps)
  except (OSError, ValueError, KeyError, IndexError, TypeError):
    return 0.0


def start(member: Member, cores: tuple[int, ...]) -> Running:
  """Starts a member on some cores, its output in a log beside its folder."""
  member.workdir.parent.mkdir(parents=True, exist_ok=True)
  record(member).unlink(missing_ok=True)
  with log(member).open("a") as output:
    process = children.start(member.command, cores, stdout=output, stderr=subprocess.STDOUT)
  return Running(member, process, cores, time.monotonic())


def run(members: Sequence[Member], jobs: int = 1) -> list[Member]:
  """Runs members that are not done yet, and tells of progress and of the time that is left.

  Args:
    members: of the grid.
    jobs: how many at a time; on a CPU each gets its share of the cores.

  Returns:
    Those that failed; the end of what each said is printed.
  """
  if jobs < 1 or len({member.workdir for member in members}) < len(members):
    raise ValueError("jobs must be at least 1, and every member needs a folder of its own")
  waiting = [member for member in members if not done(member)]
  free, running, failed = children.shares(jobs), [], []
  began, already = time.monotonic(), {member: reached(member) for member in waiting}
  shown, there = sys.stderr.isatty(), len(members) - len(waiting)
  bar = tqdm(total=len(members), initial=there, unit="run", disable=not shown)
  with bar, children.interruptible():
    try:
      while waiting or running:
        while waiting and free:
          try:
            running.append(start(waiting[0], free[0]))
          except OSError as error:
            failed.append(waiting.pop(0))
            tqdm.write(f"{failed[-1].name}: cannot be started: {error}", file=sys.stderr)
            continue
          free.pop(0)
          tqdm.write(f"{waiting.pop(0).name}: started", file=sys.stderr)
        time.sleep(POLL)
        for one in [one for one in running if one.process.poll() is not None]:
          running.remove(one)
          free.append(one.cores)
          bar.update()
          ended = f"{(time.monotonic() - one.began) / 60:.1f} minutes"
          if one.process.returncode == 0 and not said(one.member).startswith("stopped"):
            record(one.member).write_text(json.dumps(one.member.command[1:]))
            tqdm.write(f"{one.member.name}: done in {ended}", file=sys.stderr)
          else:
            failed.append(one.member)
            tqdm.write(f"{one.member.name}: failed after {ended}", file=sys.stderr)
        made = sum(reached(member) - share for member, share in already.items())
        left = sum(1 - reached(one) for one in [*waiting, *(one.member for one in running)])
        if made > 0:
          bar.set_postfix_str(f"{(time.monotonic() - began) / made * left / 60:.0f} minutes left")
    finally:
      children.stop([one.process for one in running])
  for member in failed:
    print(f"failed: {member.name}: {said(member)} (all of it: {log(member)})", file=sys.stderr)
  return failed


def main(arguments: Sequence[str] | None = None) -> int:
  """Reads the command line and runs the grid; returns the exit status: 0, or 1 if a run failed."""
  parser = Parser(__doc__)
  parser.add_argument("--out", type=path, required=True)
  parser.add_argument("--configs", nargs="+", required=True, help="names of files in configs/")
  parser.add_argument("--datasets", nargs="+", default=[""], help="as after the colon of --config")
  parser.add_argument("--seeds", nargs="+", type=int, default=[0])
  parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
  parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="config fields of all runs")
  parser.add_argument("--dry", action="store_true", help="print the commands and run none")
  args = parser.parse_args(arguments)
  for config in args.configs:
    if not (children.ROOT / "configs" / f"{config}.py").is_file():
      known = ", ".join(sorted(path.stem for path in (children.ROOT / "configs").glob("*.py")))
      parser.error(f"--configs {config} is none of {known}")
  if wrong := [field for field in args.set if "=" not in field]:
    parser.error(f"--set {wrong[0]}: it must be FIELD=VALUE")
  for name, value, least in (("jobs", args.jobs, 1), *(("seeds", seed, 0) for seed in args.seeds)):
    if value < least:
      parser.error(f"--{name} is {value}; it must be at least {least}")
  try:
    paths.check_writable(args.out, "--out")
  except InputError as error:
    parser.error(str(error))
  fields = dict(field.split("=", 1) for field in args.set)
  members = grid(args.out.resolve(), args.configs, args.datasets, args.seeds, fields)
  if len({member.workdir for member in members}) < len(members):
    parser.error("a config, data set or seed is named twice")
  if args.dry:
    for member in members:
      print(shlex.join(member.command))
    return 0
  try:
    return 1 if run(members, args.jobs) else 0
  except KeyboardInterrupt:
    print("interrupted; the same command goes on", file=sys.stderr)
    return 130


if __name__ == "__main__":
  sys.exit(main())
