"""Results about real images that are kept on disk: features and floors."""

import contextlib
import functools
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gengap.data import cache
from gengap.distributed import processes
from gengap.features.types import FeatureExtractor, Images

FOLDERS = ("evaluation", "features", "metrics", "networks")  # whose code changes results


@functools.cache
def code() -> str:
  """Returns a digest of the code that computes results, so that those of other code are not reused."""
  package = pathlib.Path(__file__).parents[1]
  files = sorted(path for folder in FOLDERS for path in package.glob(f"{folder}/*.py"))
  return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def extract(extractor: FeatureExtractor, images: Images) -> np.ndarray:
  """Returns the features of images, from the cache of the first process if it has them."""
  about = json.dumps([extractor.protocol, images.shape, code()]).encode()
  path = cache.root() / "features" / f"{hashlib.sha256(about + images.tobytes()).hexdigest()}.npy"
  kept = None
  if processes.is_first():
    with contextlib.suppress(OSError, ValueError, EOFError):  # missing or damaged
      kept = np.load(path)
  if (kept := processes.broadcast_array(kept)) is not None:
    return kept
  features = extractor.extract(images)
  cache.keep(path, lambda file: np.save(file, features))
  return features


def numbers(name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
  """Returns numbers by name from the cache; computes and keeps them if they are missing or damaged.

  Args:
    name: of the file, without its suffix; it must depend on everything that the numbers depend on.
    compute: returns the numbers.
  """
  path = cache.root() / "floors" / f"{name}.json"
  with contextlib.suppress(OSError, ValueError):  # missing or damaged
    if isinstance(kept := json.loads(path.read_text()), dict):
      return kept
  computed = compute()
  cache.keep(path, lambda file: file.write(json.dumps(computed).encode()))
  return computed
