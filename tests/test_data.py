"""Data sets: splits, classes, pixels and cache, on a small TFDS folder made for the purpose."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gengap import data, prepare
from gengap.data import splits
from gengap.data.cache import keep
from gengap.data.pixels import png, square
from gengap.errors import InputError

PETS = ("cat", "dog", "emu")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  """A TFDS folder with `pets`: 60 training and 15 test images, 24 x 20 pixels, of one colour each."""
  raw, made = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("tfds")
  for split, n in (("train", 20), ("test", 5)):
    for c, name in enumerate(PETS):
      (raw / split / name).mkdir(parents=True)
      for i in range(n):
        colour = (10 * i, 80 * c, 255 * (split == "test"))
        Image.new("RGB", (24, 20), colour).save(raw / split / name / f"{i}.png")
  prepare.prepare("pets", raw, made)
  return made


@pytest.fixture
def cache(tmp_path, monkeypatch):
  monkeypatch.setenv("GENGAP_CACHE", str(tmp_path / "cache"))
  return tmp_path / "cache" / "data"


def load(data_dir, name="pets", split="train", **kwargs):
  args: dict[str, Any] = {"image_size": 8} | kwargs
  return data.load(name, split, data_dir=str(data_dir), **args)


def items(d):
  return sorted(
    (*image[0, 0].tolist(), d.classes[label]) for image, label in zip(d.image, d.label, strict=True)
  )


def test_train_and_validation_are_a_partition_by_class(data_dir):
  whole, train = load(data_dir, validation_share=0), load(data_dir, validation_share=0.25)
  held = load(data_dir, split="validation", validation_share=0.25)
  assert items(whole) == sorted(items(train) + items(held)) and len(whole.label) == 60
  assert np.bincount(held.label).tolist() == [5, 5, 5]
  again = load(data_dir, split="validation", validation_share=0.25)
  np.testing.assert_array_equal(held.image, again.image)


def lots(n):
  return np.random.default_rng(n).permutation(n)


@pytest.mark.parametrize(
  ("counts", "share", "held"),
  [
    ([592, 601, 58], 0.1, [59, 60, 6]),  # each class by itself
    ([10, 4, 4, 3, 1], 0.1, [1, 1, 0, 0, 0]),  # 1.2 of 12 images in small classes: the largest one
    ([2, 2, 1], 0.1, [1, 0, 0]),  # at least one
    ([1, 4, 10], 0.9, [0, 3, 9]),  # a class keeps one
    ([50], 0.0, [0]),
    ([1], 0.5, [0]),
    ([0, 5, 0, 5], 0.2, [0, 1, 0, 1]),
  ],
)
def test_a_share_of_every_class_is_held_out(counts, share, held):
  label = np.repeat(np.arange(len(counts)), counts)
  lot = lots(len(label))
  mark = splits.hold_out(label, share, lot)
  found = np.bincount(label[mark], minlength=len(counts))
  assert sorted(found) == sorted(held) and (np.abs(found - held) <= (np.array(counts) < 5)).all()
  for c in range(len(counts)):
    assert set(lot[mark & (label == c)]) == set(sorted(lot[label == c])[: found[c]])  # the smallest lots


def test_thousands_of_small_classes_have_a_split():
  label = np.concatenate([np.arange(2000), np.arange(1600)])  # 1,600 classes of two images, 400 of one
  mark = splits.hold_out(label, 0.1, lots(len(label)))
  assert mark.sum() == 360 and np.bincount(label[~mark]).min() == 1
  assert splits.hold_out(np.arange(2000), 0.1, lots(2000)).sum() == 200  # no class can spare one


def test_without_a_share_validation_is_the_test_split(data_dir):
  held, test = load(data_dir, split="validation", validation_share=0), load(data_dir, split="test")
  np.testing.assert_array_equal(held.image, test.image)
  assert len(test.label) == 15 and (test.image[..., 2] == 255).all()


def test_classes_by_name_and_number_are_renumbered(data_dir):
  d = load(data_dir, "pets/emu,0", validation_share=0)
  assert d.classes == ("emu", "cat") and np.bincount(d.label).tolist() == [20, 20]
  assert items(d) == [item for item in items(load(data_dir, validation_share=0)) if item[-1] != "dog"]
  held = items(load(data_dir, "pets/emu", "validation"))
  assert held and set(held) <= set(items(load(data_dir, split="validation")))


def test_a_reduced_image_averages_and_a_fitting_one_is_untouched():
  stripes = np.zeros((64, 64, 3), np.uint8)
  stripes[:, ::2] = 255  # without antialiasing all or nothing would be left
  small = square(png(stripes), 16, 3)
  assert np.abs(small[:, 1:-1].astype(int) - 127).max() <= 1
  noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
  np.testing.assert_array_equal(square(png(noise), 16, 3), noise)


@pytest.mark.parametrize("size", [10, 5])
def test_only_the_central_square_is_kept(size):
  wide = np.zeros((10, 30, 1), np.uint8)
  wide[:, 10:20] = 200
  assert (square(png(wide[..., 0]), size, 1) == 200).all()
  assert (square(png(np.swapaxes(wide, 0, 1)[..., 0]), size, 1) == 200).all()


def test_grayscale_is_luma_and_gray_becomes_colour(data_dir):
  rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]] * 3, np.uint8)
  np.testing.assert_allclose(square(png(rgb), 3, 1)[0, :, 0], np.array([0.299, 0.587, 0.114]) * 255, atol=0.5)
  np.testing.assert_array_equal(square(png(rgb[..., 0]), 3, 3), rgb[..., :1].repeat(3, -1))
  assert load(data_dir, channels=1).image.shape[1:] == (8, 8, 1)
  assert load(data_dir).image.shape[1:] == (8, 8, 3)


def test_second_start_reads_the_cache_alone(data_dir, cache):
  program = (
    "import sys, zlib; from gengap import data; "
    f"d = data.load('pets', 'train', data_dir={str(data_dir)!r}, image_size=8); "
    "print(zlib.crc32(d.image.tobytes()), zlib.crc32(d.label), 'tensorflow_datasets' in sys.modules)"
  )
  run = [
    subprocess.run(
      [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    for _ in range(2)
  ]
  first, second = (r.stdout.split() for r in run)
  assert first[:2] == second[:2] and (first[2], second[2]) == ("True", "False")


def test_a_killed_program_leaves_no_entry(data_dir, cache, monkeypatch):
  def killed(*_):
    raise KeyboardInterrupt

  with monkeypatch.context() as m:
    m.setattr(json, "dumps", killed)
    with pytest.raises(KeyboardInterrupt):
      load(data_dir)
  assert list(cache.iterdir()) == []
  assert len(load(data_dir).label) == 54


@pytest.mark.parametrize("other", ["removes it", "was faster"])
def test_processes_that_write_one_entry_do_not_disturb_each_other(data_dir, cache, monkeypatch, other):
  rename, moved = pathlib.Path.rename, []

  def disturbed(path, target):
    if other == "was faster":
      shutil.copytree(path, target)
    rename(path, target)
    shutil.rmtree(target)
    moved.append(target)

  with monkeypatch.context() as m:
    m.setattr(pathlib.Path, "rename", disturbed)
    found = load(data_dir)
  assert found.image.sum() > 0 and bool(moved) == (other == "removes it")
  np.testing.assert_array_equal(found.image, load(data_dir).image)


def test_a_file_that_was_not_written_whole_is_not_there(tmp_path):
  def write(file):
    file.write(b"half")
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    keep(tmp_path / "floors" / "a.json", write)
  assert not list((tmp_path / "floors").iterdir())


@pytest.mark.parametrize("damage", ["cut", "flip", "missing", "garbage"])
def test_a_damaged_cache_is_rebuilt(data_dir, cache, damage):
  before = np.array(load(data_dir).image)
  (file,) = cache.glob("*/image.npy")
  content = bytearray(file.read_bytes())
  content[300] ^= 255
  file.unlink()
  if damage != "missing":
    file.write_bytes({"cut": content[:300], "flip": content, "garbage": b"x" * 5000}[damage])
  np.testing.assert_array_equal(load(data_dir).image, before)
  assert len(list(cache.iterdir())) == 1
  again = cache.glob("*/image.npy")
  assert next(again).read_bytes() != bytes(content)


def test_another_folder_of_the_same_version_is_another_entry(data_dir, cache, tmp_path):
  raw = tmp_path / "raw" / "cat"
  raw.mkdir(parents=True)
  for i in range(4):
    Image.new("RGB", (9, 9), (i, 0, 0)).save(raw / f"{i}.png")
  prepare.prepare("pets", tmp_path / "raw", tmp_path / "other")
  assert len(load(data_dir, validation_share=0).label) == 60
  assert len(load(tmp_path / "other", validation_share=0).label) == 3
  assert len(list(cache.iterdir())) == 2


BAD = {
  "pest": "'pest' is neither known.*did you mean 'pets'",
  "cifar10": r"'cifar10' is not in data_dir .*gengap\.prepare cifar10 --download --data_dir=.*--raw_dir",
  "pets/dgo": "no class 'dgo'.* cat, dog, emu.*0 to 2.*did you mean 'dog'",
  "pets/3": "no class '3'",
  "pets/cat,0": "names a class twice",
}


@pytest.mark.parametrize(("name", "message"), BAD.items())
def test_bad_names_are_one_line(data_dir, cache, name, message):
  with pytest.raises(InputError, match=message) as error:
    load(data_dir, name)
  assert "\n" not in str(error.value) and not cache.exists()


BAD_ARGUMENTS = [
  ("pets", {"split": "valid"}, "split is 'valid'.*did you mean 'validation'"),
  ("pets", {"image_size": 0}, "image_size is 0; it must be at least 1"),
  ("pets", {"channels": 2}, "channels is 2; it must be 0"),
  ("pets", {"validation_share": 1.0}, "validation_share is 1.0"),
  ("pets", {"dataset_args": {"count": 2}}, "dataset_args.count is a setting of blobs_single and blobs_multi"),
  ("blobs_single", {"dataset_args": {"sgima": 2}}, "dataset_args.sgima.*did you mean 'sigma'"),
  ("blobs_single", {"dataset_args": {"count": 0}}, "count is 0; .* at least 1"),
  ("blobs_single", {"dataset_args": {"num_train": 1.5}}, "num_train is 1.5"),
  ("blobs_single", {"dataset_args": {"sigma": 0}}, "sigma is 0; .* above 0"),
  ("blobs_single", {"dataset_args": {"sigma": (3, 1)}}, "sigma is .3, 1."),
  ("blobs_single", {"split": "validation", "dataset_args": {"num_train": 1}}, "no validation images"),
]


@pytest.mark.parametrize(("name", "kwargs", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_one_line(data_dir, cache, name, kwargs, message):
  with pytest.raises(InputError, match=message):
    load(data_dir, name, **kwargs)
  assert not cache.exists()


@pytest.fixture
def broken(data_dir, tmp_path):
  """A copy of the TFDS folder to be damaged: pets' version folder."""
  return pathlib.Path(shutil.copytree(data_dir, tmp_path / "copy")) / "pets" / "1.0.0"


def change(file, old, new):
  file.write_text(file.read_text().replace(old, new))


DAMAGE = {
  "half a record file": (
    lambda d: os.truncate(d / "pets-train.array_record-00000-of-00001", 40_000),
    "pets-train.array_record-00000-of-00001 is damaged or incomplete",
  ),
  "no record file": (
    lambda d: (d / "pets-train.array_record-00000-of-00001").unlink(),
    "damaged or incomplete",
  ),
  "half a description": (lambda d: os.truncate(d / "dataset_info.json", 50), "no whole TFDS data set"),
  "tfrecord": (
    lambda d: [
      change(d / "dataset_info.json", '"array_record"', '"tfrecord"'),
      (d / "features.json").unlink(),
    ],
    r"^/\S* has its images in files of format 'tfrecord', .*tfds convert_format .*--download",
  ),
  "no images": (lambda d: change(d / "features.json", "image_feature.Image", "x.Audio"), "no 8-bit images"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_folder_is_named(broken, cache, what):
  damage, message = DAMAGE[what]
  damage(broken)
  with pytest.raises(InputError, match=message) as error:
    load(broken.parents[1])
  assert str(broken) in str(error.value) and "\n" not in str(error.value)
  assert not list(cache.glob("*"))


def test_images_without_labels_are_of_one_class(broken, cache):
  features = json.loads((broken / "features.json").read_text())
  del features["featuresDict"]["features"]["label"]
  (broken / "features.json").write_text(json.dumps(features))
  d = load(broken.parents[1], validation_share=0)
  assert d.classes == ("all",) and d.label.tolist() == [0] * 60


@pytest.mark.skipif(not os.environ.get("TFDS_DATA_DIR"), reason="TFDS_DATA_DIR names no real data")
@pytest.mark.parametrize(("name", "count", "mean"), [("mnist", 10_000, 33.8), ("cifar10/ship", 1000, 130)])
def test_real_data(name, count, mean):
  d = data.load(name, "test", image_size=28 if name == "mnist" else 32)
  assert len(d.image) == count and d.image.mean() == pytest.approx(mean, abs=5)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
  """A TFDS folder with `threes`: 20 training, 6 validation, 4 test images, and `pairs` without the last."""
  raw, made = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("tfds")
  for name, counts in (("threes", {"train": 20, "Valid": 6, "TEST": 4}), ("pairs", {"train": 20, "val": 6})):
    for split, n in counts.items():
      (raw / name / split).mkdir(parents=True)
      for i in range(n):
        Image.new("L", (4, 4), 10 * n + i).save(raw / name / split / f"{i}.png")
    prepare.prepare(name, raw / name, made)
  return made


@pytest.mark.parametrize(
  ("name", "share", "expected"),
  [
    ("threes", 0.1, {"train": (20, 20), "validation": (6, 6), "test": (4, 4)}),
    ("threes", 0, {"train": (20, 20), "validation": (4, 4), "test": (4, 4)}),
    ("pairs", 0.1, {"train": (20, 18), "validation": (20, 2), "test": (6, 6)}),
    ("pairs", 0, {"train": (20, 20), "validation": (6, 6), "test": (6, 6)}),
  ],
)
def test_a_validation_split_of_its_own_is_used(three, cache, name, share, expected):
  found = {split: load(three, name, split, validation_share=share, image_size=4) for split in expected}
  for split, (stored, count) in expected.items():
    value = found[split].image[:, 0, 0, 0]
    assert len(value) == count and set(value // 10) <= set(range(stored, stored + 3)), split
  if not (share and name == "threes"):
    return
  assert not set(found["train"].image[:, 0, 0, 0]) & set(found["validation"].image[:, 0, 0, 0])


def write_tfds(folder, shape, dtype, images):
  """Writes a data set with TFDS's own writer."""
  import tensorflow_datasets as tfds

  class Writer(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    name = "odd"
    code_path = None

    def _info(self):
      image = tfds.features.Image(shape=shape, dtype=dtype)
      return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"image": image}))

    def _split_generators(self, _):
      return {"train": ((i, {"image": image}) for i, image in enumerate(images))}

    def _generate_examples(self):
      raise NotImplementedError

  Writer(data_dir=folder, file_format="array_record").download_and_prepare()


@pytest.mark.parametrize(
  ("shape", "dtype", "stored", "shown"),
  [
    ((1, 1, 4), "uint8", [10, 0, 0, 0], [255, 255, 255]),  # what is under alpha 0 does not show
    ((1, 1, 4), "uint8", [0, 100, 255, 128], [127, 177, 255]),
    ((1, 1, 1), "uint16", [32768], [128]),
  ],
)
def test_images_of_tfds_are_decoded_as_those_of_folders(tmp_path, cache, shape, dtype, stored, shown):
  content = np.array(stored, dtype).reshape(shape)
  file = png(content if shape[-1] > 1 else content[..., 0])
  write_tfds(tmp_path, shape, np.dtype(dtype).type, [file] * 2)
  d = load(tmp_path, "odd", validation_share=0, image_size=1)
  assert d.image.reshape(2, -1).tolist() == [shown] * 2


def test_floats_of_tfds_are_refused(broken, cache):
  change(broken / "features.json", '"dtype": "uint8"', '"dtype": "float32"')
  with pytest.raises(InputError, match="has images of dtype 'float32'"):
    load(broken.parents[1])


def test_an_image_that_cannot_be_decoded_is_named(tmp_path, cache):
  write_tfds(tmp_path, (1, 1, 1), np.uint8, [png(np.zeros((1, 1), np.uint8)), b"text"])
  with pytest.raises(InputError, match=r"odd/1\.0\.0: image [01] of its train split is no image"):
    load(tmp_path, "odd", validation_share=0)
