"""Files of weights: what PyTorch writes is read without it, and nothing in a file is executed."""

import io
import os
import pathlib
import pickle
import re
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from gengap.errors import InputError
from gengap.features import weights


def tensor(key, shape, dtype="FloatStorage", offset=0, stride=None, count=None):
  """A tensor as a pickle of PyTorch describes it."""
  return Fake(key, shape, dtype, offset, stride, count)


class Fake:
  def __init__(self, key, shape, dtype, offset, stride, count):
    self.key, self.shape, self.dtype, self.offset = key, shape, dtype, offset
    self.stride = stride or tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    self.count = int(np.prod(shape)) if count is None else count

  def __reduce__(self):
    return Rebuild, (Pid(self), self.offset, self.shape, self.stride, False, OrderedDict())


def Rebuild():
  raise AssertionError


class Pid:
  """A storage: pickled as a persistent id."""

  def __init__(self, fake):
    self.id = ("storage", Kind(fake.dtype), fake.key, "cpu", fake.count)


class Kind:
  """Stands for torch.FloatStorage and its like."""

  def __init__(self, name):
    self.name = name


PurePython: Any = pickle._Pickler  # type: ignore[attr-defined]


class Pickler(PurePython):
  """Writes names of torch for the stand-ins of this file."""

  def __init__(self, file, old):
    super().__init__(file, protocol=2)
    self.old = old

  def persistent_id(self, obj):
    return obj.id + ((None,) if self.old else ()) if isinstance(obj, Pid) else None

  def save(self, obj, save_persistent_id=True):
    if isinstance(obj, Kind):
      self.write(b"ctorch\n" + obj.name.encode() + b"\n")
    elif obj is Rebuild:
      self.write(b"ctorch._utils\n_rebuild_tensor_v2\n")
    else:
      super().save(obj, save_persistent_id)


def pickled(obj, old=False):
  file = io.BytesIO()
  Pickler(file, old).dump(obj)
  return file.getvalue()


def write_zip(path, obj, storages, compression=zipfile.ZIP_STORED):
  with zipfile.ZipFile(path, "w", compression) as archive:
    archive.writestr("archive/data.pkl", obj if isinstance(obj, bytes) else pickled(obj))
    for key, data in storages.items():
      archive.writestr(f"archive/data/{key}", data.tobytes())


def write_old(path, obj, storages):
  with open(path, "wb") as file:
    for part in (weights.MAGIC, 1001, {"little_endian": True}):
      pickle.dump(part, file, protocol=2)
    file.write(pickled(obj, old=True))
    pickle.dump(list(storages), file, protocol=2)
    for data in storages.values():
      file.write(len(data).to_bytes(8, "little") + data.tobytes())


A = np.arange(6, dtype=np.float32)
B = np.arange(5, dtype=np.int64)
STATE = OrderedDict(a=tensor("0", (2, 3)), b=tensor("1", (), "LongStorage", offset=4, count=5))
# A transposed view and a part of the same storage.
STATE["turned"] = tensor("0", (3, 2), stride=(1, 3), count=6)
STATE["part"] = tensor("0", (2,), offset=3, count=6)


@pytest.mark.parametrize("write", [write_zip, write_old])
def test_what_pytorch_writes_is_read(tmp_path, write):
  write(path := tmp_path / "w.pth", STATE, {"0": A, "1": B})
  got = weights.read(path)
  np.testing.assert_array_equal(got["a"], A.reshape(2, 3))
  np.testing.assert_array_equal(got["turned"], A.reshape(2, 3).T)
  np.testing.assert_array_equal(got["part"], [3, 4])
  assert (got["b"], got["b"].dtype, got["a"].dtype) == (4, np.int64, np.float32)


@pytest.mark.parametrize("old", [False, True])
def test_what_torch_itself_writes_is_read(tmp_path, old):
  torch = pytest.importorskip("torch", reason="PyTorch is not installed")
  state = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).state_dict()
  state["turned"] = state["0.weight"].permute(3, 2, 1, 0)
  torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
  got = weights.read(tmp_path / "w.pth")
  assert list(got) == list(state)
  for name, value in state.items():
    np.testing.assert_array_equal(got[name], value.numpy())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_is_written_is_read(tmp_path, suffix):
  arrays = {"a.b": A.reshape(2, 3).T, "c": B}
  weights.write(tmp_path / f"w{suffix}", arrays)
  got = weights.read(tmp_path / f"w{suffix}")
  assert set(got) == set(arrays)
  for name, value in arrays.items():
    np.testing.assert_array_equal(got[name], value)
  assert len(weights.sha256(tmp_path / f"w{suffix}")) == 64


class Evil:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("where", ["zip", "old", "first"])
def test_nothing_in_a_file_is_executed(tmp_path, where):
  """Evil among the tensors, and in the first pickle of an old file, before any tensor."""
  path, trace = tmp_path / "w.pth", tmp_path / "trace"
  evil = {"a": Evil(trace)}
  pickle.loads(pickle.dumps(evil))  # it would do harm
  trace.rmdir()
  if where == "zip":
    write_zip(path, evil, {})
  elif where == "old":
    write_old(path, evil, {})
  else:
    path.write_bytes(pickle.dumps(evil))
  with pytest.raises(InputError, match=r"mkdir.*nothing was executed"):
    weights.read(path)
  assert not trace.exists()


def damaged(tmp_path):
  """Yields files that are damaged, each in its own way."""
  write_zip(path := tmp_path / "zip.pth", STATE, {"0": A, "1": B})
  whole = path.read_bytes()
  for n in (0, 10, len(whole) // 2, len(whole) - 30):
    yield f"zip cut at {n}", whole[:n]
  write_old(path := tmp_path / "old.pth", STATE, {"0": A, "1": B})
  whole = path.read_bytes()
  for n in (1, 30, len(whole) // 2, len(whole) - 3):
    yield f"old cut at {n}", whole[:n]
  beyond = {
    "beyond its storage": tensor("0", (7,), count=6),
    "before its storage": tensor("0", (2,), offset=-1, count=6),
    "strides beyond": tensor("0", (2, 2), stride=(1, 10**12), count=6),
    "more numbers than its storage": tensor("0", (10, 10), stride=(0, 0), count=6),
    "a count that is wrong": tensor("0", (2,), count=10**12),
    "no such storage": tensor("9", (2,)),
  }
  for name, value in beyond.items():
    write_zip(path, {"a": value}, {"0": A})
    yield name, path.read_bytes()
  write_zip(path, STATE, {"0": A, "1": B}, zipfile.ZIP_DEFLATED)
  yield "compressed", path.read_bytes()
  write_zip(path, {"a": 1.0}, {})
  yield "numbers in place of tensors", path.read_bytes()
  write_zip(path, pickle.dumps(OrderedDict(), protocol=2) + b"x", {})


def test_damaged_files_are_one_clear_line(tmp_path):
  path = tmp_path / "w.pth"
  for name, data in damaged(tmp_path):
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
      weights.read(path)
    assert "\n" not in str(error.value), name


def zipped(*names):
  file = io.BytesIO()
  with zipfile.ZipFile(file, "w") as archive:
    for name in names:
      archive.writestr(name, "x")
  return file.getvalue()


SAFE = safetensors.numpy.save({"a": A})


@pytest.mark.parametrize(
  ("name", "data", "words"),
  [
    ("none.pth", None, "no such file"),
    ("w.onnx", b"", "read from .pth"),
    ("w", b"", "no suffix"),
    *(
      (f"w{suffix}", data, words)
      for suffix in (".pth", ".npz", ".safetensors")
      for data, words in (
        (b"", "^it is empty"),
        (b"PK\x03\x04" + b"x" * 40, "^it is cut off"),
        (b"\x00" * 20, "^it is damaged, or no"),
        (b"\r\n<!DOCTYPE html><html>", "^it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n", "git lfs pull"),
        (zipped("setup.py", "README"), r"^it is a zip archive of setup.py, README; unpack"),
        (b"\x1f\x8b\x08" + b"x" * 40, "gunzip"),
        (b"\x93NUMPY\x01\x00", "single NumPy array"),
      )
    ),
    ("w.npz", SAFE, "^it is a .safetensors file; give it that suffix"),
    ("w.pth", SAFE, "^it is a .safetensors file; give it that suffix"),
    ("w.safetensors", SAFE[:-3], "^it is cut off"),
    ("w.safetensors", zipped("a.npy"), "^it is a .npz file; give it"),
    ("w.pt", zipped("a.npy"), "^it is a .npz file; give it"),
    ("w.npz", zipped("a/data.pkl"), "^it is a .pth file; give it"),
    ("w.npz", weights.OLD, "^it is a .pth file; give it"),
    ("w.pth", weights.OLD, "^it is cut off"),
  ],
)
def test_bad_files(tmp_path, name, data, words):
  path = pathlib.Path(tmp_path / name)
  if data is not None:
    path.write_bytes(data)
  with pytest.raises(InputError, match=words) as error:
    weights.read(path)
  assert not re.search("Error|\n", str(error.value))  # no name of an exception


def test_pickled_arrays_are_refused(tmp_path):
  np.savez(tmp_path / "w.npz", a=np.array([Evil(tmp_path / "trace")], object))
  with pytest.raises(InputError, match="damaged"):
    weights.read(tmp_path / "w.npz")
  assert not (tmp_path / "trace").exists()
