"""Reads weights from .npz, .safetensors and PyTorch's .pth, without torch and without executing pickled code.

A .pth is a pickle, that is, a program. Only the few names that a file of tensors needs are resolved, each to
a function of this module that builds an array. All other names are refused.
"""

import hashlib
import io
import math
import pathlib
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple

import numpy as np
import safetensors.numpy

from gengap.data import array_files, pickles
from gengap.errors import InputError
from gengap.storage import paths

MAGIC = 0x1950A86A20F9469CFC6C  # at the start of files by torch.save before version 1.6
OLD = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little")  # the pickle of it
MOST_BYTES = 2**32  # of arrays in a file
STORAGES = {
  "DoubleStorage": np.float64,
  "FloatStorage": np.float32,
  "HalfStorage": np.float16,
  "LongStorage": np.int64,
  "IntStorage": np.int32,
  "ShortStorage": np.int16,
  "CharStorage": np.int8,
  "ByteStorage": np.uint8,
  "BoolStorage": np.bool_,
}


class Storage(NamedTuple):
  """Names the bytes that tensors are views of."""

  key: str
  dtype: type
  numbers: int


class Tensor(NamedTuple):
  """A view of a storage, in elements."""

  storage: Storage
  offset: int
  size: tuple[int, ...]
  stride: tuple[int, ...]

  def array(self, data: bytes) -> np.ndarray:
    """Returns the tensor as an array of its own.

    Raises:
      ValueError: it reaches beyond its storage, or asks for more numbers than that holds.
    """
    flat = np.frombuffer(data, np.dtype(self.storage.dtype).newbyteorder("<"), self.storage.numbers)
    if len(self.size) != len(self.stride) or min((self.offset, *self.size, *self.stride)) < 0:
      raise ValueError(f"a tensor of size {self.size} with strides {self.stride}")
    last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
    if math.prod(self.size) > len(flat) or (math.prod(self.size) and last >= len(flat)):
      raise ValueError(f"a tensor of size {self.size} that ends at {last} of {len(flat)} numbers")
    strides = [step * flat.itemsize for step in self.stride]
    return np.lib.stride_tricks.as_strided(flat[self.offset :], self.size, strides).copy()


def rebuild(storage: Storage, offset: int, size: tuple, stride: tuple, *_: Any) -> Tensor:
  """Stands in for torch._utils._rebuild_tensor_v2."""
  if not isinstance(storage, Storage):
    raise pickle.UnpicklingError("a tensor without a storage")
  return Tensor(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


KNOWN: dict[tuple[str, str], Any] = {
  ("collections", "OrderedDict"): OrderedDict,
  ("torch._utils", "_rebuild_tensor_v2"): rebuild,
  ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
  **{("torch", name): dtype for name, dtype in STORAGES.items()},
}


class Unpickler(pickles.Unpickler):
  """Reads a pickle of tensors."""

  known = KNOWN
  kind = "file of weights"

  def persistent_load(self, pid: Any) -> Storage:
    """Returns the storage that a persistent id names."""
    kind, dtype, key, _, count, *_ = pid
    if kind != "storage" or dtype not in STORAGES.values():
      raise pickle.UnpicklingError(f"unknown persistent id {kind!r}")
    return Storage(str(key), dtype, int(count))


def read_zip(file: IO[bytes]) -> tuple[Any, Callable[[Storage], bytes]]:
  """Returns the object and a function that reads its storages, from a file by torch 1.6 or later."""
  archive = zipfile.ZipFile(file)
  (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
  if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
    raise ValueError("compressed parts, which torch does not write")
  folder = name.removesuffix("data.pkl")
  found = Unpickler(io.BytesIO(archive.read(name))).load()
  return found, lambda storage: archive.read(f"{folder}data/{storage.key}")


def read_old(file: IO[bytes]) -> tuple[Any, Callable[[Storage], bytes]]:
  """Returns the object and a function that reads its storages, from a file by torch before 1.6."""
  if Unpickler(file).load() != MAGIC:
    raise ValueError("no file of torch.save")
  for _ in ("protocol version", "machine"):
    Unpickler(file).load()
  found = Unpickler(file).load()
  keys, starts = Unpickler(file).load(), {}
  sizes = {t.storage.key: np.dtype(t.storage.dtype).itemsize for t in found.values() if isinstance(t, Tensor)}
  for key in map(str, keys):
    count = int.from_bytes(file.read(8), "little", signed=True)
    starts[key] = file.tell()
    file.seek(count * sizes[key], io.SEEK_CUR)

  def take(storage: Storage) -> bytes:
    file.seek(starts[storage.key])
    return file.read(storage.numbers * sizes[storage.key])

  return found, take


def read_pth(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the arrays of a state dict that torch.save wrote, by name.

  Raises:
    InputError: the file is damaged, asks for code to be run, or holds something else.
  """
  reader, file = read_zip if zipfile.is_zipfile(path) else read_old, io.BytesIO(path.read_bytes())
  found, take = reader(file)
  if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
    raise InputError("it holds something else than a state dict: tensors by name")
  return {str(name): tensor.array(take(tensor.storage)) for name, tensor in found.items()}


def read_npz(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the arrays of a NumPy archive, by name.

  Raises:
    ValueError: an array, or what the archive unpacks to, is larger than files of weights are.
  """
  with zipfile.ZipFile(path) as archive:
    parts = archive.infolist()
    if sum(part.file_size for part in parts) > MOST_BYTES:
      raise ValueError(f"it unpacks to more than {MOST_BYTES} bytes")
    for part in parts:
      with archive.open(part) as file:
        shape, dtype = header(file)
      if math.prod(shape) * dtype.itemsize > part.file_size:
        raise ValueError(f"{part.filename} of shape {shape}, in {part.file_size} bytes")
  with np.load(path, allow_pickle=False) as arrays:
    return dict(arrays)


def header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
  """Returns the shape and dtype at the head of an .npy file."""
  shape, _, dtype = array_files.HEADERS[np.lib.format.read_magic(file)](file)
  return shape, dtype


READERS: dict[str, Callable[[pathlib.Path], dict[str, np.ndarray]]] = {
  ".pth": read_pth,
  ".pt": read_pth,
  ".npz": read_npz,
  ".safetensors": lambda path: safetensors.numpy.load_file(path),
}


def read(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the arrays of a file, by name.

  Raises:
    InputError: the file is missing, damaged, of an unknown suffix, or would run code.
  """
  path = paths.local(path)
  if path.suffix not in READERS:
    raise InputError(f"weights are read from {', '.join(READERS)}, not from {path.suffix or 'no suffix'!r}")
  if not path.is_file():
    raise InputError("there is no such file")
  try:
    return READERS[path.suffix](path)
  except InputError:
    raise
  except Exception as error:  # damaged and hostile files raise anything
    raise InputError(fault(path) or f"it is damaged ({type(error).__name__}: {error})") from error


def fault(path: pathlib.Path) -> str:
  """Describes a file that its reader could not read; "" if its beginning and end do not tell."""
  if what := paths.kind(path):
    return f"it is {what}"
  size, form = path.stat().st_size, form_of(path)
  if form == "zip":
    return f"it is a zip archive of {', '.join(members(path)[:3]) or 'nothing'}; unpack it"
  if form in READERS and READERS[form] != READERS[path.suffix]:
    return f"it is a {form} file; give it that suffix"
  if form and not members(path):
    return f"it is cut off, or damaged: {size} bytes are there; copy or download it again"
  return "" if form else f"it is damaged, or no {path.suffix} file"


def form_of(path: pathlib.Path) -> str:
  """Returns the suffix of what a file holds, "zip" or "cut zip" of other archives, "" of something else."""
  with path.open("rb") as file:
    start = file.read(len(OLD))
  if start[8:9] == b"{":  # after the length of the JSON that it opens
    return ".safetensors"
  if start == OLD:
    return ".pth"
  if not start.startswith(b"PK"):
    return ""
  if not (names := members(path)):
    return "cut zip"
  if any(name.endswith("/data.pkl") for name in names):
    return ".pth"
  return ".npz" if all(name.endswith(".npy") for name in names) else "zip"


def members(path: pathlib.Path) -> list[str]:
  """Returns the names of the files in a zip archive; none of what is no archive, or a damaged one."""
  try:
    return zipfile.ZipFile(path).namelist()
  except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
    return []


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes arrays by name into an .npz or .safetensors file."""
  if path.suffix == ".npz":
    np.savez(path, allow_pickle=False, **arrays)
  elif path.suffix == ".safetensors":
    safetensors.numpy.save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, path)
  else:
    raise InputError(f"weights are written to .npz or .safetensors, not to {path.suffix or 'no suffix'!r}")


def sha256(path: str | pathlib.Path) -> str:
  """Returns a file's SHA-256, in hexadecimal."""
  with paths.local(path).open("rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def digest(arrays: Mapping[str, np.ndarray]) -> str:
  """Returns the SHA-256 of arrays by name, the same for every kind of file and any order of the names."""
  found = hashlib.sha256()
  for name, array in sorted(arrays.items()):
    found.update(f"{name} {array.shape}".encode())
    found.update(np.asarray(array, np.float32).tobytes())
  return found.hexdigest()
