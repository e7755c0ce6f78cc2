"""The cache on disk. Files are written completely or not at all.

An entry of decoded images is a folder of image.npy [N, H, W, C] uint8, which is memory-mapped, label.npy [N]
int32 and crc32.json. It is written under another name and renamed when complete, so a killed program leaves
no partial entry. An entry whose length or checksum is wrong is written again.
"""

import contextlib
import errno
import functools
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np

from gengap.distributed import processes
from gengap.errors import InputError
from gengap.storage import paths

Entry = tuple[np.ndarray, np.ndarray]  # images [n, H, W, C] uint8, labels [n] int32
Blocks = Iterable[Entry]
STALE_SECONDS = 24 * 3600


def root() -> pathlib.Path:
  """Returns gengap's cache folder: $GENGAP_CACHE, else $XDG_CACHE_HOME/gengap, else ~/.cache/gengap.

  For a user without a home it is in the folder of temporary files.

  Raises:
    InputError: a variable holds no local path.
  """
  if given := paths.from_environment("GENGAP_CACHE"):
    return given
  if home := paths.from_environment("XDG_CACHE_HOME"):
    return home / "gengap"
  try:
    return paths.local("~/.cache/gengap")
  except InputError:
    return pathlib.Path(tempfile.gettempdir()) / f"gengap-{os.getuid()}"


@functools.cache
def complain(folder: pathlib.Path, reason: str) -> None:
  """Reports once that the cache cannot be written; commands continue without it."""
  if processes.is_first():
    print(
      f"cache {folder} cannot be written ({reason}): every command decodes and compiles anew; set "
      "$GENGAP_CACHE to a folder with free space",
      file=sys.stderr,
    )


def fetch(key: str, shape: tuple[int, ...], build: Callable[[], Blocks]) -> Entry:
  """Returns the images (memory-mapped, read-only) and labels of an entry, and builds it if it is missing.

  If the cache cannot be written, the entry is a temporary file that ends with this process.

  Args:
    key: name of the entry, which contains everything that the arrays depend on.
    shape: [N, H, W, C] of the images.
    build: yields the arrays in blocks, in order.

  Raises:
    InputError: neither the cache nor the folder of temporary files can be written.
  """
  folder = root() / "data" / key
  entry = _read(folder, shape)
  if entry is not None:
    return entry
  with _writing(folder.parent):
    entry = _write(folder, shape, build())
  if entry is None:
    entry = _write_temporary(key, shape, build())
  return entry


def _write_temporary(key: str, shape: tuple[int, ...], blocks: Blocks) -> Entry:
  """Writes an entry to a temporary file, which lasts as long as its images are mapped.

  Raises:
    InputError: the folder of temporary files cannot be written either.
  """
  try:
    with tempfile.TemporaryDirectory(prefix="gengap.") as folder:
      if entry := _write(pathlib.Path(folder) / key, shape, blocks):
        return entry
    reason = "what is written does not read back"
  except OSError as error:
    reason = error.strerror or str(error)
  raise InputError(
    f"neither cache {root()} nor {tempfile.gettempdir()} can be written ({reason}); set $GENGAP_CACHE to a "
    "folder with free space"
  )


def keep(path: pathlib.Path, write: Callable[[IO[bytes]], Any]) -> None:
  """Writes a file of the cache, completely or not at all; does nothing if the cache cannot be written.

  Args:
    path: of the file, below `root`.
    write: writes its content.
  """
  with _writing(path.parent):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as work:
      scratch = pathlib.Path(work) / path.name
      with scratch.open("wb") as file:
        write(file)
      scratch.replace(path)


@contextlib.contextmanager
def _writing(folder: pathlib.Path) -> Iterator[None]:
  """Suppresses errors of the disk, and reports the first."""
  try:
    yield
  except OSError as error:
    complain(folder, error.strerror or str(error))


def _read(folder: pathlib.Path, shape: tuple[int, ...]) -> Entry | None:
  """Returns an entry; None if it is missing or damaged."""
  try:
    image = np.load(folder / "image.npy", mmap_mode="r")
    label = np.load(folder / "label.npy")
    written = json.loads((folder / "crc32.json").read_text())
    whole = image.shape == shape and written == [zlib.crc32(image.data), zlib.crc32(label.data)]
  except (OSError, ValueError, EOFError):
    return None
  return (image, label) if whole else None


def _write(folder: pathlib.Path, shape: tuple[int, ...], blocks: Blocks) -> Entry | None:
  """Writes an entry under a temporary name and moves it into place; returns it as it reads back.

  The images are mapped before they are moved, so that several processes can write one entry at a time.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  for old in folder.parent.glob(f"{folder.name}.*"):  # of killed programs
    if time.time() - old.stat().st_mtime > STALE_SECONDS:
      shutil.rmtree(old, ignore_errors=True)
  work = pathlib.Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
  try:
    crc, labels = 0, []
    with open(work / "image.npy", "wb") as file:
      header = {"descr": "|u1", "fortran_order": False, "shape": shape}
      np.lib.format.write_array_header_1_0(file, header)
      for image, label in blocks:
        file.write(image.data)
        crc = zlib.crc32(image.data, crc)
        labels.append(label)
      file.flush()
      os.fsync(file.fileno())
    label = np.concatenate(labels)
    np.save(work / "label.npy", label)
    (work / "crc32.json").write_text(json.dumps([crc, zlib.crc32(label.data)]))
    entry = _read(work, shape)
    shutil.rmtree(folder, ignore_errors=True)  # a damaged entry
    try:
      work.rename(folder)
    except OSError as error:
      if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was faster
        raise
    return entry
  finally:
    shutil.rmtree(work, ignore_errors=True)
