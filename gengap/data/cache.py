"""What is kept on disk: written once, whole or not at all.

Decoded images are a folder of image.npy [N, H, W, C] uint8, which is memory-mapped, label.npy [N] int32 and
crc32.json. It is written under another name and renamed when complete, so a killed program leaves no half
entry; one that no longer has its length or checksum is written again.
"""

import contextlib
import errno
import json
import os
import pathlib
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np

from gengap.errors import InputError

Entry = tuple[np.ndarray, np.ndarray]  # images [n, H, W, C] uint8, labels [n] int32
Blocks = Iterable[Entry]
STALE_SECONDS = 24 * 3600


def root() -> pathlib.Path:
  """Returns gengap's cache folder: $GENGAP_CACHE, else $XDG_CACHE_HOME/gengap, else ~/.cache/gengap."""
  home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
  return pathlib.Path(os.environ.get("GENGAP_CACHE") or pathlib.Path(home) / "gengap")


def fetch(key: str, shape: tuple[int, ...], build: Callable[[], Blocks]) -> Entry:
  """Returns the images (memory-mapped, read-only) and labels of an entry, building it where it is missing.

  Args:
    key: name of the entry; all that the arrays depend on.
    shape: [N, H, W, C] of the images.
    build: yields the arrays in blocks, in order.

  Raises:
    InputError: the cache folder cannot be written.
  """
  folder = root() / "data" / key
  entry = _read(folder, shape)
  if entry is None:
    with _writing(folder.parent):
      entry = _write(folder, shape, build())
  if entry is None:
    raise InputError(
      f"cache {folder} was written but does not read back; check the disk, or set $GENGAP_CACHE"
    )
  return entry


def keep(path: pathlib.Path, write: Callable[[IO[bytes]], Any]) -> None:
  """Writes a file of the cache, whole or not at all.

  Args:
    path: of the file, below `root`.
    write: writes its content.

  Raises:
    InputError: the cache folder cannot be written.
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
  """Turns what the disk refuses into one line that says what to do."""
  try:
    yield
  except OSError as error:
    raise InputError(
      f"cache {folder} cannot be written: {error.strerror or error}; set $GENGAP_CACHE to a folder with free "
      "space"
    ) from error


def _read(folder: pathlib.Path, shape: tuple[int, ...]) -> Entry | None:
  """Returns an entry; None where it is missing or damaged."""
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

  The images are mapped before they are moved: several processes may write one entry, each then has its own.
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
