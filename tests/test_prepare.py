"""Raw files to TFDS layout and back."""

import gzip
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gengap import data, prepare
from gengap.errors import InputError

RNG = np.random.default_rng(0)
GRAY = {
  "train": RNG.integers(0, 256, (30, 9, 9, 1), np.uint8),
  "test": RNG.integers(0, 256, (8, 9, 9, 1), np.uint8),
}
LABEL = {"train": np.arange(30) % 10, "test": np.arange(8)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def raw(tmp_path):
  (tmp_path / "raw").mkdir()
  return tmp_path / "raw"


def idx(array):
  return (
    bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()
  )


def write_mnist(raw, pack=gzip.compress, suffix=".gz"):
  for split, prefix in (("train", "train"), ("test", "t10k")):
    (raw / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(GRAY[split][..., 0])))
    (raw / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(LABEL[split])))


def write_cifar10(raw, n=4):
  images, labels = RNG.integers(0, 256, (6, n, 32, 32, 3), np.uint8), RNG.integers(0, 10, (6, n), np.uint8)
  for i, name in enumerate([*(f"data_batch_{b}.bin" for b in range(1, 6)), "test_batch.bin"]):
    flat = images[i].transpose(0, 3, 1, 2).reshape(n, -1)
    (raw / name).write_bytes(np.concatenate([labels[i, :, None], flat], 1).tobytes())
  return images, labels


def items(images, labels):
  return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


def load(tmp_path, name, split, size, **kwargs):
  return data.load(
    name, split, data_dir=str(tmp_path / "tfds"), image_size=size, validation_share=0, **kwargs
  )


@pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, ".gz"), (bytes, "")])
def test_idx_files_come_back_pixel_for_pixel(tmp_path, raw, pack, suffix):
  write_mnist(raw, pack, suffix)
  prepare.prepare("fashion_mnist", raw, tmp_path / "tfds")
  for split in ("train", "test"):
    d = load(tmp_path, "fashion_mnist", split, 9)
    assert items(d.image, d.label) == items(GRAY[split], LABEL[split])
    assert d.classes[0] == "T-shirt/top" and len(d.classes) == 10


def test_cifar_files_come_back_pixel_for_pixel(tmp_path, raw):
  images, labels = write_cifar10(raw)
  prepare.prepare("cifar10", raw, tmp_path / "tfds")
  train, test = load(tmp_path, "cifar10", "train", 32), load(tmp_path, "cifar10", "test", 32)
  assert items(train.image, train.label) == items(images[:5].reshape(-1, 32, 32, 3), labels[:5].ravel())
  assert items(test.image, test.label) == items(images[5], labels[5])
  assert train.classes[2] == "bird"


def test_tfds_itself_reads_the_result(tmp_path, raw):
  import tensorflow_datasets as tfds

  write_mnist(raw)
  prepare.prepare("mnist", raw, tmp_path / "tfds")
  source: Any = tfds.data_source("mnist", split="test", data_dir=tmp_path / "tfds")
  assert items(*zip(*((x["image"], x["label"]) for x in source), strict=True)) == items(
    GRAY["test"], LABEL["test"]
  )
  assert "tensorflow" not in sys.modules


def save(path, i, mode="RGB"):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.new("RGB", (8, 6), (i, 2 * i, 3 * i)).convert(mode).save(path, quality=95)


def test_folders_by_class_hold_out_a_tenth_by_name(tmp_path, raw):
  for i in range(40):
    save(raw / ("ant", "bee")[i % 2] / f"{i}.{('png', 'jpg', 'bmp')[i % 3]}", i)
  prepare.prepare("bugs", raw, tmp_path / "tfds")
  train, test = load(tmp_path, "bugs", "train", 6), load(tmp_path, "bugs", "test", 6)
  assert (len(train.label), len(test.label), train.classes) == (36, 4, ("ant", "bee"))
  shade = np.concatenate([d.image[:, 3, 3, 0].astype(int) for d in (train, test)])
  np.testing.assert_allclose(np.sort(shade), np.arange(40), atol=2)  # JPEG is lossy
  prepare.prepare("bugs", raw, tmp_path / "again")
  again = data.load("bugs", "test", data_dir=str(tmp_path / "again"), image_size=6)
  np.testing.assert_array_equal(test.image, again.image)


def test_folders_with_a_test_split_keep_it_and_gray_stays_gray(tmp_path, raw):
  for i in range(6):
    save(raw / ("train", "test")[i % 2] / "ant" / f"{i}.png", i, "L")
  prepare.prepare("bugs", raw, tmp_path / "tfds")
  assert load(tmp_path, "bugs", "train", 6).image.shape == (3, 6, 6, 1)
  assert load(tmp_path, "bugs", "test", 6, channels=3).image.shape == (3, 6, 6, 3)


def test_cub_keeps_its_own_split(tmp_path, raw):
  files = [f"{c}/{c}_{i}.jpg" for c in ("001.Albatross", "002.Auk") for i in range(3)]
  for i, file in enumerate(files):
    save(raw / "images" / file, 30 * i)
  lists = {
    "images": files,
    "image_class_labels": [1, 1, 1, 2, 2, 2],
    "train_test_split": [1, 0, 1, 0, 1, 1],
    "classes": ["001.Albatross", "002.Auk"],
  }
  for name, values in lists.items():
    (raw / f"{name}.txt").write_text("".join(f"{i + 1} {value}\n" for i, value in enumerate(values)))
  prepare.prepare("cub200", raw, tmp_path / "tfds")
  test = load(tmp_path, "cub200", "test", 6)
  assert sorted(test.image[:, 3, 3, 0].tolist()) == [30, 90] and sorted(test.label) == [0, 1]
  assert load(tmp_path, "cub200/002.Auk", "train", 6).image.shape == (2, 6, 6, 3)


def cut(path, n=-1):
  path.write_bytes(path.read_bytes()[:n])


def relabel(raw):
  (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.full(8, 10))))


BAD = {
  "cut gzip": ("mnist", lambda raw: cut(raw / "train-images-idx3-ubyte.gz"), "train-images.* is damaged"),
  "cut idx": (
    "mnist",
    lambda raw: (raw / "train-images-idx3-ubyte.gz").write_bytes(
      gzip.compress(idx(GRAY["train"][..., 0])[:-1])
    ),
    "has 2445 bytes, and by its header 2446",
  ),
  "magic": (
    "mnist",
    lambda raw: (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABEL["test"][:, None]))),
    "starts with 00000802; .* with 00000801",
  ),
  "label": ("mnist", relabel, "label 10; mnist has only 0 to 9"),
  "fewer labels": (
    "mnist",
    lambda raw: (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABEL["test"][1:]))),
    "7 labels for the 8 images",
  ),
  "missing idx": ("mnist", lambda raw: (raw / "t10k-labels-idx1-ubyte.gz").unlink(), "lacks t10k-labels"),
  "cut batch": ("cifar10", lambda raw: cut(raw / "data_batch_2.bin"), "data_batch_2.bin has 12291 bytes"),
  "missing batch": ("cifar10", lambda raw: (raw / "data_batch_3.bin").unlink(), "lacks data_batch_3.bin"),
  "batch label": (
    "cifar10",
    lambda raw: (raw / "test_batch.bin").write_bytes(bytes([10] * 3073)),
    "label 10; cifar10",
  ),
  "cut image": ("bugs", lambda raw: cut(raw / "ant" / "3.png", 45), "3.png is damaged"),
  "no image": ("bugs", lambda raw: (raw / "ant" / "3.png").write_text("x"), "3.png is no image"),
  "one image": (
    "bugs",
    lambda raw: [(raw / "ant" / f"{i}.png").unlink() for i in range(3)],
    "no images for test",
  ),
  "floats": (
    "bugs",
    lambda raw: Image.new("F", (2, 2), 0.5).save(raw / "ant" / "f.tif"),
    r"ant/f\.tif has floating-point pixels",
  ),
  "no files": ("empty", lambda raw: None, "holds none of: IDX"),
  "name": ("Bad-Name", lambda raw: None, "small letters"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_one_line_and_leave_nothing(tmp_path, raw, what):
  name, spoil, message = BAD[what]
  if name == "mnist":
    write_mnist(raw)
  elif name == "cifar10":
    write_cifar10(raw)
  elif name == "bugs":
    for i in range(4):
      save(raw / "ant" / f"{i}.png", i)
  spoil(raw)
  with pytest.raises(InputError, match=message) as error:
    prepare.prepare(name, raw, tmp_path / "tfds")
  assert "\n" not in str(error.value)
  assert list((tmp_path / "tfds").glob("*")) == []


def command(*args):
  run = subprocess.run([sys.executable, "-m", "gengap.prepare", *args], capture_output=True, text=True)
  return run.returncode, run.stdout.strip(), run.stderr.strip().splitlines()


def test_command_line(tmp_path, raw):
  write_mnist(raw)
  args = "mnist", f"--raw_dir={raw}", f"--data_dir={tmp_path / 'tfds'}"
  status, out, lines = command(*args)
  assert (status, out) == (0, str(tmp_path / "tfds" / "mnist" / "3.0.1"))
  assert "mnist: images: train 30, test 8; grayscale; classes: 10" in lines
  assert ["9", "3", "0", "9"] in [line.split() for line in lines]
  status, out, lines = command(*args)
  assert (status, out, len(lines)) == (2, "", 1) and "is there already" in lines[0]
  status, out, lines = command("mnist", f"--data_dir={tmp_path}")
  assert (status, out, len(lines)) == (2, "", 1) and "--raw_dir" in lines[0] and "--download" in lines[0]


FASHION = os.environ.get("FASHION_MNIST_RAW_DIR", "")  # its four files as published


@pytest.mark.skipif(not os.environ.get("TFDS_DATA_DIR"), reason="TFDS_DATA_DIR names no real data")
@pytest.mark.skipif(not FASHION, reason="FASHION_MNIST_RAW_DIR names no raw files")
def test_real_fashion_mnist_equals_tfds(tmp_path):
  prepare.prepare("fashion_mnist", pathlib.Path(FASHION), tmp_path / "tfds")
  for split in ("train", "test"):
    ours = load(tmp_path, "fashion_mnist", split, 28)
    theirs = data.load("fashion_mnist", split, image_size=28, validation_share=0)
    assert items(ours.image, ours.label) == items(theirs.image, theirs.label)
