"""Writes small pictures for the folders of results, WebP, since git keeps every version of them.

python -m results.pictures FILE ...     # writes FILE.webp beside each
"""

import io
import pathlib
import sys
from typing import Any

import numpy as np
from PIL import Image

from gengap.report import webp

COLOURS = 256  # of a palette
QUALITY = 80  # of a lossy picture


def small(image: Image.Image) -> Image.Image:
  """Returns a picture without alpha: grey if it has no colour, otherwise with a palette of 256 colours."""
  if image.mode in ("L", "P"):
    return image
  image = image.convert("RGB")
  red, green, blue = np.moveaxis(np.asarray(image), -1, 0)
  if (red == green).all() and (green == blue).all():
    return image.convert("L")
  return image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def encoded(picture: Image.Image, quality: int) -> bytes:
  """Returns a WebP file: lossless with few colours, or lossy of some quality, whichever is smaller."""
  picture.convert("RGB").save(lossy := io.BytesIO(), "WEBP", quality=quality, method=6)
  return min(webp.lossless(small(picture).convert("RGB")), lossy.getvalue(), key=len)


def save(path: pathlib.Path, picture: Any, **options: Any) -> None:
  """Writes a picture as a WebP file: lossless with few colours, or lossy, whichever is smaller.

  Args:
    path: the file to write, NAME.webp.
    picture: a PIL image, the path of one, or a matplotlib figure.
    **options: of the figure's `savefig`.
  """
  if hasattr(picture, "savefig"):
    picture.savefig(file := io.BytesIO(), format="png", **options)
    picture = Image.open(file)
  elif isinstance(picture, pathlib.Path):
    picture = Image.open(picture)
  path.write_bytes(encoded(picture, QUALITY))


if __name__ == "__main__":
  for name in sys.argv[1:]:
    save(pathlib.Path(name).with_suffix(".webp"), pathlib.Path(name))
