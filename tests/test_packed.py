"""Data sets as people get them: archives, WebDataset shards, tables, and sets with lists of their own."""

import gzip
import io
import json
import tarfile
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_layouts import cifar, grey, idx, images, left_out_of, read, write

from gengap.data import archives
from gengap.data.layouts import open_raw
from gengap.errors import InputError


@pytest.fixture
def opened(tmp_path_factory):
  """Opens a data set, whose archives are unpacked into new folders."""
  return lambda path, **kwargs: open_raw("x", path, room=lambda: tmp_path_factory.mktemp("room"), **kwargs)


def pack(path, files: Any):
  """Writes an archive of files: name -> content, or for a .tar file a TarInfo."""
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.suffix == ".zip":
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
      for name, content in files:
        archive.writestr(name, content)
    return path
  mode: Any = {".tar": "w", ".tgz": "w:gz", ".tbz2": "w:bz2", ".txz": "w:xz"}[path.suffix]
  with tarfile.open(path, mode) as archive:
    for name, content in files:
      if isinstance(content, tarfile.TarInfo):
        archive.addfile(content)
      else:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
  return path


def count(raw):
  return {split: len(found) for split, found in read(raw).items()}


def link(name, target):
  info = tarfile.TarInfo(name)
  info.type, info.linkname = tarfile.SYMTYPE, target
  return info


FLAT = [(f"{i}.png", grey(i)) for i in range(10)]
CLASSES = [(f"pets/{c}/{i}.png", grey(i)) for c in ("ant", "bee") for i in range(5)]


@pytest.mark.parametrize("suffix", ["zip", "tar", "tgz", "tbz2", "txz"])
def test_an_archive_is_read_as_the_folder_that_it_holds(tmp_path, opened, suffix):
  raw = opened(pack(tmp_path / f"pets.{suffix}", [*CLASSES, ("pets/notes.txt", b"x"), (".DS_Store", b"")]))
  assert raw.classes == ("ant", "bee") and count(raw) == {"train": 9, "test": 1}
  assert any("no images: 1 (pets/notes.txt)" in line for line in left_out_of(raw))
  flat = opened(pack(tmp_path / "flat" / f"train.{suffix}", FLAT).parent)
  assert flat.classes == ("all",) and count(flat) == {"train": 9, "test": 1}


def test_known_data_sets_are_found_in_their_archives(tmp_path, opened):
  files = [
    (f"MNIST/{p}-{w}.gz", gzip.compress(idx(a)))
    for p, n in (("train", 6), ("t10k", 3))
    for w, a in (("images-idx3-ubyte", np.full((n, 2, 2), n)), ("labels-idx1-ubyte", np.arange(n)))
  ]
  raw = opened(pack(tmp_path / "mnist.zip", files))
  assert count(raw) == {"train": 6, "test": 3}
  assert raw.notes[0] == f"{tmp_path / 'mnist.zip'}/MNIST holds IDX files of the MNIST family"


def test_several_archives_are_splits_or_classes_by_their_names(tmp_path, opened):
  for name in ("train", "test"):
    pack(tmp_path / "splits" / f"{name}.zip", CLASSES)
  assert count(opened(tmp_path / "splits")) == {"train": 10, "test": 10}
  for name in ("n01", "n02"):
    pack(tmp_path / "classes" / f"{name}.tar", FLAT)
  raw = opened(tmp_path / "classes")
  assert raw.classes == ("n01", "n02") and count(raw) == {"train": 18, "test": 2}


HOSTILE = {
  "above.zip": ([("../a.png", grey(1))], r"'\.\./a\.png', a path that leads out"),
  "below.tar": ([("a/../../a.png", grey(1))], "leads out"),
  "root.tar": ([("/tmp/a.png", grey(1))], "leads out"),
  "drive.zip": ([("C:\\a.png", grey(1))], "leads out"),
  "twice.tar": ([("a.png", grey(1)), ("./a.png", grey(2))], "holds './a.png' twice"),
  "both.zip": ([("a", grey(1)), ("a/b.png", grey(2))], "holds 'a/b.png' twice"),
  "large.zip": ([("a.bmp", bytes(10**6))], "holds more than 1,000 bytes in"),
  "large.tgz": ([("a.bmp", bytes(10**6))], "holds more than 1,000 bytes in"),
  "damaged.zip": ([("a/b.png", b"x"), ("a/c.png", grey(1))], r"damaged.zip/a/b\.png is no image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_and_write_nothing_elsewhere(tmp_path, monkeypatch, opened, name):
  files, message = HOSTILE[name]
  if name.startswith("large"):
    monkeypatch.setattr(archives, "LEAST", 1000)
    monkeypatch.setattr(archives, "RATIO", 0)
  path = pack(tmp_path / name, files)
  before = sorted(tmp_path.rglob("*"))
  with pytest.raises(InputError, match=message) as error:
    opened(path)
  assert "room" not in str(error.value) and sorted(tmp_path.rglob("*")) == before


def test_links_are_not_followed_and_cut_archives_are_refused(tmp_path, opened):
  files = [*CLASSES, ("l", link("pets/ant/l.png", "/etc/passwd")), ("d", link("pets/cow", "/"))]
  raw = opened(pack(tmp_path / "a.tar", files))
  assert raw.classes == ("ant", "bee")
  assert "links and devices in archives: 2 (pets/ant/l.png, pets/cow)" in left_out_of(raw)
  whole = pack(tmp_path / "a.tgz", CLASSES).read_bytes()
  (tmp_path / "a.tgz").write_bytes(whole[: len(whole) // 2])
  with pytest.raises(InputError, match=r"a\.tgz is damaged, or no archive"):
    opened(tmp_path / "a.tgz")
  with pytest.raises(InputError, match="is a web page"):
    (tmp_path / "a.zip").write_text("<html>")
    opened(tmp_path / "a.zip")


def samples(labels, suffix="cls", write_label=lambda label: str(label).encode()):
  for i, label in enumerate(labels):
    yield f"{i:04}.png", grey(label if isinstance(label, int) else i)
    yield f"{i:04}.seg.png", grey(200)
    yield f"{i:04}.{suffix}", write_label(label)


@pytest.mark.parametrize("kind", ["cls", "json"])
def test_webdataset_shards_are_read_with_their_labels(tmp_path, opened, kind):
  text = {"cls": "{}\n", "json": '{{"label": {}}}'}[kind]
  for name, labels in {"train-0000": [0, 2, 1], "train-0001": [10, 10], "val-0000": [2]}.items():
    pack(tmp_path / f"set-{name}.tar", samples(labels, kind, lambda label: text.format(label).encode()))
  raw = opened(tmp_path)
  assert raw.classes == tuple(map(str, range(11)))
  values = [("0", 0), ("1", 1), ("10", 10), ("10", 10), ("2", 2)]
  assert read(raw) == {"train": values, "validation": [("2", 2)]}
  assert any("further images of a sample: 6" in line for line in left_out_of(raw))


def test_webdataset_shards_may_have_names_or_no_labels(tmp_path, opened):
  raw = opened(pack(tmp_path / "a" / "train.tar", samples(["bee", "ant"] * 10)))
  assert raw.classes == ("ant", "bee") and count(raw) == {"train": 18, "test": 2}
  for i in range(2):
    pack(tmp_path / "b" / f"{i:05}.tar", samples(range(5), "txt", lambda _: b"a caption"))
  raw = opened(tmp_path / "b")
  assert raw.classes == ("all",) and count(raw) == {"train": 9, "test": 1}
  assert any("no labels: one class" in note for note in raw.notes)
  with pytest.raises(InputError, match="labels that are numbers and labels that are names"):
    opened(pack(tmp_path / "mixed.tar", samples([1, "ant"])))
  with pytest.raises(InputError, match="the label -1"):
    opened(pack(tmp_path / "negative.tar", samples([1, 3], write_label=lambda x: b"-1")))
  with pytest.raises(InputError, match=r"0000\.json holds no label"):
    opened(pack(tmp_path / "bad.tar", samples([1, 3], "json", lambda x: b"{")))


ROWS = [{"image": {"bytes": grey(i), "path": f"{i}.png"}, "label": i % 2, "fine": i} for i in range(6)]


def table(path, rows=ROWS, features=None):
  pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
  made = pa.Table.from_pylist(rows)
  if features:
    made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
  path.parent.mkdir(parents=True, exist_ok=True)
  pq.write_table(made, path, row_group_size=4)
  return path


def test_tables_are_read_with_their_classes(tmp_path, opened):
  features = {name: {"_type": "ClassLabel", "names": names} for name, names in (
    ("label", ["no", "yes"]), ("fine", list("abcdef"))
  )}  # fmt: skip
  missing = {"image": None, "label": 1, "fine": 1}
  hidden = {"image": ROWS[0]["image"], "label": -1, "fine": 2}
  table(tmp_path / "data" / "train-00000-of-00001.parquet", [*ROWS, missing, hidden], features)
  table(tmp_path / "data" / "test-00000-of-00001.parquet", ROWS[:2], features)
  raw = opened(tmp_path)
  assert raw.classes == ("no", "yes")
  train = [("no", 0), ("no", 2), ("no", 4), ("yes", 1), ("yes", 3), ("yes", 5)]
  assert read(raw) == {"train": train, "test": [("no", 0), ("yes", 1)]}
  where = "data/train-00000-of-00001.parquet/row"
  assert f"rows whose image is not in the file: 1 ({where} 6)" in left_out_of(raw)
  assert f"rows without a label: 1 ({where} 7)" in left_out_of(raw)
  assert read(opened(tmp_path, label="fine"))["test"] == [("a", 0), ("b", 1)]
  with pytest.raises(InputError, match=r"--label=fines.*no such column.*label, fine.*did you mean 'fine'"):
    opened(tmp_path, label="fines")


def test_tables_without_names_or_labels(tmp_path, opened):
  rows = [{"img": grey(i), "class": ("bee", "ant")[i % 2]} for i in range(20)]
  assert opened(table(tmp_path / "a.parquet", rows)).classes == ("ant", "bee")
  raw = opened(table(tmp_path / "b.parquet", [{"image": row["img"]} for row in rows]))
  assert raw.classes == ("all",) and count(raw) == {"train": 18, "test": 2}
  several = [{"image": row["img"], "y": 1, "target": 2} for row in rows]
  with pytest.raises(InputError, match="several columns of labels; choose by --label: y, target"):
    opened(table(tmp_path / "c.parquet", several))
  with pytest.raises(InputError, match=r"no column of images .*only text"):
    opened(table(tmp_path / "d.parquet", [{"text": "a"}]))
  bad = [*rows, {"img": b"text", "class": "ant"}]
  with pytest.raises(InputError, match=r"e\.parquet/row 20 is no image"):
    opened(table(tmp_path / "e.parquet", bad))
  assert sum(count(opened(tmp_path / "e.parquet", skip_bad=True)).values()) == 20


def test_tables_need_pyarrow(tmp_path, monkeypatch, opened):
  monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
  write(tmp_path / "a.parquet", b"PAR1")
  with pytest.raises(InputError, match="pip install pyarrow"):
    opened(tmp_path)


def celeba(root, csv=False):
  """Writes five images of CelebA, of which 3 is of validation and 4 of test, and one that no list names."""
  names = [f"{i:06}.jpg" for i in range(5)]
  images(root, [f"Img/img_align_celeba/{name}" for name in [*names, "extra.jpg"]])
  split, smiling = [0, 0, 0, 1, 2], [1, -1, 1, -1, 1]
  rows = list(zip(names, split, smiling, strict=True))
  if csv:
    write(root / "list_eval_partition.csv", "\n".join(
      ["image_id,partition", *(f"{n},{s}" for n, s, _ in rows)]).encode())  # fmt: skip
    lines = ["image_id,Young,Smiling", *(f"{n},-1,{a}" for n, _, a in rows)]
    write(root / "list_attr_celeba.csv", "\n".join(lines).encode())
    return
  write(root / "Eval" / "list_eval_partition.txt", "".join(f"{n} {s}\n" for n, s, _ in rows).encode())
  lines = ["5", "Young Smiling ", *(f"{n} -1  {a}" for n, _, a in rows)]
  (root / "Anno").mkdir()
  write(root / "Anno" / "list_attr_celeba.txt", "\r\n".join(lines).encode())


@pytest.mark.parametrize("csv", [False, True])
def test_celeba_has_its_own_splits_and_an_attribute_or_none(tmp_path, opened, csv):
  celeba(tmp_path / "CelebA", csv)
  raw = opened(tmp_path)
  assert read(raw) == {
    "train": [("all", 0), ("all", 1), ("all", 2)], "validation": [("all", 3)], "test": [("all", 4)]
  }  # fmt: skip
  assert any("--label=ATTRIBUTE" in note for note in raw.notes)
  assert any("does not name: 1 (Img/img_align_celeba/extra.jpg)" in line for line in left_out_of(raw))
  assert read(opened(tmp_path, label="Smiling")) == {
    "train": [("Smiling", 0), ("Smiling", 2), ("not Smiling", 1)],
    "validation": [("not Smiling", 3)],
    "test": [("Smiling", 4)],
  }
  with pytest.raises(InputError, match=r"--label=smiling.*there are Young, Smiling; did you mean 'Smiling'"):
    opened(tmp_path, label="smiling")


def test_missing_images_of_celeba_are_named(tmp_path, opened):
  celeba(tmp_path)
  (tmp_path / "Img" / "img_align_celeba" / "000001.jpg").unlink()
  with pytest.raises(InputError, match=r"000001\.jpg cannot be read .*--skip_bad"):
    opened(tmp_path)
  assert count(opened(tmp_path, skip_bad=True)) == {"train": 2, "validation": 1, "test": 1}


@pytest.mark.parametrize("binary", [False, True])
def test_cifar_100_has_fine_and_coarse_labels(tmp_path, opened, binary):
  made = cifar(tmp_path, hundred=True)
  if binary:
    for name, (image, label) in made.items():
      planes, fine = image.transpose(0, 3, 1, 2).reshape(len(label), -1), np.array(label, np.uint8)[:, None]
      write(tmp_path / f"{name}.bin", np.concatenate([fine // 5, fine, planes], 1).astype(np.uint8).tobytes())
      (tmp_path / name).unlink()
    write(tmp_path / "coarse_label_names.txt", "".join(f"c{i}\n" for i in range(20)).encode())
  fine, coarse = opened(tmp_path), opened(tmp_path, label="coarse")
  assert len(fine.classes) == 100 and coarse.classes == tuple(f"c{i}" for i in range(20))
  assert fine.splits["test"].label == made["test"][1]
  assert coarse.splits["test"].label == [label // 5 for label in made["test"][1]]
  shown = np.asarray(Image.open(io.BytesIO(coarse.splits["test"].encoded(2))))
  np.testing.assert_array_equal(shown, made["test"][0][2])
  with pytest.raises(InputError, match=r"--label=corse.*fine and coarse labels; did you mean 'coarse'"):
    opened(tmp_path, label="corse")


def test_a_label_is_refused_where_there_is_none_to_choose(tmp_path, opened):
  images(tmp_path, ["a/1.png", "a/2.png"])
  with pytest.raises(InputError, match=r"--label=a: .* has one kind of labels; leave --label out"):
    opened(tmp_path, label="a")
