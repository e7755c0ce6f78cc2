"""Whatever a file or a command line holds: an answer or one clear refusal, never a crash, a hang or a bomb.

In the suite each target gets a few inputs; `pytest -m faults tests/test_fuzz.py` gives each 10,000.
"""

import io
import json
import pathlib
import resource
import string
import tempfile
import zipfile
from typing import Any

import numpy as np
import pytest
import written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_weights import tensor, write_zip

from gengap import config, main
from gengap.command_line import cli
from gengap.data import layouts, tfds
from gengap.errors import InputError, one_line
from gengap.features import weights
from gengap.logs import log
from gengap.report import run_files

ROOM = 4 * 2**30  # bytes beyond what the process has, that a small file must not make it ask for
COUNTS = pytest.mark.parametrize("count", [10, pytest.param(10_000, marks=pytest.mark.faults)])


def fuzz(count, check, *strategies):
  """Calls a check with as many inputs; an input may take a second, and little memory."""
  limits = resource.getrlimit(resource.RLIMIT_AS)
  used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
  resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, limits[1]))
  try:
    settings(
      max_examples=count,
      deadline=2000,
      database=None,
      suppress_health_check=[*HealthCheck.__members__.values()],
      derandomize=True,
    )(given(*strategies)(check))()
  finally:
    resource.setrlimit(resource.RLIMIT_AS, limits)


def refused(call):
  """Calls; only an InputError of one line may come."""
  try:
    call()
  except InputError as error:
    said = one_line(error)
    assert said and said.isprintable() and "MemoryError" not in said


@st.composite
def damaged(draw, valid):
  """Bytes like valid ones: a few changed, cut out, put in, doubled; or the end is missing."""
  data = bytearray(draw(st.sampled_from(valid)))
  for _ in range(draw(st.integers(0, 4))):
    at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 16))
    how = draw(st.sampled_from(["set", "cut", "put", "double", "end"]))
    if how == "set" and at < len(data):
      data[at] = draw(st.integers(0, 255))
    elif how == "cut":
      del data[at : at + length]
    elif how == "put":
      data[at:at] = draw(
        st.binary(max_size=12) | st.sampled_from([b"99999999999", b"-1", b"null", b"[", b"{"])
      )
    elif how == "double":
      data[at:at] = data[at : at + length]
    elif how == "end":
      del data[at:]
  return bytes(data)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
SCALARS |= st.sampled_from([10**12, -1, 2**63, 1e308, "uint8", "Image", "\ud800", "../..", "\x00"])
TREES = st.recursive(
  SCALARS,
  lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
  max_leaves=8,
)


@st.composite
def bent(draw, valid):
  """A JSON tree like a valid one, with some of its parts replaced or taken away."""
  tree = json.loads(json.dumps(draw(st.sampled_from(valid))))
  for _ in range(draw(st.integers(1, 3))):
    node, path = tree, []
    while isinstance(node, dict | list) and node and draw(st.integers(0, 3)):
      key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
      path.append((node, key))
      node = node[key]
    if not path:
      return draw(TREES)
    parent, key = path[-1]
    if isinstance(parent, dict) and draw(st.booleans()):
      parent.pop(key, None)
    else:
      parent[key] = draw(TREES)
  return tree


def text_of(tree):
  return json.dumps(tree).encode("utf-8", "surrogatepass")


def in_a_file(name, content, call):
  """Calls with the path of a file of this name and content."""
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / name
    path.write_bytes(content)
    refused(lambda: call(path))


def pth():
  file = io.BytesIO()
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "w.pth"
    write_zip(
      path,
      {"a": tensor("0", (2, 3), count=8), "b": tensor("0", (2,), offset=1, count=8)},
      {"0": np.arange(8, dtype="f4")},
    )
    file.write(path.read_bytes())
  return file.getvalue()


def saved(suffix):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / f"w{suffix}"
    weights.write(path, {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.zeros(0, "f4")})
    return path.read_bytes()


@COUNTS
@pytest.mark.parametrize("suffix", [".pth", ".npz", ".safetensors"])
def test_files_of_weights(suffix, count):
  valid = pth() if suffix == ".pth" else saved(suffix)
  assert weights_of(suffix, valid).keys() == {"a", "b"}
  fuzz(
    count, lambda data: in_a_file(f"w{suffix}", data, weights.read), damaged([valid]) | st.binary(max_size=64)
  )


def weights_of(suffix, data):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / f"w{suffix}"
    path.write_bytes(data)
    return weights.read(path)


RUN = {"step": 40, "weights": "ema", "protocol": {"split": "test", "images": 9}, "posterior": {"rate": 1.0}}
RUN["samples"] = {
  "protocol": {"features": None},
  "scores": {"recall": {"value": 0.5, "floors": {"test": 0.9}}},
}
LINES = b'{"step": 10, "a/loss": 1.0}\n{"step": 20, "a/loss": null, "steps_per_second": 3.5}\n'


def run_of(folder, name, content):
  """Makes a run's folder in which one file is another."""
  written.run(folder, "vae", 0)
  (folder / name).parent.mkdir(parents=True, exist_ok=True)
  (folder / name).write_bytes(content)
  return folder


@COUNTS
@pytest.mark.parametrize("name", ["eval/40.json", "probes/40/x.json", "config.json", "run.json"])
def test_what_runs_have_written(name, count, tmp_path):
  written_ = {"eval/40.json": RUN, "probes/40/x.json": {"protocol": {}, "numbers": {"x": {"value": 1.0}}}}
  run = run_of(tmp_path / "run", "eval/40.json", text_of(RUN))
  valid = written_.get(name) or json.loads((run / name).read_text())
  (run / name).parent.mkdir(parents=True, exist_ok=True)

  def check(content):
    (run / name).write_bytes(content)
    refused(lambda: run_files.read(run))

  fuzz(count, check, bent([valid]).map(text_of) | damaged([text_of(valid)]))


@COUNTS
def test_logs_of_runs(count, tmp_path):
  path = run_of(tmp_path / "run", "metrics.jsonl", LINES) / "metrics.jsonl"

  def check(content):
    path.write_bytes(content)
    refused(lambda: run_files.read(path.parent))
    log.delete_after(path, 15)
    for line in path.read_text().splitlines():
      assert json.loads(line)["step"] <= 15

  lines = st.lists(bent([json.loads(line) for line in LINES.splitlines()]).map(text_of), max_size=3)
  fuzz(count, check, damaged([LINES]) | lines.map(b"\n".join))


INFO: dict[str, Any] = {"name": "x", "version": "1.0.0", "fileFormat": "array_record"}
INFO["splits"] = [{"name": "train", "shardLengths": ["4"]}, {"name": "test", "shardLengths": ["2"]}]
FEATURES = {
  "image": {
    "pythonClassName": "a.Image",
    "image": {"dtype": "uint8", "shape": {"dimensions": ["8", "8", "1"]}},
  },
  "label": {"pythonClassName": "a.ClassLabel", "classLabel": {"numClasses": "2"}},
}
FEATURES = {"featuresDict": {"features": FEATURES}}


@COUNTS
@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_folders_of_tfds(name, count, tmp_path):
  whole = {"dataset_info.json": INFO, "features.json": FEATURES}
  for file, content in whole.items():
    (tmp_path / file).write_bytes(text_of(content))
  assert tfds.layout(tmp_path).splits == {"train": 4, "test": 2}

  def check(content):
    (tmp_path / name).write_bytes(content)
    refused(lambda: tfds.layout(tmp_path))

  fuzz(count, check, bent([whole[name]]).map(text_of) | damaged([text_of(whole[name])]))


def picture(kind):
  file = io.BytesIO()
  Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(file, kind)
  return file.getvalue()


@COUNTS
def test_folders_of_images(count, tmp_path):
  kinds = {kind.lower(): picture(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")}
  (tmp_path / "a").mkdir()
  (tmp_path / "a" / "good.png").write_bytes(kinds["png"])

  def check(kind, content):
    path = tmp_path / "a" / f"bad.{kind}"
    path.write_bytes(content)
    try:
      refused(
        lambda: [
          split.encoded(i) for split in layouts.open_raw("x", tmp_path).splits.values() for i in range(1)
        ]
      )
    finally:
      path.unlink()

  named = st.sampled_from(sorted(kinds)).flatmap(
    lambda kind: st.tuples(st.just(kind), damaged([kinds[kind]]))
  )
  fuzz(count, lambda pair: check(*pair), named)


@COUNTS
def test_command_lines(count, tmp_path):
  path = tmp_path / "c.py"
  path.write_text(
    "from gengap.config import base\ndef get_config(dataset=''):\n  return base('vae', dataset)\n"
  )
  fields = list(config.flatten(config.plain(config.base("vae"))))
  value = st.text(string.printable, max_size=8) | st.integers().map(str) | st.floats().map(str)
  value |= st.sampled_from(["None", "(1,2)", "[", "{}", "nan", "1e999", "true", "'", "\\", "@x", "\x00"])
  name = st.sampled_from(fields) | st.text(string.ascii_lowercase + "._[]", max_size=8).map(
    "config.{}".format
  )

  def check(given):
    def call():
      cli.parse(main.FLAGS, ["main", f"--config={path}", *(f"--{n}={v}" for n, v in given)])
      config.check(main.CONFIG.value)

    refused(call)

  fuzz(count, check, st.lists(st.tuples(name, value), max_size=3))


def test_a_pickle_cannot_ask_for_memory():
  """A memo index takes room for all below it in CPython's own reader."""
  bomb = b"\x80\x02]r\xff\xff\xff\x7f."
  fuzz(1, lambda data: in_a_file("w.pth", data, weights.read), st.just(bomb))


@pytest.mark.parametrize("shape", ["(99999999999,)", "(4294967296, 4294967296)", "(99,)"])
def test_an_array_cannot_ask_for_more_than_its_file_holds(shape):
  good = io.BytesIO()
  np.save(good, np.zeros(2, "f4"))
  header = good.getvalue()
  text = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + shape.encode() + b", }"
  bad = header[:10] + text.ljust(len(header) - 8 - 11) + b"\n" + header[-8:]
  archive = io.BytesIO()
  with zipfile.ZipFile(archive, "w") as file:
    file.writestr("a.npy", bad)
  with pytest.raises(InputError, match=r"a\.npy of shape .* in \d+ bytes"):  # said before it is read
    weights_of(".npz", archive.getvalue())
