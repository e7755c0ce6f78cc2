"""A bucket without a network: objects in a local folder, reached as gs:// by etils.epath and by Orbax.

As in Cloud Storage, there are no folders (a prefix exists if an object has it), nothing can be appended to,
and nothing is renamed at once. Orbax's arrays are written by TensorStore, which gets the local folder.
"""

import contextlib
import os
import pathlib
import sys
import types
from typing import Any, ClassVar

import fsspec
from fsspec.spec import AbstractFileSystem
from orbax.checkpoint._src.path import gcs_utils


class Bucket(AbstractFileSystem):
  """The file system behind gs://."""

  protocol: ClassVar = ("gs", "gcs")  # pyright: ignore
  cachable = False
  root: ClassVar[pathlib.Path]
  puts: ClassVar[list[str]] = []  # names of objects in the order in which they were written

  @classmethod
  def _strip_protocol(cls, path):
    return str(path).removeprefix("gs://").removeprefix("gcs://").rstrip("/")

  def local(self, path) -> pathlib.Path:
    return self.root / self._strip_protocol(path)

  def info(self, path, **_):
    local, name = self.local(path), self._strip_protocol(path)
    if local.is_file():
      return {"name": name, "size": local.stat().st_size, "type": "file"}
    if any(files for _, _, files in os.walk(local)):
      return {"name": name, "size": 0, "type": "directory"}
    raise FileNotFoundError(path)

  def ls(self, path, detail=True, **_):
    about = self.info(path)
    found = [about]
    if about["type"] == "directory":
      found = []
      for name in sorted(os.listdir(self.local(path))):
        with contextlib.suppress(FileNotFoundError):
          found.append(self.info(f"{about['name']}/{name}"))
    return found if detail else [one["name"] for one in found]

  def mkdir(self, path, create_parents=True, **_):
    pass  # there are no folders

  def makedirs(self, path, exist_ok=False):
    pass

  def rmdir(self, path):
    pass

  def _open(self, path, mode="rb", **_) -> Any:  # pyright: ignore
    if mode not in ("rb", "wb"):
      raise NotImplementedError(f"objects cannot be opened as {mode}")
    if mode == "wb":
      if self._strip_protocol(path).split("/")[0] == "missing":
        raise FileNotFoundError("The specified bucket does not exist.")
      self.puts.append(self._strip_protocol(path))
      self.local(path).parent.mkdir(parents=True, exist_ok=True)
    return self.local(path).open(mode)

  def rm_file(self, path):
    if not self.local(path).is_dir():  # a prefix is no object
      self.local(path).unlink()

  def cp_file(self, path1, path2, **_):
    with self.open(path1) as source, self.open(path2, "wb") as target:
      target.write(source.read())  # pyright: ignore


def make(root: pathlib.Path, monkeypatch) -> type[Bucket]:
  """Makes gs:// a bucket in a local folder."""
  from etils.epath import backend

  Bucket.root, Bucket.puts = root, []
  for name in Bucket.protocol:
    fsspec.register_implementation(name, Bucket, clobber=True)
  backend.fsspec_backend._get_filesystem.cache_clear()  # epath keeps file systems
  storage: Any = types.ModuleType("google.cloud.storage")
  storage.Client = lambda: types.SimpleNamespace(get_bucket=lambda _: object())
  cloud: Any = sys.modules.get("google.cloud") or types.ModuleType("google.cloud")
  monkeypatch.setattr(cloud, "storage", storage, raising=False)
  monkeypatch.setitem(sys.modules, "google.cloud", cloud)
  monkeypatch.setitem(sys.modules, "google.cloud.storage", storage)
  gcs_utils.get_bucket.cache_clear()

  def kvstore(path):
    (local := root / str(path).removeprefix("gs://")).parent.mkdir(parents=True, exist_ok=True)
    return {"driver": "file", "path": str(local)}

  monkeypatch.setattr(gcs_utils, "get_kvstore_for_gcs", kvstore)
  return Bucket
