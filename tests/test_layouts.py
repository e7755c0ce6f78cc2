"""Folders as people have them: which images are read, into which split and class, and what is left out."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image

from gengap import prepare
from gengap.data import folders, image_files, pixels
from gengap.data.layouts import open_raw
from gengap.errors import InputError


def grey(value):
  return pixels.png(np.full((4, 4), value, np.uint8))


def write(path, content):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)


def images(root, files):
  """Writes a grey image of its own for each file; returns which value is which file's."""
  for i, file in enumerate(files):
    write(root / file, grey(i))
  return dict(enumerate(files))


def read(raw):
  """Returns of each split its (class, value) pairs."""
  found = {}
  for name, split in raw.splits.items():
    shown = [np.asarray(Image.open(io.BytesIO(split.encoded(i)))) for i in range(len(split.label))]
    found[name] = sorted(
      (raw.classes[label], int(x.flat[0])) for label, x in zip(split.label, shown, strict=True)
    )
  return found


def left_out_of(raw):
  """Returns a line for each reason to leave files out."""
  return [line.removeprefix("left out, ") for line in image_files.describe(raw.left_out)]


TEN = [f"{i}.png" for i in range(10)]
LAYOUTS = {  # files -> classes, images of each split (of a cut test split, their number), what is left out
  "two suffixes": (
    [f"a/{i}.{suffix}" for i in range(4) for suffix in ("png", "jfif")], "a", {"train": 7, "test": 1}, []
  ),
  "one folder": (TEN, "all", {"train": 9, "test": 1}, []),
  "deeper": (
    ["ant/1.png", "bee/x/1.png", "bee/x/y/2.png", "bee/3.png"], "ant bee", {"train": 3, "test": 1}, []
  ),
  "upper case, no suffix": (["ant/1.PNG", "ant/2", "ant/3.tmp"], "ant", {"train": 2, "test": 1}, []),
  "wrapped": (["a/b/ant/1.png", "a/b/bee/1.png", "a/b/bee/2.png"], "ant bee", {"train": 2, "test": 1}, []),
  "natural": (
    [f"{c}/{i}.png" for c in (0, 1, 10, 2) for i in range(2)], "0 1 2 10", {"train": 7, "test": 1}, []
  ),
  "splits": (["Train/b/1.png", "Train/a/2.png", "TEST/a/1.png"], "a b", {"train": 2, "test": 1}, []),
  "validation": (["train/a/1.png", "Val/a/1.png", "Val/a/2.png"], "a", {"train": 1, "validation": 2}, []),
  "three": (
    ["train/1.png", "dev/1.png", "testing/1.png"], "all", {"train": 1, "validation": 1, "test": 1}, []
  ),
  "split below class": (
    [f"{c}/{s}/{s}.png" for c in ("ant", "bee") for s in ("train", "valid", "test")],
    "ant bee",
    {"train": 2, "validation": 2, "test": 2},
    [],
  ),
  "splits below": (["images/train/1.png", "images/test/1.png"], "all", {"train": 1, "test": 1}, []),
  "class train": (["train/1.png", "car/1.png", "car/2.png"], "car train", {"train": 2, "test": 1}, []),
  "classes beside a split": (
    ["ant/1.png", "bee/2.png", "test/ant/3.png", "test/bee/x/4.png"], "ant bee", {"train": 2, "test": 2}, []
  ),
  "wrapped classes": (["train/images/a/1.png", "test/images/a/1.png"], "a", {"train": 1, "test": 1}, []),
  "sets": (["training_set/a/1.png", "test_set/a/1.png"], "a", {"train": 1, "test": 1}, []),
  "years": (["train2017/1.png", "val2017/1.png"], "all", {"train": 1, "validation": 1}, []),
  "wrapped sets": (
    ["seg_train/seg_train/a/1.png", "seg_test/seg_test/a/1.png"], "a", {"train": 1, "test": 1}, []
  ),
  "classes like splits": (
    ["test1/1.png", "test2/1.png", "test_tube/1.png"], "test1 test2 test_tube", {"train": 2, "test": 1}, []
  ),
  "beside": (
    ["train/a/1.png", "train/2.png", "test/a/1.png", "test/2.png", "masks/1.png", "logo.png"],
    "a",
    {"train": 1, "test": 1},
    ["images beside the class folders: 2 (logo.png, train/2.png)",
     "images in no class folder: 1 (test/2.png)",
     "images in folders beside those of the splits: 1 (masks/1.png)"],
  ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_are_read_by_their_folders(tmp_path, layout):
  files, classes, count, left_out = LAYOUTS[layout]
  value = images(tmp_path, files)
  raw = open_raw("x", tmp_path)
  found = read(raw)
  assert raw.classes == tuple(classes.split()) and {s: len(x) for s, x in found.items()} == count
  assert raw.shape[-1] == 1 and (folders.ONE_CLASS in raw.notes) == (classes == "all")
  for split in found.values():
    assert all(name == "all" or name in value[number].split("/") for name, number in split)
  left = left_out_of(raw)
  assert sorted(left) == sorted(left_out)
  numbers = [number for split in found.values() for _, number in split]
  assert len(set(numbers)) == len(numbers) == len(files) - sum(int(x.split(": ")[1].split()[0]) for x in left)


def test_what_systems_leave_behind_is_no_class_and_is_counted(tmp_path):
  images(
    tmp_path, ["ant/1.png", "ant/2.png", "@eaDir/1.png", ".ipynb_checkpoints/1.png", "__MACOSX/ant/1.png"]
  )
  for name in ("ant/._1.png", ".DS_Store", "ant/Thumbs.db", "notes.txt", "ant/label.csv"):
    write(tmp_path / name, b"x")
  (tmp_path / "empty" / "deeper").mkdir(parents=True)
  (tmp_path / "loop").symlink_to(tmp_path)
  (tmp_path / "linked").symlink_to(tmp_path / "ant")
  raw = open_raw("x", tmp_path)
  assert raw.classes == ("ant", "linked")
  text = "\n".join(prepare.describe("x", raw))
  assert (
    "      8  hidden or system files: " in text
    and "      3  files that are no images: ant/label.csv, linked/label.csv, notes.txt" in text
  )
  assert "      2  folders without images: empty, loop" in text
  assert "x: images: train 3, test 1; grayscale; classes: 2" in text
  lines = [line.split() for line in text.splitlines()]
  assert ["0", *lines[2][1:3], "ant"] == lines[2] and lines[3][0] == "1" and lines[3][3] == "linked"


def test_different_names_of_classes_stay_different(tmp_path):
  images(tmp_path, [f"{name}/{i}.png" for name in ("b\nc", "b\\nc", " ") for i in range(2)])
  assert sorted(open_raw("x", tmp_path).classes) == [" ", "b\\\\nc", "b\\nc"]


def test_names_with_numbers_sort_by_value():
  names = ["10", "9", "-1", "0.5", "dog10", "dog2", "dog", "cat", "1", "01"]
  assert sorted(names, key=folders.natural) == [
    "-1",
    "0.5",
    "01",
    "1",
    "9",
    "10",
    "cat",
    "dog",
    "dog2",
    "dog10",
  ]


def test_colour_anywhere_makes_a_data_set_colour(tmp_path):
  images(tmp_path, ["a/1.png", "a/2.png"])
  write(tmp_path / "a" / "3.png", pixels.png(np.full((4, 4, 3), 7, np.uint8)))
  assert open_raw("x", tmp_path).shape[-1] == 1
  write(tmp_path / "a" / "4.png", pixels.png(np.array([[[1, 2, 3]]], np.uint8)))
  raw = open_raw("x", tmp_path)
  assert raw.shape[-1] == 3 and any("grey images" in note and note.endswith(": 3") for note in raw.notes)
  for split in raw.splits.values():
    assert all(Image.open(io.BytesIO(split.encoded(i))).mode == "RGB" for i in range(len(split.label)))


def test_all_bad_files_are_listed_at_once_or_left_out(tmp_path):
  images(tmp_path, [f"a/{i}.png" for i in range(20)])
  spoilt = {"a/x.png": b"text", "a/y.jpg": b"", "a/z": grey(1)[:40], "b/w.dng": grey(1)}
  spoilt |= {f"a/m{i}.png": b"x" for i in range(8)}
  for name, content in spoilt.items():
    write(tmp_path / name, content)
  with pytest.raises(InputError) as error:
    open_raw("x", tmp_path)
  text = str(error.value)
  assert "12 of 32 image files cannot be used" in text and "and 2 more" in text and "--skip_bad" in text
  assert text.count("is no image") == 9 and "y.jpg is empty" in text
  raw = open_raw("x", tmp_path, skip_bad=True)
  assert raw.classes == ("a",) and sum(len(split.label) for split in raw.splits.values()) == 20
  assert any("image files that cannot be read: 12" in line for line in left_out_of(raw))


def cifar(folder, hundred=False):
  """Writes CIFAR's Python version, as Python 2 pickled it."""
  rng, made = np.random.default_rng(0), {}
  files = (
    {"train": 4, "test": 3} if hundred else {f"data_batch_{i}": 2 for i in range(1, 6)} | {"test_batch": 3}
  )
  for name, n in files.items():
    data = rng.integers(0, 256, (n, 3072), np.uint8)
    labels = rng.integers(0, 100 if hundred else 10, n).tolist()
    content = {b"data": data, b"fine_labels" if hundred else b"labels": labels}
    content |= {b"coarse_labels": [label // 5 for label in labels]} if hundred else {}
    write(folder / name, pickle.dumps(content | {b"filenames": [b"\xe9.png"] * n}, protocol=2))
    made[name] = data.reshape(n, 3, 32, 32).transpose(0, 2, 3, 1), labels
  keys = {b"fine_label_names": 100, b"coarse_label_names": 20} if hundred else {b"label_names": 10}
  names = {key: [key[:1] + b"%d" % i for i in range(count)] for key, count in keys.items()}
  write(folder / ("meta" if hundred else "batches.meta"), pickle.dumps(names, protocol=2))
  return made


@pytest.mark.parametrize("hundred", [False, True])
@pytest.mark.parametrize("above", [0, 1, 2])
def test_the_python_version_of_cifar_comes_back_pixel_for_pixel(tmp_path, hundred, above):
  made = cifar(tmp_path / "a" / "batches", hundred)
  write(tmp_path / "cifar.tar.gz", b"x")
  raw = open_raw("x", [tmp_path / "a" / "batches", tmp_path / "a", tmp_path][above])
  assert raw.classes == tuple(f"f{i}" for i in range(100)) if hundred else tuple(f"l{i}" for i in range(10))
  assert raw.shape == (32, 32, 3)
  test, (image, label) = raw.splits["test"], made["test" if hundred else "test_batch"]
  assert test.label == label and len(raw.splits["train"].label) == (4 if hundred else 10)
  for i in range(3):
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(test.encoded(i)))), image[i])


class Evil:
  def __reduce__(self):
    return (eval, ("1/0",))


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (pickle.dumps({b"data": Evil()}, protocol=2), r"asks for .*eval.*nothing was executed"),
    (pickle.dumps({b"data": np.zeros((1, 3072)), b"labels": [0]}, protocol=2), "dtype 'f8'"),
    (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, protocol=2), "as many labels"),
    (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [12]}, protocol=2), "label 12"),
    (pickle.dumps([1]), "damaged, or no pickle of CIFAR"),
    (b"\x80\x02]r\xff\xff\xff\x7f.", "damaged, or no pickle"),
    (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", "damaged, or no pickle"),
    (b"", "is empty"),
    (b"<!DOCTYPE html>", "is a web page"),
    (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [0.7]}, protocol=2), "as many labels"),
  ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path, content, message):
  cifar(tmp_path)
  write(tmp_path / "data_batch_3", content)
  with pytest.raises(InputError, match=f"data_batch_3.*{message}"):
    open_raw("cifar10", tmp_path)


@pytest.mark.parametrize("names", [5, ["a"] * 10, None])
def test_names_of_cifar_that_are_none_are_not_taken(tmp_path, names):
  cifar(tmp_path)
  write(tmp_path / "batches.meta", pickle.dumps({"label_names": names}, protocol=2))
  assert open_raw("x", tmp_path).classes[:2] == ("airplane", "automobile")


def idx(array):
  head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
  return head + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("how", ["raw", "folders", "beside"])
def test_idx_files_are_found_below_and_in_folders_of_their_names(tmp_path, how):
  for prefix, n in (("train", 6), ("t10k", 3)):
    for what, array in (("images", np.full((n, 2, 2), n)), ("labels", np.arange(n))):
      name, dims = f"{prefix}-{what}", f"idx{array.ndim}-ubyte"
      at = {"raw": "MNIST/raw/{0}-{1}", "folders": "{0}-{1}/{0}-{1}", "beside": "{0}.{1}"}[how]
      write(tmp_path / at.format(name, dims), idx(array))
      if how == "beside":
        (tmp_path / f"{name}-{dims}").mkdir()
  raw = open_raw("mnist", tmp_path)
  assert {split: len(part.label) for split, part in raw.splits.items()} == {"train": 6, "test": 3}
  assert read(raw)["test"] == [("0", 3), ("1", 3), ("2", 3)]


def tiny_imagenet(root):
  images(root, [f"train/{c}/images/{c}_{i}.JPEG" for c in ("n1", "n2") for i in range(2)])
  images(root, ["val/images/val_0.JPEG", "val/images/val_1.JPEG", "test/images/test_0.JPEG"])
  write(root / "val" / "val_annotations.txt", b"val_0.JPEG\tn1\t0\t0\t9\t9\nval_1.JPEG\tn2\t0\t0\t9\t9\n")
  write(root / "wnids.txt", b"n2\nn1\n")


def test_tiny_imagenet_has_its_own_validation_split(tmp_path):
  tiny_imagenet(tmp_path / "tiny-imagenet-200")
  raw = open_raw("tiny", tmp_path)
  assert raw.classes == ("n2", "n1")
  assert read(raw) == {
    "train": [("n1", 0), ("n1", 1), ("n2", 2), ("n2", 3)],
    "validation": [("n1", 0), ("n2", 1)],
  }
  assert sorted(left_out_of(raw)) == [
    "files that are no images: 2 (val/val_annotations.txt, wnids.txt)",
    "images in no class folder: 1 (test/images/test_0.JPEG)",
  ]


ARRAY = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((20, 2, 2), np.uint8)
NPZ = {
  "keras": dict(x_train=ARRAY, y_train=np.arange(20) % 2, x_test=ARRAY[:4], y_test=np.arange(4) % 2),
  "medmnist": dict(
    train_images=ARRAY,
    train_labels=np.arange(20)[:, None] % 2,
    val_images=ARRAY[:4],
    val_labels=np.ones((4, 1), int),
  ),
  "bare": dict(images=ARRAY[..., None] + np.array([0, 1, 2], np.uint8), labels=np.arange(20) % 2),
  "unlabelled": dict(images=ARRAY),
  "unnamed": dict(arr_0=ARRAY, arr_1=np.arange(20) % 2),
}


@pytest.mark.parametrize("kind", NPZ)
def test_npz_files_come_back(tmp_path, kind):
  np.savez(tmp_path / "data.npz", **NPZ[kind])
  raw = open_raw("x", tmp_path / "data.npz" if kind == "keras" else tmp_path)
  names = ("all", "all") if kind == "unlabelled" else ("0", "1")
  assert raw.classes == names[: len(raw.classes)] and raw.shape[-1] == (3 if kind == "bare" else 1)
  found = read(raw)
  assert all(name == names[value % 2] for name, value in found["train"])
  other = {"keras": ("test", 4), "medmnist": ("validation", 4)}.get(kind, ("test", 2))
  assert len(found["train"]) == (20 if other[1] == 4 else 18) and len(found[other[0]]) == other[1]


def test_splits_of_an_npz_file_may_differ_in_channels_and_size(tmp_path):
  np.savez(tmp_path / "a.npz", x_train=ARRAY[..., None], x_test=NPZ["bare"]["images"][:, :1])
  raw = open_raw("x", tmp_path)
  assert raw.shape == (None, None, 3)
  shown = [Image.open(io.BytesIO(raw.splits[split].encoded(3))) for split in ("train", "test")]
  assert [(x.mode, x.size) for x in shown] == [("RGB", (2, 2)), ("RGB", (2, 1))]


REFUSED = {
  "floats": ("a.npz", lambda path: np.savez(path, x_train=ARRAY / 255), "x_train is float64 .*uint8"),
  "no split": ("a.npz", lambda path: np.savez(path, x_test=ARRAY), "holds x_test; gengap reads x_train"),
  "objects": ("a.npz", lambda path: np.savez(path, x=np.array([{}])), "pickled objects"),
  "many labels": (
    "a.npz",
    lambda path: np.savez(path, x=ARRAY, y=np.eye(20, dtype=int)),
    "y is int64 .*whole",
  ),
  "huge label": ("a.npz", lambda path: np.savez(path, x=ARRAY, y=np.arange(20) + 10**12), "y goes up to 10"),
  "one image": ("a.npz", lambda path: np.savez(path, x=ARRAY[:1]), "one image, and so no images for test"),
  "web page": ("a.npz", lambda path: path.write_text("<html>"), "is no .npz file: it is a web page"),
  "web page for IDX": (
    "train-images-idx3-ubyte",
    lambda path: [
      write(path.with_name(f"{p}-{w}-ubyte"), b"<html>")
      for p in ("train", "t10k")
      for w in ("images-idx3", "labels-idx1")
    ],
    "is no IDX file: it is a web page",
  ),
  "archive": ("a.tar.gz", None, "a.tar.gz is empty"),
  "zip": ("a.zip", lambda path: path.write_bytes(b"PK\x03\x04"), "a.zip is damaged, or no archive"),
  "parquet": ("a.parquet", None, "a.parquet is damaged, or no .parquet file"),
  "tfrecord": ("a-train.tfrecord-00000-of-00001", None, "is a file of TFDS"),
  "matlab": ("train_32x32.mat", None, "numpy.savez"),
  "tfds": ("dataset_info.json", None, "is a TFDS data set already"),
  "nothing": ("notes.txt", None, "holds none of: IDX"),
  "hidden": ("._a.png", None, "holds none of: IDX"),
  "test alone": ("test/a/1.png", None, "images for test, and no images for train"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_read_is_said_with_what_to_do(tmp_path, tmp_path_factory, what):
  name, make, message = REFUSED[what]
  write(tmp_path / name, b"")
  if make:
    make(tmp_path / name)
  elif name.endswith(".png"):
    write(tmp_path / name, grey(0))
  with pytest.raises(InputError, match=message):
    open_raw("x", tmp_path, room=lambda: tmp_path_factory.mktemp("room"))


@pytest.mark.parametrize(
  ("files", "message"),
  [
    (["train/a/1.png", "test/ab/1.png"], "'ab', which has no training images.*did you mean 'a'"),
    (["train/a/1.png", "val/a/1.png", "valid/a/1.png"], "two folders for validation: val, valid"),
    (["a/1.png"], "no images for test"),
  ],
)
def test_layouts_that_have_no_meaning_are_refused(tmp_path, files, message):
  images(tmp_path, files)
  with pytest.raises(InputError, match=message):
    open_raw("x", tmp_path)


def test_several_data_sets_in_a_folder_are_named(tmp_path):
  cifar(tmp_path / "cifar-10-batches-py")
  cifar(tmp_path / "cifar-100-python", hundred=True)
  with pytest.raises(InputError, match=r"several data sets.*cifar-10-batches-py.*cifar-100-python"):
    open_raw("cifar10", tmp_path)
