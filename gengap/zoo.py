"""The model zoo: small trained runs, packed as one file each, under names such as "zoo:vae_mnist".

A packed run holds the weights that `gengap.load` returns (the moving average if there is one), its config,
its spec and its scores. It is unpacked as a workdir into the cache folder `zoo`, where every command can use
it. Optimisers are not packed, so its training cannot be resumed.

The files are in results/zoo of a checkout, and in the folder `zoo_files` of an installed package.
"""

import contextlib
import hashlib
import io
import json
import lzma
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from gengap.data import cache
from gengap.errors import InputError, suggest
from gengap.logs.log import say
from gengap.method import State
from gengap.storage import paths
from gengap.training.checkpoint import Checkpoints

PREFIX = "zoo:"
FILE = "run.npz.xz"
PACKAGE = pathlib.Path(__file__).parent
FOLDERS = (
  PACKAGE.parent / "results" / "zoo",
  PACKAGE / "zoo_files",
)  # of a checkout, of an installed package
SEPARATOR = "/"  # between the keys of nested weights
ABOUT = "about"  # the name of the JSON in a file


class Packed(NamedTuple):
  """A run of the zoo."""

  config: dict[str, Any]  # as config.json holds it
  spec: dict[str, Any]
  step: int
  scores: dict[str, float]  # of the checkpoint, with that which names the best one
  weights: Mapping[str, Any]  # nested, float32
  files: Mapping[str, str]  # path in the workdir, such as "run.json" or "eval/4000.json" -> text


def names() -> list[str]:
  """Returns the names of the runs of the zoo."""
  return sorted({path.parent.name for folder in FOLDERS for path in folder.glob(f"*/{FILE}")})


def is_named(workdir: str | os.PathLike[str]) -> bool:
  """Returns whether what stands for a workdir names a run of the zoo."""
  return os.fspath(workdir).startswith(PREFIX)


def find(name: str) -> pathlib.Path:
  """Returns the file of a run.

  Args:
    name: without "zoo:".

  Raises:
    InputError: there is none of this name, or there is no zoo.
  """
  for folder in FOLDERS:
    if (path := folder / name / FILE).is_file():
      return path
  if not (known := names()):
    raise InputError(
      f"{PREFIX}{name}: there is no zoo here: its files are in results/zoo of a checkout of gengap, and in "
      "the wheel of a release"
    )
  raise InputError(f"{PREFIX}{name}: the zoo has {', '.join(known)}{suggest(name, known)}")


def workdir(given: str | os.PathLike[str]) -> pathlib.Path:
  """Returns the workdir that "zoo:NAME" stands for: it is unpacked into the cache, once.

  Raises:
    InputError: there is no such run, its file is damaged, or the cache cannot be written.
  """
  name = os.fspath(given).removeprefix(PREFIX)
  content = find(name).read_bytes()
  folder = cache.root() / "zoo" / f"{name}_{hashlib.sha256(content).hexdigest()[:12]}"
  if (folder / "config.json").exists():  # it is written last
    return folder
  packed = read(content, name)
  try:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as work:
      unpack(packed, scratch := pathlib.Path(work) / folder.name)
      with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)  # of a program that was killed
      scratch.rename(folder)
  except OSError as error:
    if not (folder / "config.json").exists():  # else another process was faster
      raise InputError(f"{PREFIX}{name}: {folder} cannot be written: {error.strerror or error}") from error
  say(f"{PREFIX}{name} is unpacked: {folder}")
  return folder


def unpack(packed: Packed, folder: pathlib.Path) -> None:
  """Writes a run as a workdir with one checkpoint."""
  name = "ema" if packed.config.get("ema") else "nets"
  trees = {"nets": {}, "ema": {}} | {name: jax.tree.map(np.asarray, dict(packed.weights))}
  folder.mkdir(parents=True)
  state = State(np.int32(packed.step), trees["nets"], {}, trees["ema"])  # pyright: ignore[reportArgumentType]
  with contextlib.closing(Checkpoints(folder, keep=1, best=str(packed.config["best"]))) as checkpoints:
    checkpoints.save(state, {"config": packed.config, "spec": packed.spec}, packed.scores)
    checkpoints.wait()
  for path, text in packed.files.items():
    paths.write(folder / path, text)
  paths.write(folder / "config.json", json.dumps(packed.config, indent=2) + "\n")


def pack(packed: Packed, dtype: str = "float16") -> bytes:
  """Returns a run as the content of a file; see `read`.

  The high and the low bytes of numbers are stored apart, because only the high ones compress well.

  Args:
    packed: the run.
    dtype: in which float32 weights are stored: "float16" or "float32".

  Raises:
    InputError: a weight is not finite in this type.
  """
  arrays, leaves = {}, {}
  for path, leaf in flatten(packed.weights).items():
    stored = np.asarray(leaf)
    if stored.dtype == np.float32:
      with np.errstate(over="ignore"):
        stored = stored.astype(dtype)
      if not np.isfinite(stored).all():
        raise InputError(f"weight {path} is not finite in {dtype}; pack it as float32")
    leaves[path] = [stored.dtype.name, list(stored.shape)]
    arrays[path] = np.frombuffer(stored.tobytes(), np.uint8).reshape(stored.size, stored.itemsize).T.copy()
  about = packed._asdict() | {"weights": leaves, "files": dict(packed.files)}
  arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
  np.savez(file := io.BytesIO(), **arrays)
  return lzma.compress(file.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def read(content: bytes, name: str = "") -> Packed:
  """Reads what `pack` returns; weights of float16 become float32.

  Args:
    content: of the file.
    name: of the run, for messages.

  Raises:
    InputError: it is damaged.
  """
  try:
    with np.load(io.BytesIO(lzma.decompress(content)), allow_pickle=False) as stored:
      about = json.loads(stored[ABOUT].tobytes())
      weights: dict[str, Any] = {}
      for path, (dtype, shape) in about["weights"].items():
        leaf = np.frombuffer(stored[path].T.tobytes(), dtype).reshape(shape)
        put(weights, path.split(SEPARATOR), leaf.astype(np.float32) if dtype == "float16" else leaf)
    about["weights"] = weights
    return Packed(**{field: about[field] for field in Packed._fields})
  except InputError:
    raise
  except Exception as error:  # of any of these formats
    raise InputError(f"{PREFIX}{name} is damaged ({error}); get the file again") from error


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
  """Returns nested weights as one level: "generator/params/..." -> array."""
  flat: dict[str, Any] = {}
  for key, value in tree.items():
    nested = isinstance(value, Mapping)
    flat |= flatten(value, f"{prefix}{key}{SEPARATOR}") if nested else {f"{prefix}{key}": value}
  return flat


def put(tree: dict[str, Any], path: list[str], leaf: np.ndarray) -> None:
  """Puts an array into nested weights."""
  for key in path[:-1]:
    tree = tree.setdefault(key, {})
  tree[path[-1]] = leaf
