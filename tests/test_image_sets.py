"""Sets of images from folders, archives and arrays: what is read, and what is refused."""

import io
import re
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from gengap.data import image_sets, pixels, stored_arrays, stored_files
from gengap.data.scale import to_float
from gengap.errors import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 8, 8, 1), np.uint8)
COLOUR = RNG.integers(0, 256, (20, 8, 8, 3), np.uint8)


def write_pngs(folder, images, name="{:03}.png"):
  for i, image in enumerate(images):
    path = folder / name.format(i, i % 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
  return folder


def zipped(path, folder):
  with zipfile.ZipFile(path, "w") as archive:
    for file in sorted(folder.rglob("*.png")):
      archive.write(file, f"samples/{file.name}")
    archive.writestr("__MACOSX/samples/._001.png", b"resource fork")
    archive.writestr("readme.txt", b"made by a GAN")
  return path


def save(path, images, **arrays):
  if path.suffix == ".npy":
    np.save(path, images)
  else:
    (np.savez_compressed if "compressed" in path.name else np.savez)(path, images, **arrays)
  return path


@pytest.fixture
def everywhere(tmp_path):
  """The same colour images in every kind of file."""
  flat = write_pngs(tmp_path / "flat", COLOUR)
  (flat / "notes.txt").write_text("made by a GAN")
  (flat / ".hidden.png").write_bytes(b"no image")
  planes = COLOUR.transpose(0, 3, 1, 2)
  return {
    "flat": flat,
    "nested": write_pngs(tmp_path / "nested", COLOUR, "{:03}/{}.png"),
    "zip": zipped(tmp_path / "a.zip", flat),
    "npz": save(tmp_path / "a.npz", COLOUR, labels=np.arange(20)),
    "compressed": save(tmp_path / "compressed.npz", planes),
    "npy": save(tmp_path / "a.npy", COLOUR),
    "float": save(tmp_path / "float.npz", to_float(COLOUR).astype(np.float16)),
    "double": save(tmp_path / "double.npy", to_float(planes).astype(">f8")),
  }


def test_all_kinds_of_files_hold_the_same_images(everywhere):
  chosen = np.array([0, 3, 4, 5, 19])
  for kind, path in everywhere.items():
    found = image_sets.open_images(path, "--generated")
    assert (found.shape, found.size, found.channels) == ((20, 8, 8, 3), (8, 8), {3}), kind
    np.testing.assert_array_equal(found[:], COLOUR, kind)
    np.testing.assert_array_equal(found[chosen], COLOUR[chosen], kind)
    np.testing.assert_array_equal(found[2:4], COLOUR[2:4], kind)  # backwards in a compressed file
  notes = " ".join(image_sets.open_images(everywhere["flat"], "--generated").notes)
  assert "hidden or system files: 1" in notes and "no images: 1 (notes.txt)" in notes
  assert "left out" in " ".join(image_sets.open_images(everywhere["zip"], "--generated").notes)


@pytest.mark.parametrize(
  ("shape", "order"),
  [((9, 28, 28), "NHW"), ((9, 1, 28, 28), "NCHW"), ((9, 28, 28, 1), "NHWC"), ((9, 3, 28, 28), "NCHW")],
)
def test_axes_are_told_apart_by_the_channels(shape, order):
  assert stored_arrays.axes(shape, "x") == order


def test_images_are_fitted_as_those_of_data_sets_are(tmp_path):
  large = RNG.integers(0, 256, (4, 20, 14, 3), np.uint8)
  folder, array = write_pngs(tmp_path / "large", large), save(tmp_path / "large.npy", large)
  expected = np.stack([pixels.square(path.read_bytes(), 8, 1) for path in sorted(folder.iterdir())])
  for path in (folder, array):
    found = image_sets.open_images(path, "--generated").fit((8, 8, 1))
    np.testing.assert_array_equal(found[:], expected)
    assert found.changes == {"resized": "20x14 to 8x8", "channels": "3 to 1 channels"}


def test_grey_images_are_known_by_their_pixels(tmp_path):
  equal = np.repeat(GREY, 3, -1)
  one = equal.copy()
  one[-1, 0, 0, 0] ^= 1
  for name, images, channels in (("grey", GREY, {1}), ("equal", equal, {1, 3}), ("colour", one, {3})):
    for path in (write_pngs(tmp_path / name, images), save(tmp_path / f"{name}.npz", images)):
      found = image_sets.open_images(path, "--generated")
      assert found.channels == channels
  found = image_sets.open_images(tmp_path / "equal", "--generated").fit((8, 8, 1))
  np.testing.assert_array_equal(found[:], GREY)
  assert not found.changes


@pytest.mark.parametrize(("low", "high"), stored_arrays.SCALES)
def test_a_stated_range_of_floats_is_used(low, high):
  images = (GREY / 255 * (high - low) + low).astype(np.float32)
  stored = stored_arrays.in_memory(images, "images", (low, high))
  np.testing.assert_array_equal(image_sets.of_array(stored)[:], GREY)


def test_a_set_has_one_crc32_whatever_it_is_brought_to(everywhere, tmp_path):
  for kind, path in everywhere.items():
    found = image_sets.open_images(path, "--generated")
    again = image_sets.open_images(path, "--generated").fit((4, 4, 1))
    assert found.crc32 == again.crc32 != 0, kind
  assert image_sets.open_images(everywhere["flat"], "x").crc32 == (
    image_sets.open_images(everywhere["nested"], "x").crc32
  )
  other = COLOUR.copy()
  other[-1, -1, -1, -1] ^= 1  # behind all that tells grey from colour
  for name, images in (
    ("other.npy", other),
    ("cut.npy", COLOUR[:-1]),
    ("wide.npy", COLOUR.reshape(20, 4, 16, 3)),
  ):
    found = image_sets.open_images(save(tmp_path / name, images), "x")
    assert found.crc32 != image_sets.open_images(everywhere["npy"], "x").crc32, name
  halves = [stored_arrays.in_memory(GREY / np.float32(255), "x", scale) for scale in ((0, 1), (-1, 1))]
  first, second = (image_sets.of_array(half).crc32 for half in halves)
  assert first != second


@pytest.mark.parametrize("name", ["stored.npz", "compressed.npz"])
def test_damage_at_the_end_of_an_array_is_found_when_it_is_opened(name, tmp_path, monkeypatch):
  monkeypatch.setattr(stored_arrays, "PIECE_BYTES", 2**8)
  path = save(tmp_path / name, RNG.integers(0, 256, (400, 8, 8, 1), np.uint8))
  image_sets.open_images(path, "--generated")
  content = bytearray(path.read_bytes())
  end = content.index(b"PK\x01\x02")  # of the only member
  content[end - 40 if "compressed" in name else end - 5] ^= 1
  path.write_bytes(content)
  with pytest.raises(InputError, match="is damaged"):
    image_sets.open_images(path, "--generated")


def zip_of(path, names):
  """Writes GREY's images as entries of these names."""
  with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
    warnings.simplefilter("ignore")  # of names that repeat
    for name, image in zip(names, GREY, strict=False):
      archive.writestr(name, png(image[..., 0]))
  return path


def test_entries_of_an_archive_are_read_whatever_their_names(tmp_path):
  odd = zip_of(tmp_path / "odd.zip", ["./0.png", "a//1.png", "b/./2.png"])
  np.testing.assert_array_equal(image_sets.open_images(odd, "x")[:], GREY[:3])
  same = image_sets.open_images(zip_of(tmp_path / "same.zip", ["same.png"] * 5), "x")
  np.testing.assert_array_equal(same[:], GREY[:5])
  assert same.notes == ("entries that have the name of another one, each read as an image of its own: 4",)


def test_archives_of_images_and_arrays_or_with_a_password_are_refused(tmp_path):
  mixed = zip_of(tmp_path / "mixed.zip", ["0.png", "1.png"])
  with zipfile.ZipFile(mixed, "a") as archive_:
    archive_.writestr("latents.npy", header((2, 8)) + bytes(16))
  with pytest.raises(InputError, match=r"holds 2 image files and 1 arrays \(latents.npy\)"):
    image_sets.open_images(mixed, "x")
  locked = zip_of(tmp_path / "locked.zip", ["0.png", "1.png"])
  content = bytearray(locked.read_bytes())
  for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    for match in re.finditer(re.escape(start), bytes(content)):
      content[match.start() + flags] |= 1
  locked.write_bytes(content)
  with pytest.raises(InputError, match=r"0.png cannot be read \(it is encrypted\); 1.png") as error:
    image_sets.open_images(locked, "x")
  assert "ZipInfo" not in str(error.value)


def test_arrays_of_every_version_of_the_format_are_read(tmp_path):
  for version in ((1, 0), (2, 0), (3, 0)):
    with (tmp_path / "a.npy").open("wb") as file:
      np.lib.format.write_array(file, GREY, version)
    np.testing.assert_array_equal(image_sets.open_images(tmp_path / "a.npy", "x")[:], GREY)
  content = bytearray((tmp_path / "a.npy").read_bytes())
  content[6] = 4
  (tmp_path / "a.npy").write_bytes(content)
  with pytest.raises(InputError, match=r"is a .npy file of version 4\.0"):
    image_sets.open_images(tmp_path / "a.npy", "x")


def test_one_piece_is_in_memory_at_a_time(tmp_path, monkeypatch):
  """Of an array, and of files: ten times the images need no more."""
  monkeypatch.setattr(stored_arrays, "PIECE_BYTES", 2**14)
  monkeypatch.setattr(stored_files, "PIECE", 20)
  peaks = {}
  for number in (60, 600):
    images = np.zeros((number, 32, 32, 3), np.uint8)
    images[::7, ::3, :, 0] = 99
    paths = [write_pngs(tmp_path / f"{number}", images)]
    paths += [save(tmp_path / f"{kind}{number}.npz", images) for kind in ("stored", "compressed")]
    for path in paths:
      tracemalloc.start()
      found = image_sets.open_images(path, "--generated")
      for start in range(0, number, 20):
        assert found[start : start + 20].shape == (20, 32, 32, 3)
      peaks[path.name.replace(str(number), ""), number] = tracemalloc.get_traced_memory()[1]
      tracemalloc.stop()
  for kind in ("", "stored.npz", "compressed.npz"):
    assert peaks[kind, 600] < peaks[kind, 60] + 600 * 1000, kind  # bytes: names, not the 3,072 of pixels


def archive(name, content):
  file = io.BytesIO()
  with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
    made.writestr(name, content)
  return file.getvalue()


def header(shape, dtype="|u1"):
  file = io.BytesIO()
  np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
  return file.getvalue()


def npz(**arrays):
  file = io.BytesIO()
  np.savez(file, **arrays)
  return file.getvalue()


def png(image=GREY[0, ..., 0]):
  return pixels.png(image)


NAN = np.where(RNG.random(GREY.shape) < 0.1, np.nan, to_float(GREY))
BAD = {  # name of the file or folder -> its content, and what the message says
  "none.npz": (None, "there is no such file or folder"),
  "empty": ({}, "holds no images"),
  "texts": ({"a.txt": b"hello", "b.csv": b"1,2"}, "holds no images.*no images: 2"),
  "damaged": ({"a.png": png(), "b.png": png()[:60], "c.png": png()}, "1 of 3 image files.*b.png is damaged"),
  "many": ({f"{i}.png": b"\x89PNG\r\n" for i in range(12)}, "12 of 12 image files.*and 2 more"),
  "one": ({"a.png": png()}, "holds 1 images; at least 2"),
  "text.zip": (archive("a.txt", b"hello"), "holds no images.*no images: 1"),
  "scalars.npz": (npz(loss=np.zeros(3)), r"holds no images but loss \[3\]"),
  "moments.npz": (npz(mu=np.zeros(3), sigma=np.eye(3)), "saved statistics, which can be a reference only"),
  "objects.npz": (npz(arr_0=np.array([{}, 1])), "Python objects, which are not read"),
  "two.npz": (npz(a=GREY, b=GREY), "several arrays of images, a, b"),
  "half.npz": (npz(arr_0=to_float(GREY) / 2 + 0.5), r"may be in \[-1, 1\] or in \[0, 1\]; state its range"),
  "large.npz": (npz(arr_0=GREY.astype(np.float32)), r"is not in \[-1, 1\]; state its range"),
  "nan.npz": (npz(arr_0=NAN.astype(np.float32)), "it must be finite"),
  "int.npz": (npz(arr_0=GREY.astype(np.int64)), "is int64; it must be uint8"),
  "axes.npz": (npz(arr_0=np.zeros((9, 3, 32, 3), np.uint8)), "channels may be axis 1 or axis 3"),
  "rgba.npz": (npz(arr_0=np.zeros((9, 8, 8, 4), np.uint8)), r"it must be \[N, H, W, C\]"),
  "fortran.npz": (npz(arr_0=np.asfortranarray(COLOUR)), "Fortran's order"),
  "bomb.npz": (archive("arr_0.npy", header((10**9, 64, 64, 3))), "and its header says"),
  "huge.npz": (archive("arr_0.npy", header((2, 10**6, 10**6))), "is damaged|header says|too large"),
  "cut.npz": (npz(arr_0=GREY)[:-300], "is damaged"),
  "pointer.npz": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
  "page.npz": (b"<!DOCTYPE html><html></html>", "a web page"),
  "some.tar": (b"samples/0.png" + bytes(600), "give a folder of images, or a .zip, .npz or .npy file"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_set_of_images_is_refused(name, tmp_path):
  content, words = BAD[name]
  path = tmp_path / name
  if isinstance(content, dict):
    path.mkdir()
    for file, inside in content.items():
      (path / file).write_bytes(inside)
  elif content is not None:
    path.write_bytes(content)
  with pytest.raises(InputError, match=words) as error:
    image_sets.open_images(path, "--generated")
  assert str(error.value).startswith(f"--generated={path}") and "\n" not in str(error.value)


def test_urls_and_misspelt_paths_get_advice(tmp_path):
  with pytest.raises(InputError, match="download it"):
    image_sets.open_images("https://example.org/samples.npz", "--generated")
  save(tmp_path / "samples.npz", GREY)
  with pytest.raises(InputError, match=r"did you mean '.*samples.npz'"):
    image_sets.open_images(tmp_path / "sample.npz", "--generated")


def test_files_that_change_while_they_are_read_are_named(tmp_path):
  folder = write_pngs(tmp_path / "a", GREY)
  found = image_sets.open_images(folder, "--generated")
  (folder / "003.png").write_bytes(b"")
  with pytest.raises(InputError, match=r"003\.png has changed"):
    found[:]
