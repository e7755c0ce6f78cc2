"""Commands, each in a process of its own that has the imports already, which take seconds."""

import multiprocessing
import os
import runpy
import sys

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["gengap.training.loop", "gengap.probes.subject", "gengap.probes"])


def command(module, args, said):
  """Runs a command here; what it says goes to a file."""
  os.environ["TFDS_DATA_DIR"] = "/nonexistent"
  with open(said, "w") as file:
    for stream in (sys.stdout, sys.stderr):
      os.dup2(file.fileno(), stream.fileno())
  sys.argv = [module, *args]
  runpy.run_module(module, run_name="__main__")


def call(module, args, said):
  """Runs a command; returns its status and what it said, by way of the file `said`."""
  process = SERVER.Process(target=command, args=(module, args, said))
  process.start()
  process.join(timeout=300)
  return process.exitcode, said.read_text()
