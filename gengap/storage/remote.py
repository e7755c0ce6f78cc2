"""Folders in Google Cloud Storage (gs://BUCKET/...), by etils.epath and gcsfs.

A bucket has objects, not files: an object appears whole or not at all when it is written, cannot be appended
to, and a folder cannot be renamed at once. `Mirror` is for files that grow: local files, copied whole.
"""

import contextlib
import pathlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from gengap.errors import InputError

SCHEME = "gs://"
INSTALL = "pip install gcsfs google-cloud-storage"
SECONDS = 20.0  # between two copies of a file that grows
URL = re.compile(r"gs://[a-z0-9][-_.a-z0-9]*(/[^*?\[\]\0\n]*)?")


def is_remote(path: Any) -> bool:
  """Whether a path is in a bucket."""
  return str(path).startswith(SCHEME)


def folder(url: str, given: str) -> pathlib.Path:
  """Returns the path of a URL in a bucket, with the methods of pathlib.Path that gengap uses.

  Args:
    url: begins with gs://.
    given: how the user gave it, for the error.

  Raises:
    InputError: the URL is malformed, or what reads it is not installed.
  """
  if not URL.fullmatch(url):
    raise InputError(f"{given}: it must be gs://BUCKET/FOLDER, without * ? [ ]")
  try:
    import fsspec

    fsspec.get_filesystem_class("gs")
    # Orbax asks it for the kind of the bucket
    import google.cloud.storage  # noqa: F401  # pyright: ignore
  except ImportError as error:
    raise InputError(f"{given}: gs:// needs more packages; install them: {INSTALL}") from error
  return path_class()(url)


def path_class() -> Any:
  """Returns the class of paths in buckets: epath's, with what pathlib.Path has and it lacks."""
  if "path" not in _CLASSES:
    import fsspec  # only where it is needed: commands start sooner
    from etils.epath.gpath import PosixGPath

    class BucketPath(PosixGPath):
      """A path in a bucket."""

      def absolute(self):
        return self

      def resolve(self, strict: bool = False):
        return self

      def read_text(self, encoding: str | None = None, errors: str = "strict") -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors)

      def rglob(self, pattern: str):
        for name in fsspec.filesystem("gs").find(str(self)):
          if pathlib.PurePosixPath(name).match(pattern):
            yield type(self)(SCHEME + name)

    _CLASSES["path"] = BucketPath
  return _CLASSES["path"]


_CLASSES: dict[str, Any] = {}


@contextlib.contextmanager
def explained(given: str) -> Iterator[None]:
  """Turns any error of a bucket (no such bucket, no permission, no network) into an InputError.

  Args:
    given: what was read or written.
  """
  try:
    yield
  except InputError:
    raise
  except Exception as error:  # of gcsfs, google.auth, aiohttp
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    raise InputError(
      f"{given} cannot be used ({reason}); check the bucket's name, and log in: "
      "gcloud auth application-default login"
    ) from error


def check_writable(path: pathlib.Path, name: str) -> None:
  """Checks that an object can be written and deleted in a folder; leaves nothing.

  Raises:
    InputError: it cannot.
  """
  with explained(f"{name}={path}"):
    trial = path / f".gengap-{time.time_ns()}"
    trial.write_bytes(b"")
    trial.unlink()


class Mirror:
  """A local folder whose files are copied to a folder in a bucket, whole, as they grow.

  `push` copies at most every 20 seconds; `push(now=True)` and `close` copy all that has changed.
  """

  def __init__(self, target: pathlib.Path):
    """Makes an empty local folder.

    Args:
      target: the folder in the bucket.
    """
    self.target, self.folder = target, pathlib.Path(tempfile.mkdtemp(prefix="gengap-"))
    self.pushed: dict[str, int] = {}  # name -> bytes
    self.last = time.monotonic()

  def fetch(self, name: str) -> None:
    """Copies a file from the bucket, if it is there."""
    source = self.target / name
    if source.exists():
      (self.folder / name).write_bytes(source.read_bytes())

  def push(self, now: bool = False) -> None:
    """Copies the files that have changed in size; without `now`, only if the last copies are old enough.

    Raises:
      InputError: the bucket cannot be written.
    """
    if not now and time.monotonic() - self.last < SECONDS:
      return
    with explained(str(self.target)):
      self.copy_changed()
    self.last = time.monotonic()

  def copy_changed(self) -> None:
    """Copies the files that have changed in size."""
    for path in sorted(self.folder.iterdir()):
      size = path.stat().st_size
      if self.pushed.get(path.name) != size:
        (self.target / path.name).write_bytes(path.read_bytes())
        self.pushed[path.name] = size

  def close(self) -> None:
    """Copies what has changed, and deletes the local folder."""
    self.push(now=True)
    shutil.rmtree(self.folder, ignore_errors=True)


class InPlace:
  """A local folder, with the interface of `Mirror`: files are where they shall be."""

  def __init__(self, target: pathlib.Path):
    self.folder = target

  def fetch(self, name: str) -> None:
    """Does nothing."""

  def push(self, now: bool = False) -> None:
    """Does nothing."""

  def close(self) -> None:
    """Does nothing."""


def mirror(target: pathlib.Path) -> Mirror | InPlace:
  """Returns a local folder for the growing files of a folder, which may be in a bucket."""
  return Mirror(target) if is_remote(target) else InPlace(target)


def copy_once(source: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
  """Copies a folder from a bucket to a local one, unless that is complete; returns the local one.

  Raises:
    InputError: the bucket cannot be read.
  """
  if target.is_dir():
    return target
  target.parent.mkdir(parents=True, exist_ok=True)
  with explained(str(source)), tempfile.TemporaryDirectory(dir=target.parent) as work:
    for path in source.rglob("*"):
      copy = pathlib.Path(work, "data", *path.parts[len(source.parts) :])
      copy.parent.mkdir(parents=True, exist_ok=True)
      copy.write_bytes(path.read_bytes())
    with contextlib.suppress(OSError):  # another process has made it meanwhile
      pathlib.Path(work, "data").rename(target)
  return target
