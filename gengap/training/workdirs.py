"""The folder of a run: its config.json, the lock that keeps other runs out, and checks before training."""

import contextlib
import fcntl
import json
import pathlib
from collections.abc import Iterator
from typing import IO, Any

from gengap.config import complete, flatten, plain
from gengap.distributed import processes
from gengap.errors import InputError
from gengap.logs.log import say
from gengap.method import Config
from gengap.storage import paths, remote

OF_THE_MACHINE = ("config.data_dir", "config.data_device_bytes")  # fields that do not change a run
STEPS = "config.steps"
LOCK = "lock"  # a file in every workdir
FOLDERS = ("checkpoints", "samples")  # that training writes in a workdir
PATTERN = "*?[\\"  # characters of a path that Orbax reads as a pattern


def read(workdir: pathlib.Path) -> dict[str, Any]:
  """Returns the config of the run in a workdir.

  Raises:
    InputError: config.json is missing or damaged.
  """
  path = workdir / "config.json"
  try:
    config = json.loads(path.read_text())
  except (OSError, ValueError) as error:
    reason = f"it is {what}" if path.is_file() and (what := paths.kind(path)) else error
    raise InputError(f"{path} cannot be read ({reason}); restore it or use another workdir") from error
  if not isinstance(config, dict):
    raise InputError(f"{path} holds no config; restore it or use another workdir")
  return config


def check_workdir(workdir: pathlib.Path, config: Config) -> None:
  """Checks that a workdir can be written, and is empty or holds a run of this config that no process trains.

  The run may have fewer steps than the config: it is extended.

  Raises:
    InputError: it cannot be written or used; names the fields that differ if its run has another config.
  """
  if found := [mark for mark in PATTERN if mark in str(workdir.absolute())]:
    raise InputError(
      f"--workdir={workdir.absolute()}: Orbax takes {found[0]} for a pattern and loses the checkpoints; "
      f"choose a path without {' '.join(PATTERN)}"
    )
  if processes.is_first():
    for folder in (workdir, *(workdir / name for name in FOLDERS if not remote.is_remote(workdir))):
      paths.check_writable(folder, "--workdir")
    if not remote.is_remote(workdir) and (workdir / LOCK).exists():
      with writing(workdir), (workdir / LOCK).open("rb") as file:
        lock(file, workdir)  # and let go of it
  if (workdir / "config.json").exists():
    check_same(workdir, config)


def check_same(workdir: pathlib.Path, config: Config) -> bool:
  """Checks that a workdir holds a run of this config, whatever the place of its data, or one to be extended.

  Fields that are newer than the run count as their defaults.

  Returns:
    Whether config.steps is larger than that of the run, and nothing else differs.

  Raises:
    InputError: names the fields that differ, or the schedule that ends before the larger config.steps.
  """
  there, here = flatten(complete(read(workdir))), flatten(plain(config))
  names = [
    name
    for name in sorted(there.keys() | here.keys())
    if there.get(name) != here.get(name) and name not in OF_THE_MACHINE
  ]
  longer = names == [STEPS] and isinstance(there[STEPS], int) and there[STEPS] < here[STEPS]
  if names and not longer:
    some = ", ".join(
      f"{name} ({there.get(name, 'absent')!r} there, {here.get(name, 'absent')!r} here)" for name in names[:4]
    )
    some += f" and {len(names) - 4} more" if len(names) > 4 else ""
    only = "; only a larger config.steps extends a run" if STEPS in names else ""
    raise InputError(f"{workdir} holds a run of another config: {some}{only}; use another --workdir")
  if longer and (ended := ended_schedule(here)):
    raise InputError(f"{workdir} cannot be extended to config.steps={here[STEPS]}: {ended}")
  return longer


def ended_schedule(fields: dict[str, Any]) -> str:
  """Returns which learning rate of a config is 0 before config.steps, and what to do; "" if none is.

  All schedules count steps from the start of a run, so it may be extended as long as none has ended.

  Args:
    fields: of the config, as `flatten` returns them.
  """
  for name, updates in fields.items():
    if name.endswith("decay_steps") and updates:
      repeats = fields.get("config.method_args.n_critic", 1) if "critic_" in name else 1
      if (end := updates // repeats) < fields[STEPS]:
        return (
          f"{name} is {updates}, which takes a learning rate to 0 at step {end}; train anew in another "
          f"--workdir with {name}={fields[STEPS] * repeats}"
        )
  return ""


def lock(file: IO, workdir: pathlib.Path) -> None:
  """Locks a workdir until the file is closed or this process ends.

  Raises:
    InputError: another process holds the lock.
  """
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise InputError(
      f"another process is training in {workdir}; wait for its end, or use another --workdir"
    ) from error
  except OSError as error:
    say(
      f"{workdir}: a second process could train here too, because the file system has no locks "
      f"({error.strerror})"
    )


@contextlib.contextmanager
def writing(workdir: pathlib.Path) -> Iterator[None]:
  """Turns an OSError into an InputError that names the workdir and the file."""
  try:
    yield
  except OSError as error:
    where = f" ({error.filename})" if error.filename else ""
    raise InputError(f"--workdir={workdir} cannot be written: {error.strerror or error}{where}") from error


@contextlib.contextmanager
def claimed(workdir: pathlib.Path, config: Config) -> Iterator[None]:
  """Creates and locks the workdir, and writes config.json unless it exists with as many steps.

  A bucket cannot be locked.

  Raises:
    InputError: the folder cannot be written, now or while it is used; another process trains there, or has
      since trained there with another config.
  """
  path = workdir / "config.json"
  with writing(workdir), contextlib.ExitStack() as stack:
    if processes.is_first():
      if not remote.is_remote(workdir):  # a bucket has no folders and no locks
        workdir.mkdir(parents=True, exist_ok=True)
        lock(stack.enter_context((workdir / LOCK).open("w")), workdir)
      if not path.exists() or check_same(workdir, config):
        paths.write(path, json.dumps(plain(config), indent=2) + "\n")
    processes.barrier()
    yield
