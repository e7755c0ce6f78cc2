"""gengap: what VAEs give up, what GANs give up, and how wide the gap is under equal budgets."""

import importlib
import time
from typing import Any

__version__ = "0.2.0"
STARTED = time.perf_counter()  # nearly the start of a command: the package is the first thing it imports


PACKAGES = ("data", "evaluation", "features", "methods", "metrics", "networks", "probes", "training")


def __dir__() -> list[str]:
  return ["Run", "__version__", "load", *PACKAGES]


def __getattr__(name: str) -> Any:
  if name in ("load", "Run"):  # lazily, so that `import gengap` costs nothing
    from gengap import run

    return getattr(run, name)
  if name in PACKAGES:
    return importlib.import_module(f"gengap.{name}")
  raise AttributeError(f"module 'gengap' has no attribute {name!r}")
