"""Injects faults into a small run, one at a time, and records messages, lost steps and how the run ends.

TFDS_DATA_DIR=DIR python -m results.scale.faults --out=DIR [NAME ...]   (all of them: writes faults.json)

Each fault is injected into a copy of a run that is at half of its steps. The command runs with the fault, and
then again without it, to the end, which must be that of an undisturbed run. Faults that mount a file system
need root.
"""

import argparse
import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gengap
from gengap.logs import log
from gengap.training import program

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
STEPS, EVERY = 2000, 100  # of the run, and between its checkpoints
HALF = STEPS // 2
FIELDS = {
  "method_args.network": "dense",
  "method_args.width": 64,
  "method_args.latent_dim": 8,
  "batch_size": 64,
  "steps": STEPS,
  "log_every": 10,
  "checkpoint_every": EVERY,
  "keep_checkpoints": 100,
  "eval_every": 500,
  "sample_every": 1000,
  "eval_images": 64,
}
LOUD = re.compile(r"error: |is damaged|cannot be read|stopped at|ended with|are not finite|is nan")


class Faulty(NamedTuple):
  """How a command is called during a fault."""

  patch: str = ""  # Python that runs before it
  launcher: tuple[str, ...] = ()
  data: pathlib.Path = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "unset"))
  cache: pathlib.Path | None = None
  act: Callable[[subprocess.Popen], str | None] = lambda process: None  # half way; may return what it saw


SOUND = Faulty()
Fault = Callable[[pathlib.Path], contextlib.AbstractContextManager[Faulty]]


def command(workdir: pathlib.Path, how: Faulty) -> list[str]:
  """Returns the command that trains the run."""
  flags = ["--config=configs/conv_vae.py:mnist", f"--workdir={workdir}", f"--config.data_dir={how.data}"]
  flags += [f"--config.{name}={value}" for name, value in FIELDS.items()]
  if how.launcher:
    return [sys.executable, "-m", *how.launcher, "gengap.main", *flags]
  if how.patch:
    main = f"sys.argv = {['gengap.main', *flags]!r}; runpy.run_module('gengap.main', run_name='__main__')"
    return [sys.executable, "-c", f"{how.patch}; import runpy, sys; {main}"]
  return [sys.executable, "-m", "gengap.main", *flags]


def logged(workdir: pathlib.Path) -> int:
  """Returns the last step in a run's log, or 0."""
  try:
    return json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])["step"]
  except (OSError, ValueError, IndexError):
    return 0


def call(workdir: pathlib.Path, how: Faulty = SOUND) -> tuple[int, str]:
  """Calls the command, and the fault while it trains; returns status and output."""
  env = os.environ | ({"GENGAP_CACHE": str(how.cache)} if how.cache else {})
  begun = logged(workdir)
  with subprocess.Popen(
    command(workdir, how), cwd=ROOT, env=env, text=True, stderr=subprocess.PIPE
  ) as process:
    while process.poll() is None and logged(workdir) < begun + 1.5 * EVERY and how.act is not SOUND.act:
      time.sleep(0.005)
    seen = how.act(process)
    said = process.communicate()[1]
  return process.returncode, said if seen is None else seen


def resumed(said: str) -> int | None:
  """Returns the step from which a call resumed, or None."""
  found = re.search(r"resuming at step (\d+)", said)
  return int(found[1]) if found else None


def newest(workdir: pathlib.Path) -> pathlib.Path:
  """Returns the folder of the last checkpoint."""
  return max((workdir / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name))


def arrays(checkpoint: pathlib.Path) -> pathlib.Path:
  """Returns the largest file of a checkpoint."""
  return max((path for path in checkpoint.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def flip(path: pathlib.Path) -> None:
  """Changes one bit in the middle of a file."""
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 16
  path.write_bytes(data)


FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Callable[[pathlib.Path], Iterator[Faulty]]], Fault]:
  """Registers a fault: a context manager that takes the workdir and yields how the command is called."""
  return lambda inject: FAULTS.setdefault(name, contextlib.contextmanager(inject))


@fault("SIGKILL while it trains")
def killed(workdir):
  yield Faulty(act=lambda process: process.kill())


@fault("SIGKILL while it saves")
def killed_saving(workdir):
  def act(process):
    while not list((workdir / "checkpoints").glob("*tmp*")):
      time.sleep(0.0005)
    process.kill()

  yield Faulty(act=act)


@fault("SIGKILL while it compiles")
def killed_compiling(workdir):
  yield Faulty(
    patch="import os, signal; from gengap.training import flops; flops.count_flops = "
    "lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
  )


@fault("SIGTERM (preemption)")
def preempted(workdir):
  yield Faulty(act=lambda process: process.send_signal(signal.SIGTERM))


@fault("SIGTERM to one of two processes")
def one_preempted(workdir):
  yield Faulty(launcher=("launch.local", "--processes=2"), act=lambda _: signal_second(workdir, "TERM"))


@fault("SIGKILL to one of two processes")
def one_killed(workdir):
  yield Faulty(launcher=("launch.local", "--processes=2"), act=lambda _: signal_second(workdir, "KILL"))


def signal_second(workdir: pathlib.Path, name: str) -> None:
  """Sends a signal to the second of a run's processes."""
  subprocess.run(["pkill", f"-{name}", "-f", f"gengap.main .*{workdir} .*--process_id=1$"], check=True)


@fault("newest checkpoint truncated")
def truncated(workdir):
  path = arrays(newest(workdir))
  os.truncate(path, path.stat().st_size // 2)
  yield Faulty()


@fault("a file of the newest checkpoint missing")
def missing(workdir):
  arrays(newest(workdir)).unlink()
  yield Faulty()


@fault("a bit of the newest checkpoint flipped")
def flipped(workdir):
  flip(arrays(newest(workdir)))
  yield Faulty()


@fault("a number in the newest checkpoint's description changed")
def described(workdir):
  (path,) = (newest(workdir) / "meta").rglob("metadata")
  path.write_text(path.read_text().replace('"steps": 2000', '"steps": 2001'))
  yield Faulty()


@fault("every checkpoint damaged")
def all_damaged(workdir):
  shutil.copytree(workdir / "checkpoints", workdir.with_name("kept"))
  for checkpoint in (workdir / "checkpoints").glob("[0-9]*"):
    flip(arrays(checkpoint))
  yield Faulty()
  shutil.rmtree(workdir / "checkpoints")
  workdir.with_name("kept").rename(workdir / "checkpoints")


@fault("last line of metrics.jsonl torn")
def torn(workdir):
  path = workdir / "metrics.jsonl"
  os.truncate(path, path.stat().st_size - 40)
  yield Faulty()


@fault("config.json damaged")
def config_damaged(workdir):
  path = workdir / "config.json"
  text = path.read_text()
  path.write_text(text[:100])
  yield Faulty()
  path.write_text(text)


@contextlib.contextmanager
def mounted(workdir: pathlib.Path, options: str) -> Iterator[None]:
  """Puts the workdir on a file system of its own."""
  there = workdir.with_name("aside")
  workdir.rename(there)
  workdir.mkdir()
  subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "none", workdir], check=True)
  shutil.copytree(there, workdir, dirs_exist_ok=True)
  subprocess.run(["mount", "-o", f"remount,{options}", workdir], check=True)
  try:
    yield
  finally:
    shutil.rmtree(there)
    shutil.copytree(workdir, there)
    subprocess.run(["umount", workdir], check=True)
    workdir.rmdir()
    there.rename(workdir)


@fault("disk full while it saves")
def full(workdir):
  used = sum(path.stat().st_blocks * 512 for path in workdir.rglob("*")) / 2**20
  with mounted(workdir, f"size={int(used) + 3}m"):
    yield Faulty()


@fault("read-only workdir")
def read_only(workdir):
  with mounted(workdir, "ro"):
    yield Faulty()


@fault("a second process in the workdir")
def second(workdir):
  def act(process):
    process.send_signal(signal.SIGSTOP)
    again = subprocess.run(command(workdir, SOUND), cwd=ROOT, text=True, stderr=subprocess.PIPE)
    process.send_signal(signal.SIGCONT)
    return f"status {again.returncode}: {again.stderr}"

  yield Faulty(act=act)


@fault("clock set back by a day whenever it is looked at")
def clock(workdir):
  yield Faulty(
    patch="import itertools, time; now, looks = time.time, itertools.count(); "
    "time.time = lambda: now() - 86400 * next(looks)"
  )


@contextlib.contextmanager
def own_data(workdir: pathlib.Path) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
  """Makes a copy of the data set and an empty cache, both deleted after the fault."""
  data, cache = workdir.with_name("data"), workdir.with_name("cache")
  shutil.copytree(SOUND.data / "mnist", data / "mnist")
  try:
    yield data, cache
  finally:
    shutil.rmtree(data)
    shutil.rmtree(cache, ignore_errors=True)


@fault("a bit of the data set's file flipped")
def data_flipped(workdir):
  with own_data(workdir) as (data, cache):
    flip(next(data.rglob("*train*array_record*")))
    yield Faulty(data=data, cache=cache)


@fault("data set's file truncated")
def data_truncated(workdir):
  with own_data(workdir) as (data, cache):
    path = next(data.rglob("*train*array_record*"))
    os.truncate(path, path.stat().st_size // 2)
    yield Faulty(data=data, cache=cache)


@fault("a bit of the decoded images' cache flipped")
def cache_flipped(workdir):
  with own_data(workdir) as (data, cache):
    call(workdir.with_name("other"), Faulty(data=data, cache=cache))
    shutil.rmtree(workdir.with_name("other"))
    for path in cache.rglob("image.npy"):
      flip(path)
    yield Faulty(data=data, cache=cache)


def in_the_batch(loss, at):
  """Makes a turn's images NaN in one step."""

  def spoilt(params, nets, batch, keys, step):
    return loss(params, nets, batch._replace(image=jnp.where(step == at, jnp.nan, batch.image)), keys, step)

  return spoilt


def in_the_gradient(loss, at):
  """Makes a turn's gradient NaN in one step, while its loss stays finite."""

  def spoilt(params, nets, batch, keys, step):
    value, aux = loss(params, nets, batch, keys, step)
    zero = 0.0 * sum(jnp.sum(x**2) for x in jax.tree.leaves(params))
    return value + jnp.sqrt(jnp.where(step == at, zero, 1.0)), aux  # finite, and at 0 its slope is not

  return spoilt


def in_the_weights(tx, at):
  """Makes a turn's weights NaN in one step."""

  def update(updates, state, params=None):
    updates, inner = tx.update(updates, state, params)
    count = optax.tree.get_all_with_path(inner, "count")[0][1]
    return jax.tree.map(lambda u: jnp.where(count == at + 1, jnp.nan, u), updates), inner

  return optax.GradientTransformation(tx.init, update)


def spoilt(build: Callable, part: str, turn: int, spoil: Callable, at: int) -> Callable:
  """Returns a `methods.build` in which one part of one turn is corrupted at one step."""

  def built(config, spec):
    method = build(config, spec)
    turns = list(method.turns)
    turns[turn] = turns[turn]._replace(**{part: spoil(getattr(turns[turn], part), at)})
    return method._replace(turns=tuple(turns))

  return built


def inject(part: str, spoil: Callable) -> None:
  """Corrupts the method that the command builds, before its next checkpoint."""
  at = HALF + EVERY // 2  # before it saves: the spoilt program rounds otherwise
  mock.patch.object(program.methods, "build", spoilt(program.methods.build, part, -1, spoil, at)).start()


for name, part, spoil in (
  ("batch", "loss", in_the_batch),
  ("gradient", "loss", in_the_gradient),
  ("weights", "tx", in_the_weights),
):
  call_it = f"from results.scale import faults as f; f.inject({part!r}, f.{spoil.__name__})"

  @fault(f"NaN in a {name}".replace("a weights", "the weights"))
  def not_finite(workdir, call_it=call_it):
    yield Faulty(patch=call_it)


def weights(workdir: pathlib.Path) -> list[np.ndarray]:
  """Returns the weights at the end of a run."""
  run = gengap.load(workdir)
  return [np.asarray(x) for x in jax.tree.leaves([run.step, run.nets])]


def told(said: str) -> str:
  """Returns the line that reports a fault, or an empty one."""
  lines = [line for line in said.splitlines() if LOUD.search(line)]
  return lines[-1] if lines else ""


@functools.cache
def undisturbed(half: pathlib.Path, launcher: tuple[str, ...]) -> list[np.ndarray]:
  """Returns the end of the run from HALF on, if nothing happens to it: several processes round otherwise."""
  with tempfile.TemporaryDirectory(dir=half.parent) as folder:
    shutil.copytree(half, workdir := pathlib.Path(folder) / "run")
    assert call(workdir, Faulty(launcher=launcher))[0] == 0
    return weights(workdir)


def try_out(name: str, half: pathlib.Path, out: pathlib.Path) -> dict:
  """Injects a fault and returns its row."""
  workdir = out / "run"
  shutil.rmtree(workdir, ignore_errors=True)
  shutil.copytree(half, workdir)
  with FAULTS[name](workdir) as how:
    status, said = call(workdir, how)
    reached = max([logged(workdir), *map(int, re.findall(r" at step (\d+)", told(said)))])
  first = resumed(said)
  last_status, last = call(workdir, Faulty(launcher=how.launcher))
  lost = [HALF - first if first is not None else 0, reached - (resumed(last) or 0)]
  pairs = zip(weights(workdir), undisturbed(half, how.launcher), strict=True)
  same = last_status == 0 and all(np.array_equal(a, b) for a, b in pairs)
  text = re.sub(r"/\S*/", "", told(said))
  return {"fault": name, "status": status, "said": text, "lost": max(lost), "as_uninterrupted": same}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("names", nargs="*", default=list(FAULTS))
  args = parser.parse_args()
  if not (SOUND.data / "mnist").is_dir():
    parser.error("TFDS_DATA_DIR names no folder with mnist")
  if os.geteuid() and (mounting := {"disk full while it saves", "read-only workdir"} & set(args.names)):
    parser.error(f"only root can mount what these need: {', '.join(sorted(mounting))}; name the others")
  if unknown := set(args.names) - set(FAULTS):
    parser.error(f"{unknown.pop()!r} is none of {', '.join(FAULTS)}")
  out = args.out.resolve()
  whole, half = out / "whole", out / "half"
  assert call(whole)[0] == 0
  if not half.exists():
    shutil.copytree(whole, half)
    log.delete_after(half / "metrics.jsonl", HALF)
    for path in (half / "checkpoints").glob("[0-9]*"):
      if int(path.name) > HALF:
        shutil.rmtree(path)
  rows = []
  for name in args.names:
    rows.append(try_out(name, half, out))
    print(json.dumps(rows[-1]), flush=True)
  if set(args.names) == set(FAULTS):
    (HERE / "faults.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
  main()
