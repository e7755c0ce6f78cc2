"""Breaks the code in one place at a time, and reports whether a test notices.

  python tests/mutants.py [TEXT] [--jobs=2]

Each mutant in mutants.toml replaces one passage of one file, in a copy of the checkout, and names the tests
that should fail then. First those tests run without any mutant, and must pass. TEXT restricts the run to the
mutants whose file or passages contain it. The exit status is 1 if a mutant survives. `test_structure.py`
checks that every passage still occurs in its file exactly once.
"""

import argparse
import concurrent.futures
import gc
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time
import tomllib
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
COPIED = ("gengap", "configs", "launch", "tests", "pyproject.toml", "README.md")
LINKED = ("results",)
LONGEST = 600  # seconds for the tests of one mutant; a mutant that hangs is killed
OPTIONS = ["-x", "-n", "0", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--assert=plain"]
PRELOADED = ["pytest", "scipy.stats", "sklearn.ensemble", "matplotlib.figure", "tensorflow_datasets"]
PRELOADED += ["flax.linen", "optax", "orbax.checkpoint", "grain", "tensorboardX"]  # a process starts fast
PASSED, FAILED = 100, 101  # exit statuses: of pytest, plus 100, which no error of another kind ends with


class Mutant(NamedTuple):
  """One fault."""

  file: str
  old: str  # occurs in the file exactly once
  new: str
  tests: tuple[str, ...]  # pytest's node ids

  def __str__(self) -> str:
    return " ".join(f"{self.file}: {self.old} -> {self.new}".split())

  def broken(self, root: pathlib.Path) -> str:
    """Returns the file's text with the fault."""
    return (root / self.file).read_text().replace(self.old, self.new, 1)


def read() -> list[Mutant]:
  """Returns all mutants."""
  table = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
  return [
    Mutant(file, each["old"], each["new"], tuple(each["tests"].split()))
    for file, several in table.items()
    for each in several
  ]


def run_pytest(folder: str, tests: tuple[str, ...]) -> None:
  """Runs tests in a copy of the checkout, and ends the process with PASSED, FAILED or another status.

  What they print goes to the file `output` in the copy.
  """
  os.chdir(folder)
  os.environ |= {"GENGAP_CACHE": f"{folder}/cache", "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
  sys.dont_write_bytecode = True
  sys.path[:0] = [folder]
  with open("output", "w") as file:
    for stream in (sys.stdout, sys.stderr):
      os.dup2(file.fileno(), stream.fileno())
  gc.freeze()  # what is preloaded stays, so that no collection has to go through it
  import pytest

  sys.exit(PASSED + pytest.main([*OPTIONS, *tests]))


def passes(tests: tuple[str, ...], mutant: Mutant | None = None) -> bool:
  """Returns whether tests pass with a fault, or without any.

  Raises:
    SystemExit: the tests did not run, so they tell nothing; or they fail without a fault.
  """
  with tempfile.TemporaryDirectory() as folder:
    for name in COPIED:
      copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
      copy(ROOT / name, pathlib.Path(folder) / name)
    for name in LINKED:
      (pathlib.Path(folder) / name).symlink_to(ROOT / name)
    if mutant:
      (pathlib.Path(folder) / mutant.file).write_text(mutant.broken(ROOT))
    process = multiprocessing.get_context("forkserver").Process(target=run_pytest, args=(folder, tests))
    process.start()
    process.join(LONGEST if mutant else None)
    if process.exitcode is None:
      process.kill()
      return False
    if process.exitcode not in ((PASSED, FAILED) if mutant else (PASSED,)):
      output = (pathlib.Path(folder) / "output").read_text()
      raise SystemExit(f"{output}\n{mutant or 'without a mutant'}: status {process.exitcode}")
    return process.exitcode == PASSED


def main() -> None:
  """Runs the mutants and prints a line for each."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("text", nargs="?", default="")
  parser.add_argument("--jobs", type=int, default=1)
  flags = parser.parse_args()
  os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # before JAX is loaded: see conftest.py
  multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
  chosen = [m for m in read() if flags.text in f"{m.file}\n{m.old}\n{m.new}"]
  passes(tuple(dict.fromkeys(test for mutant in chosen for test in mutant.tests)))
  survivors = 0

  def survives(mutant: Mutant) -> tuple[bool, float]:
    began = time.perf_counter()
    return passes(mutant.tests, mutant), time.perf_counter() - began

  with concurrent.futures.ThreadPoolExecutor(flags.jobs) as pool:
    for mutant, (alive, seconds) in zip(chosen, pool.map(survives, chosen), strict=True):
      survivors += alive
      print(f"{'SURVIVES' if alive else 'killed  '} {seconds:4.0f} s  {mutant}", flush=True)
  print(f"{len(chosen) - survivors} of {len(chosen)} mutants killed")
  sys.exit(bool(survivors))


if __name__ == "__main__":
  main()
