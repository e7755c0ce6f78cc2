"""Checks paths that users give, writes files atomically, and recognises files of the wrong kind."""

import contextlib
import os
import pathlib
import re
import tempfile
from typing import TypeAlias

from gengap.errors import InputError
from gengap.storage import remote

Path: TypeAlias = str | os.PathLike[str]

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # pathlib makes gs:/ of gs://
IN_BUCKET = re.compile("gs:/+", re.IGNORECASE)
STORES = {  # scheme -> how to mount it, how to copy from it
  "gs": ("mount the bucket (gcsfuse BUCKET DIR)", "gcloud storage cp -r URL DIR"),
  "s3": ("mount the bucket (mount-s3 BUCKET DIR)", "aws s3 cp --recursive URL DIR"),
  "hdfs": ("mount the file system (NFS gateway)", "hdfs dfs -get URL DIR"),
}
PROBE = b"\0" * 4096  # a full disk lets an empty file be made
STARTS = (  # how files begin, and what they are
  (b"version https://git-lfs", "a Git LFS pointer and not the file itself: get that with git lfs pull"),
  (b"PK\x05\x06", "an empty zip archive"),
  (b"\x1f\x8b", "compressed by gzip: unpack it with gunzip"),
  (b"\xfd7zXZ", "compressed by xz: unpack it with unxz"),
  (b"BZh", "compressed by bzip2: unpack it with bunzip2"),
  (b"\x89PNG", "a PNG image"),
  (b"\xff\xd8\xff", "a JPEG image"),
  (b"%PDF", "a PDF document"),
  (b"\x7fELF", "a program"),
  (b"\x89HDF", "an HDF5 file, as Keras writes: convert it to .npz"),
  (b"\x93NUMPY", "a single NumPy array (.npy)"),
)
MARKUP = re.compile(rb"\s*(<!doctype html|<html|<head|<\?xml|<!--)", re.IGNORECASE)


def local(path: Path, name: str = "") -> pathlib.Path:
  """Returns a local path with ~ expanded.

  Args:
    path: as the user gave it.
    name: of the flag, field or variable that gave it, for the error.

  Raises:
    InputError: it is empty, a URL, or nothing that a file system can hold.
  """
  text = os.fspath(path)
  given = f"{name}={text}" if name else text or "the path"
  if not text.strip():
    raise InputError(f"{given}: it is empty; name a file or a folder")
  if text.startswith("--"):
    raise InputError(f"{given}: that is a flag; name a path before it")
  if url := URL.match(text):
    raise InputError(f"{given}: a local file or folder is needed here; {instead(url[1].lower(), text)}")
  try:
    if "\0" in text:
      raise ValueError
    text.encode()
  except ValueError as error:
    raise InputError(f"{given!a}: a path must be UTF-8 text; rename the file or the folder") from error
  expanded = os.path.expanduser(text)
  if expanded.startswith("~"):
    raise InputError(f"{given}: there is no home folder of {text.partition('/')[0]}; name the whole path")
  return pathlib.Path(expanded)


def place(path: Path, name: str = "") -> pathlib.Path:
  """Returns a local path with ~ expanded, or a path in a bucket, which has the same methods.

  Args:
    path: as the user gave it.
    name: of the flag or field that gave it, for the error.

  Raises:
    InputError: as `local`; or it is a URL in a bucket that is malformed or needs packages.
  """
  text = os.fspath(path)
  if IN_BUCKET.match(text):
    return remote.folder(IN_BUCKET.sub(remote.SCHEME, text), f"{name}={text}" if name else text)
  return local(path, name)


def instead(scheme: str, url: str) -> str:
  """Returns advice for a user who gave a URL."""
  if scheme == "file":
    return f"name the path itself, {re.sub('^/+', '/', url.partition(':')[2])}"
  if scheme in STORES:
    mount, copy = STORES[scheme]
    return f"{mount} and name the folder DIR, or copy it ({copy.replace('URL', url)})"
  return "download it, and name the copy"


def split(value: str) -> list[str]:
  """Splits a comma-separated list of paths, but not at a comma in the name of an existing path."""
  pieces, found = value.split(","), []
  while pieces:
    ends = range(len(pieces), 0, -1) if not os.path.exists(os.path.expanduser(pieces[0])) else (1,)
    joined = ((end, ",".join(pieces[:end])) for end in ends)
    end = next((end for end, path in joined if os.path.exists(os.path.expanduser(path))), 1)
    found.append(",".join(pieces[:end]).strip() if end == 1 else ",".join(pieces[:end]))
    pieces = pieces[end:]
  return list(filter(None, found))  # of a list that ends in a comma


def from_environment(variable: str) -> pathlib.Path | None:
  """Returns the path in an environment variable; None if the variable is unset or empty.

  Raises:
    InputError: as `local`.
  """
  value = os.environ.get(variable)
  return local(value, f"${variable}") if value else None


def check_writable(folder: pathlib.Path, name: str) -> None:
  """Checks that a folder can be created or written, without creating anything.

  Args:
    folder: which need not exist.
    name: of the flag that gave it.

  Raises:
    InputError: it cannot.
  """
  if remote.is_remote(folder):
    return remote.check_writable(folder, name)
  try:
    there = nearest(folder)
    if not there.is_dir():
      raise InputError(f"{name}={folder} cannot be written, for {there} is no folder; name another")
    with tempfile.TemporaryFile(dir=there) as file:
      file.write(PROBE)
      file.flush()
  except OSError as error:
    raise InputError(f"{name}={folder} cannot be written: {error.strerror or error}; name another") from error


def write(path: pathlib.Path, content: str | bytes) -> None:
  """Writes a file atomically: it is complete or absent, whenever the process ends. Creates its folder.

  Raises:
    OSError: the file cannot be written.
    InputError: the file is in a bucket, and cannot be written.
  """
  data = content.encode() if isinstance(content, str) else content
  if remote.is_remote(path):
    with remote.explained(str(path)):
      path.write_bytes(data)  # an object is written whole or not at all
    return
  path.parent.mkdir(parents=True, exist_ok=True)
  scratch = path.with_name(f"{path.name}.tmp")
  scratch.write_bytes(data)
  scratch.replace(path)


def nearest(path: pathlib.Path) -> pathlib.Path:
  """Returns the path itself or its nearest existing parent."""
  for part in (path, *path.parents):
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
      part.lstat()
      return part
  return pathlib.Path()


def kind(path: pathlib.Path) -> str:
  """Recognises a file of a wrong kind by its first bytes: a description, or "" if nothing is recognised.

  The word follows "it is", and says what to do where something can be done.
  """
  with path.open("rb") as file:
    start = file.read(512)
  if not start:
    return "empty: copy or download it again"
  if MARKUP.match(start):
    return "a web page (HTML or XML) and not the file itself: download it again, by a link to the file"
  return next((what for magic, what in STARTS if start.startswith(magic)), "")
