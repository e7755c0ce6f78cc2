"""Runs one command of gengap as several processes of this machine, which find each other on its loopback.

  python -m launch.local --processes=2 [--devices=2] gengap.main --config=configs/vae.py --workdir=DIR ...

The same program as on a pod slice or a cluster, to try it and to test it: on a CPU each process has its
share of the cores and, with --devices, as many pretended devices. When a process fails the others are ended,
and its status is returned. An interrupt or SIGTERM asks all to save and end.
"""

import argparse
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from launch import children
from launch.parser import Parser

POLL = 0.1  # seconds between looks at the processes


def free_port() -> int:
  """Returns a port of the loopback on which nothing listens."""
  with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


def environment(devices: int) -> dict[str, str]:
  """Returns the variables of a process with so many devices; 0: as many as there are."""
  pretended = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
  return os.environ | ({"XLA_FLAGS": pretended} if devices else {})


def start(command: Sequence[str], number: int, devices: int) -> list[subprocess.Popen]:
  """Starts the processes of a command: a module and its flags."""
  port, started = free_port(), []
  for index, cores in enumerate(children.shares(number)):
    where = (f"--coordinator=127.0.0.1:{port}", f"--num_processes={number}", f"--process_id={index}")
    call = [sys.executable, "-m", *command, *where]
    started.append(children.start(call, cores, env=environment(devices)))
  return started


def wait(processes: Sequence[subprocess.Popen]) -> int:
  """Waits for all to end, or for one to fail; returns the status of the first that failed, else 0."""
  while any(process.poll() is None for process in processes):
    for index, process in enumerate(processes):
      if process.poll():
        print(f"process {index} ended with status {process.returncode}", file=sys.stderr)
        return process.returncode
    time.sleep(POLL)
  return max(process.returncode for process in processes)


def there(module: str) -> bool:
  """Whether Python finds a module."""
  try:
    return importlib.util.find_spec(module) is not None
  except (ImportError, ValueError):
    return False


def main(arguments: Sequence[str] | None = None) -> int:
  """Reads the command line, runs the processes and returns the exit status."""
  parser = Parser(__doc__)
  parser.add_argument("--processes", type=int, required=True)
  parser.add_argument("--devices", type=int, default=0, help="pretended devices of each process")
  parser.add_argument("command", nargs=argparse.REMAINDER, help="module and flags")
  args = parser.parse_args(arguments)
  for name, least in (("processes", 1), ("devices", 0)):
    if (value := getattr(args, name)) < least:
      parser.error(f"--{name} is {value}; it must be at least {least}")
  if not args.command:
    parser.error("a module must be named, such as gengap.main")
  if not there(args.command[0]):
    parser.error(f"{args.command[0]} is no module; name one, such as gengap.main")
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
