"""Decodes and encodes image files, and tiles images.

`decode` decodes all image files, of folders and of TFDS data sets, to what a viewer shows: it applies the
EXIF orientation, composites transparent pixels on white, and takes the first of several frames or pages. It
keeps the 8 highest of 16 bits (12 in TIFF), so 65535 becomes 255. It refuses pixels of 32 bits and floats,
since files do not tell which value is white. It converts CMYK by Pillow's formula and LAB to sRGB by
LittleCMS, and ignores colour profiles (ICC).

Images become square, of one size and of one or three channels: converted to grayscale (ITU-R 601 luma) or
RGB, cropped to the central square, resized with Pillow's bilinear filter, which averages over the area of a
pixel when it shrinks (antialiasing) and does nothing when the size is right.
"""

import functools
import io
import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from gengap.data.scale import to_uint8
from gengap.errors import InputError

# Formats that are recognised by their first bytes and decoded by Pillow itself (EPS would run Ghostscript).
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "QOI", "ICO")
ORIENTATION, BITS, PHOTOMETRIC, SAMPLE_FORMAT = 274, 258, 262, 339  # tags of EXIF and TIFF
TURN = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}
TRANSPARENT = "images with transparency, composited on white"
TURNED = "images turned by their EXIF orientation"
DEEP = "images of more than 8 bits a channel, of which the 8 highest are kept"
FRAMES = "files of several frames or pages, of which the first is kept"
LEAST_SIDE = 560  # pixels of the shorter side of a picture that is enlarged to be looked at
LARGEST_SCALE = 16  # of that enlargement
MAGIC = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")  # of whole and of cut image files
UNREADABLE = {  # how files begin (from which byte on) -> why they are not read
  (0, b"version https://git-lfs"): "is a Git LFS pointer (fetch the image with: git lfs pull)",
  (4, b"ftypavif"): "is AVIF, which needs Pillow 11.3 or later",
  **{
    (4, b"ftyp" + brand): "is HEIC, which Pillow does not read (convert it to PNG or JPEG)"
    for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
  },
}


class UnreadableError(ValueError):
  """A file is no image, is damaged, or has pixels of unknown scale. The text continues the file's name."""


class Picture(NamedTuple):
  """A decoded image file."""

  image: Image.Image  # mode L or RGB, as a viewer shows it
  changes: tuple[str, ...]  # what was done to the stored pixels
  plain: bool  # whether this is a PNG or JPEG file that stores these pixels


@functools.cache
def formats() -> tuple[str, ...]:
  """Returns the formats in FORMATS that the installed Pillow reads."""
  Image.init()
  return tuple(name for name in FORMATS if name in Image.OPEN)


def decode(content: bytes) -> Picture:
  """Decodes an image file to what a viewer shows.

  Raises:
    UnreadableError: it is no image, is damaged, or has 32-bit or floating-point pixels.
  """
  try:
    with Image.open(io.BytesIO(content), formats=formats()) as image:
      return _decode(image, content)
  except (UnreadableError, InputError):
    raise
  except UnidentifiedImageError as error:
    found = (why for (at, start), why in UNREADABLE.items() if content[at:].startswith(start))
    other = "is damaged (its header is not whole)" if content.startswith(MAGIC) else "is no image"
    if content.startswith(MAGIC[-2:]):  # such as 64-bit floats
      other = (
        "is damaged, or a TIFF of a kind that Pillow does not read (save it with 8 or 16 bits, unsigned)"
      )
    raise UnreadableError(next(found, other) if content else "is empty") from error
  except Image.DecompressionBombError as error:
    most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    raise UnreadableError(f"is too large (it has more than {most:,} pixels)") from error
  except Exception as error:  # decoders raise many types for damaged and hostile files
    raise UnreadableError(f"is damaged ({' '.join(str(error).split()) or 'its decoder fails'})") from error


def _decode(image: Image.Image, content: bytes) -> Picture:
  """Decodes an opened file; damaged files raise errors of many types."""
  turned = _orientation(image) in TURN
  frames = getattr(image, "is_animated", False) and image.format != "MPO"  # a photo with its previews
  image.load()
  bits, turn = _bits(image, content), TURN.get(_orientation(image))  # Pillow itself turns TIFF when it loads
  plain = image.format in ("PNG", "JPEG", "MPO") and image.mode in ("L", "RGB") and bits <= 8
  opaque, alpha = _split_alpha(image, bits)
  if transparent := alpha is not None and alpha.getextrema() != (255, 255):
    background = Image.new(opaque.mode, opaque.size, "white")
    background.paste(opaque, mask=alpha)
    opaque = background
  shown = opaque.transpose(turn) if turn is not None else opaque
  done = {TRANSPARENT: transparent, TURNED: turned, DEEP: bits > 8, FRAMES: frames}
  plain = plain and alpha is None and not turned
  return Picture(shown, tuple(change for change, made in done.items() if made), plain)


def _orientation(image: Image.Image) -> int:
  """Returns the EXIF orientation; 1 if none can be read."""
  try:
    return image.getexif().get(ORIENTATION, 1)
  except InputError:
    raise
  except Exception:  # damaged metadata; the pixels may be whole
    return 1


def _bits(image: Image.Image, content: bytes) -> int:
  """Returns the number of bits of a channel in the file."""
  if image.format == "PNG":
    return content[24]  # of the header
  tags = getattr(image, "tag_v2", {})
  if image.format == "TIFF" and BITS in tags:
    return max(tags[BITS])
  return 16 if image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PPM") else 8


def _split_alpha(image: Image.Image, bits: int) -> tuple[Image.Image, Image.Image | None]:
  """Returns the colours, mode L or RGB, and the alpha channel, mode L, if there is one."""
  if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
    return _eight_bits(image, bits)
  signed = image.format == "TIFF" and 2 in getattr(image, "tag_v2", {}).get(SAMPLE_FORMAT, ())
  if image.mode[0] in "IF" or signed:
    kind = "floating-point" if image.mode[0] == "F" else "32-bit or signed"
    raise UnreadableError(
      f"has {kind} pixels, whose white is not known (save it with 8 or 16 bits, unsigned)"
    )
  if image.mode == "LAB":
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB")), None  # pyright: ignore
  if not image.has_transparency_data:
    return image.convert("L" if image.mode in ("1", "L") else "RGB"), None
  key = image.info.get("transparency")
  if image.format == "PNG" and image.mode == "L" and isinstance(key, int) and bits < 8:
    image.info["transparency"] = key * 255 // (2**bits - 1)  # Pillow scales only the pixels
  if image.format == "PNG" and image.mode == "RGB" and isinstance(key, tuple) and bits == 16:
    image.info["transparency"] = tuple(value >> 8 for value in key)
  whole = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
  grey = image.mode in ("1", "L", "LA", "La")
  return whole.convert("RGB").convert("L") if grey else whole.convert("RGB"), whole.getchannel("A")


def _eight_bits(image: Image.Image, bits: int) -> tuple[Image.Image, Image.Image | None]:
  """Keeps the 8 highest bits of a grey image; returns it, and its alpha channel if there is one."""
  value = np.asarray(image).astype(np.int32)
  tags, key = getattr(image, "tag_v2", {}), image.info.get("transparency")
  grey = (value >> (bits - 8)).clip(0, 255).astype(np.uint8)
  if tags.get(PHOTOMETRIC) == 0:  # 0 is white, which Pillow respects only for 8 bits
    grey = 255 - grey
  alpha = Image.fromarray(np.where(value == key, 0, 255).astype(np.uint8)) if isinstance(key, int) else None
  return Image.fromarray(grey), alpha


def has_colour(image: Image.Image) -> bool:
  """Returns whether any pixel of an image of mode L or RGB has colour."""
  pixels = np.asarray(image)
  return pixels.ndim == 3 and bool((pixels[..., :1] != pixels[..., 1:]).any())


def square(encoded: bytes, size: int, channels: int) -> np.ndarray:
  """Decodes an image file: [size, size, channels] uint8.

  Raises:
    UnreadableError: see `decode`.
  """
  return fit(decode(encoded).image, size, channels)


def fit(image: Image.Image, size: int, channels: int) -> np.ndarray:
  """Brings an image of mode L or RGB to one size and number of channels: [size, size, channels] uint8."""
  mode = "L" if channels == 1 else "RGB"
  if image.mode != mode:
    image = image.convert(mode)
  width, height = image.size
  side = min(width, height)
  left, top = (width - side) // 2, (height - side) // 2
  if width != height:
    image = image.crop((left, top, left + side, top + side))
  if side != size:
    image = image.resize((size, size), Image.Resampling.BILINEAR)
  return np.asarray(image).reshape(size, size, channels)


def png(image: Image.Image | np.ndarray) -> bytes:
  """Encodes an image as PNG."""
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  file = io.BytesIO()
  image.save(file, "PNG")
  return file.getvalue()


def tile(images: np.ndarray, margin: int = 2, columns: int = 0) -> np.ndarray:
  """Arranges images [n, H, W, C] in [-1, 1] in rows: [h, w, 3] uint8; about square if `columns` is 0."""
  n, height, width, channels = images.shape
  columns = columns or math.ceil(math.sqrt(n))
  rows = math.ceil(n / columns)
  pixels = to_uint8(images)
  grid = np.full((rows * (height + margin) + margin, columns * (width + margin) + margin, 3), 255, np.uint8)
  for i, image in enumerate(np.broadcast_to(pixels, (n, height, width, max(3, channels)))):
    y, x = (i // columns) * (height + margin) + margin, (i % columns) * (width + margin) + margin
    grid[y : y + height, x : x + width] = image
  return grid


def enlarged(grid: np.ndarray) -> np.ndarray:
  """Enlarges a picture [h, w, ...] by repeating its pixels, until its shorter side has LEAST_SIDE pixels.

  The scale is the smallest whole number that does, and LARGEST_SCALE at most.
  """
  scale = min(LARGEST_SCALE, math.ceil(LEAST_SIDE / min(grid.shape[:2])))
  return grid.repeat(scale, 0).repeat(scale, 1)
