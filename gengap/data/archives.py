"""Unpacks .zip and .tar archives from anywhere into a folder.

Only regular files are written, and only below that folder: an archive with a path that leads out of it is
refused, and links and devices are left out. The bytes that may come out are limited by the size of the
archive, so that a small file cannot fill the disk.
"""

import bz2
import gzip
import lzma
import pathlib
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from typing import IO

from gengap.data.array_files import DAMAGED
from gengap.data.image_files import LeftOut
from gengap.data.progress import progress
from gengap.errors import InputError
from gengap.storage import paths

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # by the first bytes
BROKEN = (*DAMAGED, tarfile.TarError, lzma.LZMAError)
LEAST = 2**31  # bytes that any archive may hold
RATIO = 50  # of its size, which a larger one may hold; image files hardly shrink
CHUNK = 2**20
ENCRYPTED = 1  # bit of the flags of a file in a .zip archive
LINKS = "links and devices in archives"


class Metered:
  """A file that may be read up to a number of bytes."""

  def __init__(self, path: pathlib.Path):
    """Stores how many bytes may come out of an archive."""
    self.path, self.most, self.total = path, max(LEAST, RATIO * path.stat().st_size), 0
    self.file: IO[bytes] | None = None

  def read(self, size: int) -> bytes:
    """Reads from the present file.

    Raises:
      InputError: the limit is exceeded.
    """
    assert self.file
    content = self.file.read(size)
    self.total += len(content)
    if self.total > self.most:
      raise InputError(
        f"{self.path} holds more than {self.most:,} bytes in {self.path.stat().st_size:,}, as no images do; "
        "if it is meant so, unpack it yourself and give the folder"
      )
    return content


def is_archive(path: pathlib.PurePath) -> bool:
  """Whether a file is an archive by its name."""
  return path.name.lower().endswith(SUFFIXES)


def stem(path: pathlib.PurePath) -> str:
  """Returns the name of an archive without its suffix."""
  suffix = max((end for end in SUFFIXES if path.name.lower().endswith(end)), key=len, default="")
  return path.name[: len(path.name) - len(suffix)] or path.name


def unpack(path: pathlib.Path, folder: pathlib.Path) -> LeftOut:
  """Writes the files of an archive below a folder; returns those that are left out.

  Raises:
    InputError: it is damaged, encrypted or no archive, holds a path that leads out of it, holds a path twice,
      or holds too much.
  """
  left_out: LeftOut = {LINKS: []}
  name = ""  # of the file that is unpacked
  try:
    with progress(f"unpacking {path}", None, "files") as bar:
      for name, content in _files(path, left_out):
        target = folder / _inside(name, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
          while chunk := content.read(CHUNK):
            file.write(chunk)
        bar.update()
  except (FileExistsError, NotADirectoryError) as error:
    raise InputError(f"{path} holds {name!a} twice; make it anew, or unpack it yourself") from error
  except BROKEN as error:
    if isinstance(error, OSError) and error.errno:
      raise InputError(f"{path} cannot be unpacked into {folder} ({error.strerror})") from error
    what = paths.kind(path)
    what = "" if what.startswith("compressed") else what
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    raise InputError(f"{path} is {what or f'damaged, or no archive ({reason}); get it again'}") from error
  return left_out


def _inside(name: str, path: pathlib.Path) -> pathlib.PurePath:
  """Returns the path of a file below the folder.

  Raises:
    InputError: it leads out of the folder.
  """
  inside = pathlib.PurePosixPath(name)
  if inside.is_absolute() or not inside.parts or ".." in inside.parts or re.match("[A-Za-z]:", name):
    raise InputError(f"{path} holds {name!a}, a path that leads out of the archive; nothing of it is used")
  return inside


def _files(path: pathlib.Path, left_out: LeftOut) -> Iterator[tuple[str, Metered]]:
  """Yields the path of every regular file of an archive, and where to read it."""
  with path.open("rb") as file:
    start = file.read(6)
  return (_of_zip if start.startswith(b"PK") else _of_tar)(path, left_out)


def _of_zip(path: pathlib.Path, left_out: LeftOut) -> Iterator[tuple[str, Metered]]:
  """Yields the files of a .zip archive."""
  metered = Metered(path)
  with zipfile.ZipFile(path) as archive:
    for info in archive.infolist():
      name = info.filename if "/" in info.filename else info.filename.replace("\\", "/")  # of old Windows
      if info.flag_bits & ENCRYPTED:
        raise InputError(f"{path} is encrypted; unpack it yourself and give the folder")
      if name.endswith("/"):
        continue
      if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        left_out[LINKS].append(pathlib.PurePosixPath(name))
        continue
      with archive.open(info) as metered.file:
        yield name, metered


def _of_tar(path: pathlib.Path, left_out: LeftOut) -> Iterator[tuple[str, Metered]]:
  """Yields the files of a .tar archive, compressed or not, in one pass."""
  with path.open("rb") as file:
    start = file.read(6)
  opener = next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), open)
  whole, metered = Metered(path), Metered(path)
  with opener(path, "rb") as whole.file, tarfile.open(fileobj=whole, mode="r|") as archive:  # pyright: ignore
    for member in archive:
      if member.isfile():
        metered.file = archive.extractfile(member)
        yield member.name, metered
      elif not member.isdir():
        left_out[LINKS].append(pathlib.PurePosixPath(member.name))
