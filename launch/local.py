"""Runs one gengap command as several processes on this machine.

  python -m launch.local --processes=2 [--devices=2] gengap.main --config=configs/vae.py --workdir=DIR ...

The processes run the same program as on a TPU pod slice or a cluster, so use it for trials
and tests. On a CPU each process gets an equal share of the cores and, with --devices, that many simulated
devices. If a process fails, the others are stopped and its status is returned. An interrupt or SIGTERM makes
all save and exit.
"""

import argparse
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from . import children
from .parser import Parser

POLL = 0.1  # seconds between checks of the processes


def free_port() -> int:
  """Returns a free port of the loopback interface."""
  with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


def environment(devices: int) -> dict[str, str]:
  """Returns the environment of a process with a number of simulated devices; 0 uses the real ones."""
  flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
  return os.environ | ({"XLA_FLAGS": flags} if devices else {})


def start(command: Sequence[str], number: int, devices: int) -> list[subprocess.Popen]:
  """Starts the processes of a command: a module and its flags."""
  port, started = free_port(), []
  for index, cores in enumerate(children.shares(number)):
    where = (f"--coordinator=127.0.0.1:{port}", f"--num_processes={number}", f"--process_id={index}")
    call = [sys.executable, "-m", *command, *where]
    started.append(children.start(call, cores, env=environment(devices)))
  return started


def wait(processes: Sequence[subprocess.Popen]) -> int:
  """Waits until all processes end or one fails; returns the status of the first failure, else 0."""
  while any(process.poll() is None for process in processes):
    for index, process in enumerate(processes):
      if process.poll():
        print(f"process {index} ended with status {process.returncode}", file=sys.stderr)
        return process.returncode
    time.sleep(POLL)
  return max(process.returncode for process in processes)


def exists(module: str) -> bool:
  """Whether Python can find a module."""
  try:
    return importlib.util.find_spec(module) is not None
  except (ImportError, ValueError):
    return False


def main(arguments: Sequence[str] | None = None) -> int:
  """Reads the command line, runs the processes and returns the exit status."""
  parser = Parser(__doc__)
  parser.add_argument("--processes", type=int, required=True)
  parser.add_argument("--devices", type=int, default=0, help="simulated devices per process")
  parser.add_argument("command", nargs=argparse.REMAINDER, help="module and flags")
  args = parser.parse_args(arguments)
  for name, least in (("processes", 1), ("devices", 0)):
    if (value := getattr(args, name)) < least:
      parser.error(f"--{name} is {value}; it must be at least {least}")
  if not args.command:
    parser.error("name a module, such as gengap.main")
  if not exists(args.command[0]):
    parser.error(f"{args.command[0]} is not a module; name one, such as gengap.main")
  processes: list[subprocess.Popen] = []
  with children.interruptible():
    try:
      processes = start(args.command, args.processes, args.devices)
      return abs(wait(processes))
    except KeyboardInterrupt:
      children.stop(processes)
      return abs(max((process.returncode for process in processes), key=abs))
    finally:
      children.stop([process for process in processes if process.poll() is None])


if __name__ == "__main__":
  sys.exit(main())
