"""Image files as people have them: what a viewer shows, or a refusal."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gengap.data import pixels
from gengap.data.pixels import UnreadableError, decode, has_colour, square
from gengap.logs.log import save_png
from gengap.report import grids

RAMP = np.array([[0, 255, 256, 511, 32768, 65535]], np.uint16)
EIGHT = [0, 0, 1, 1, 128, 255]
COLOURS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


def saved(image, kind="PNG", **kwargs):
  file = io.BytesIO()
  (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **kwargs)
  return file.getvalue()


def raw_png(bits, colour_type, width, row, key=b""):
  """A PNG file of one row, in a bit depth that Pillow does not write."""

  def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

  head = struct.pack(">IIBBBBB", width, 1, bits, colour_type, 0, 0, 0)
  middle = chunk(b"tRNS", key) if key else b""
  parts = (chunk(b"IHDR", head), middle, chunk(b"IDAT", zlib.compress(b"\0" + row)), chunk(b"IEND", b""))
  return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def palette(*colours, **kwargs):
  image = Image.new("P", (len(colours), 1))
  image.putpalette([value for colour in colours for value in colour])
  for i in range(len(colours)):
    image.putpixel((i, 0), i)
  return saved(image, **kwargs)


def turned(kind, **kwargs):
  exif = Image.Exif()
  exif[pixels.ORIENTATION] = 6  # the first row is the right-hand side
  return saved(COLOURS, kind, exif=exif, **kwargs)


def frames(kind, **kwargs):
  more = [Image.new("RGB", (2, 1), (200, 0, 0))]
  return saved(Image.new("RGB", (2, 1), (5, 5, 5)), kind, save_all=True, append_images=more, **kwargs)


BIG = RAMP.astype(">u2").tobytes()
PAIR = np.array([0x12FF, 255, 0x8080, 65535, 1, 2], ">u2").tobytes()
LAB = saved(Image.frombytes("LAB", (2, 1), bytes([0, 0, 0, 255, 0, 0])), "TIFF")
CASES = {  # name -> file, pixels, how it was changed
  "16-bit PNG": (saved(RAMP), EIGHT, [pixels.DEEP]),
  "16-bit TIFF": (saved(RAMP, "TIFF"), EIGHT, [pixels.DEEP]),
  "big-endian TIFF": (saved(Image.frombytes("I;16B", (6, 1), BIG), "TIFF"), EIGHT, [pixels.DEEP]),
  "16-bit TIFF, 0 is white": (
    saved(RAMP, "TIFF", tiffinfo={pixels.PHOTOMETRIC: 0}),
    [255, 255, 254, 254, 127, 0],
    [pixels.DEEP],
  ),
  "16-bit PGM": (b"P5 6 1 65535\n" + BIG, EIGHT, [pixels.DEEP]),
  "16-bit RGB PNG": (raw_png(16, 2, 2, PAIR), [0x12, 0, 0x80, 255, 0, 0], [pixels.DEEP]),
  "16-bit PNG, one value transparent": (
    raw_png(16, 0, 6, BIG, struct.pack(">H", 32768)),
    [0, 0, 1, 1, 255, 255],
    [pixels.TRANSPARENT, pixels.DEEP],
  ),
  "16-bit RGB PNG, one colour transparent": (
    raw_png(16, 2, 2, PAIR, PAIR[:6]),
    [255, 255, 255, 255, 0, 0],
    [pixels.TRANSPARENT, pixels.DEEP],
  ),
  "1 bit": (raw_png(1, 0, 4, b"\x40"), [0, 255, 0, 0], []),
  "2 bits": (raw_png(2, 0, 4, b"\x1b"), [0, 85, 170, 255], []),
  "4 bits, one value transparent": (
    raw_png(4, 0, 4, b"\x01\x20", struct.pack(">H", 1)),
    [0, 255, 34, 0],
    [pixels.TRANSPARENT],
  ),
  "palette of 4 bits": (palette((9, 8, 7), (200, 0, 0), bits=4), [9, 8, 7, 200, 0, 0], []),
  "transparent palette": (
    palette((9, 8, 7), (200, 0, 0), transparency=1),
    [9, 8, 7, 255, 255, 255],
    [pixels.TRANSPARENT],
  ),
  "transparent GIF": (
    palette((9, 8, 7), (200, 0, 0), kind="GIF", transparency=1),
    [9, 8, 7, 255, 255, 255],
    [pixels.TRANSPARENT],
  ),
  "RGBA": (
    saved(np.array([[[10, 9, 8, 255], [20, 30, 40, 0], [0, 100, 255, 128]]], np.uint8)),
    [10, 9, 8, 255, 255, 255, 127, 177, 255],
    [pixels.TRANSPARENT],
  ),
  "opaque RGBA": (saved(np.array([[[10, 9, 8, 255]]], np.uint8)), [10, 9, 8], []),
  "LA": (
    saved(Image.fromarray(np.array([[[10, 255], [20, 0], [0, 128]]], np.uint8), "LA")),
    [10, 255, 127],
    [pixels.TRANSPARENT],
  ),
  "CMYK": (saved(Image.new("CMYK", (1, 1), (0, 255, 255, 0)), "TIFF"), [255, 0, 0], []),
  "YCbCr": (saved(Image.new("YCbCr", (1, 1), (100, 128, 128)), "TIFF"), [100, 100, 100], []),
  "GIF of two frames": (frames("GIF"), [5] * 6, [pixels.FRAMES]),
  "PNG of two frames": (frames("PNG"), [5] * 6, [pixels.FRAMES]),
  "WebP of two frames": (frames("WEBP", lossless=True), [5] * 6, [pixels.FRAMES]),
  "TIFF of two pages": (frames("TIFF"), [5] * 6, [pixels.FRAMES]),
}
TURNED = np.rot90(COLOURS, -1).reshape(-1).tolist()
CASES |= {
  f"turned {kind}": (turned(kind, **kwargs), TURNED, [pixels.TURNED])
  for kind, kwargs in [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_decodes_to_what_a_viewer_shows(case):
  content, expected, changes = CASES[case]
  picture = decode(content)
  assert np.asarray(picture.image).reshape(-1).tolist() == expected and list(picture.changes) == changes
  shown = pixels.png(picture.image)
  if picture.plain:  # it may be stored as it is
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), np.asarray(picture.image))
  size = min(picture.image.size)
  np.testing.assert_array_equal(square(content, size, 3), square(shown, size, 3))  # data sets of TFDS: alike


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_lossy_photos_are_turned(kind):
  if kind not in pixels.formats():
    pytest.skip(f"this Pillow reads no {kind}")
  picture = decode(turned(kind, quality=100))
  assert picture.image.size == (2, 3) and picture.changes == (pixels.TURNED,) and not picture.plain
  np.testing.assert_allclose(np.asarray(picture.image).reshape(-1), TURNED, atol=4)


def test_lab_becomes_srgb():
  np.testing.assert_allclose(np.asarray(decode(LAB).image)[0], [[0] * 3, [255] * 3], atol=1)


def test_colour_is_what_is_seen():
  grey = Image.fromarray(RAMP.astype(np.uint8))
  assert not has_colour(grey) and not has_colour(grey.convert("RGB"))
  assert not has_colour(decode(palette((9, 9, 9), (200, 0, 0), transparency=1)).image)
  assert has_colour(decode(palette((9, 9, 9), (200, 199, 200))).image)


def test_a_photo_is_stored_as_it_is():
  assert decode(saved(COLOURS, "JPEG")).plain and decode(saved(COLOURS)).plain
  assert decode(saved(Image.new("RGB", (8, 8)), "MPO", save_all=True)).changes == ()


BAD = {
  "32 bits": (saved(RAMP.astype(np.int32), "TIFF"), "32-bit or signed pixels"),
  "floats": (saved(RAMP.astype(np.float32), "TIFF"), "floating-point pixels"),
  "signed bytes": (
    saved(RAMP.astype(np.uint8), "TIFF", tiffinfo={339: 2}),
    "32-bit or signed pixels",
  ),
  "64-bit floats": (
    saved(RAMP.astype(np.float32), "TIFF").replace(
      b"\x02\x01\x03\0\x01\0\0\0\x20", b"\x02\x01\x03\0\x01\0\0\0\x40"
    ),
    "of a kind that Pillow does not read",
  ),
  "empty": (b"", "is empty"),
  "text": (b"<html>", "is no image"),
  "cut": (saved(COLOURS)[:50], "is damaged .*truncated"),
  "no pixels": (raw_png(8, 0, 0, b""), "is damaged"),
  "cut header": (saved(COLOURS)[:20], "is damaged"),
  "bomb": (raw_png(1, 0, 2**31 - 1, b"\0"), "is too large"),
  "Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
  "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is HEIC.*convert it to PNG"),
  "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n", "is no image"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_image_of_known_values_is_refused(case):
  content, message = BAD[case]
  with pytest.raises(UnreadableError, match=message):
    decode(content)


SCALES = [((82, 82), 7), ((274, 274), 3), ((600, 900), 1), ((12, 22), 16)]


@pytest.mark.parametrize(("shape", "scale"), SCALES)
def test_pictures_are_enlarged_by_a_whole_number_until_they_are_560_pixels_wide(shape, scale):
  grid = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
  large = pixels.enlarged(grid)
  assert large.shape == (shape[0] * scale, shape[1] * scale, 3)
  np.testing.assert_array_equal(large[scale // 2 :: scale, scale - 1 :: scale], grid)


@pytest.mark.parametrize("size", [8, 16, 28, 128])
@pytest.mark.parametrize("number", [2, 64])
def test_the_report_finds_the_samples_of_an_enlarged_grid(size, number, tmp_path):
  images = np.random.default_rng(0).uniform(-1, 1, (number, size, size, 1)).astype(np.float32)
  save_png(path := tmp_path / "1.png", pixels.tile(images))
  with Image.open(io.BytesIO(grids.shrunk(grids.Grid("", path, size, "", "")))) as found:
    first = np.asarray(found.convert("RGB"))[: size + 4, : size + 4]
  np.testing.assert_array_equal(first, pixels.tile(images)[: size + 4, : size + 4])
