"""What all tests share: programs that compile fast, freed in time, in a cache of their own."""

import os
from importlib import metadata

# A test's programs run a few times only: without these, compiling them takes four times as long.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if metadata.version("jaxlib").startswith("0.10."):  # later ones do not have the flag, and abort on it
  os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import gc

import jax
import pytest

from gengap import cli


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


@pytest.fixture(scope="module", autouse=True)
def programs():
  """Frees a file's programs after its last test: XLA needs memory maps, and Linux gives a process 65,530."""
  yield
  jax.clear_caches()
  gc.collect()
