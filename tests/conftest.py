"""What all tests share: programs that compile fast, freed in time, in a cache of their own."""

import os
from importlib import metadata

# A test's programs run a few times only: without these, compiling them takes four times as long.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if metadata.version("jaxlib").startswith("0.10."):  # later ones do not have the flag, and abort on it
  os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import gc
import pathlib

import jax
import pytest

from gengap.command_line import cli

MOST_MAPS = 8_000  # memory maps of a process, of which each program has a few, before its programs are freed

# Tracing makes millions of objects that live on: looking for garbage among them is a sixth of the time.
gc.freeze()
gc.set_threshold(100_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
  """Keeps decoded data and programs out of the user's cache, in this process and those it starts.

  The processes of pytest-xdist share one, so that each program is compiled once.
  """
  if "GENGAP_CACHE" not in os.environ:
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    os.environ["GENGAP_CACHE"] = str(folder / "gengap_cache")
  cli.keep_programs()
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # small ones too: files share many


@pytest.fixture(scope="module", autouse=True)
def programs():
  """Frees all programs after a file's last test if they need many of the 65,530 memory maps of Linux."""
  yield
  gc.collect()
  maps = pathlib.Path("/proc/self/maps")
  if not maps.exists() or maps.read_bytes().count(b"\n") > MOST_MAPS:
    jax.clear_caches()
    gc.collect()
