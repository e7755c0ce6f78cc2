"""Means and covariances of features in .npz files, as FID programs save them.

The arrays are mu [D] and sigma [D, D], the names of pytorch-fid, clean-fid and guided-diffusion. gengap adds
`protocol`, JSON text: the real images and everything else that the numbers depend on.
"""

import contextlib
import io
import json
import pathlib
import zipfile
import zlib
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from gengap.data import array_files
from gengap.data.array_files import guarded
from gengap.errors import InputError
from gengap.metrics.frechet import Moments
from gengap.storage import paths

MOST_FEATURES = 2**15
MOST_TEXT = 2**20  # bytes of the protocol
TOLERANCE = 1e-4  # of a covariance that was computed in float32, relative to its largest number or eigenvalue
KINDS: dict[str, tuple[type, ...]] = {  # field of the protocol that `write` always stores -> its types
  "split": (str,),
  "real": (int,),
  "real_crc32": (int,),
  "features": (dict,),
  "image_size": (int, list),
  "channels": (int,),
}
FIELDS = ("split", "real", "real_crc32")  # of the protocol of scores, which the images behind decide


class SavedStatistics(NamedTuple):
  """The mean and the covariance of features of real images."""

  source: str  # path of the file
  moments: Moments  # of 2 images if their number is unknown: the covariance is right
  protocol: dict[str, Any]  # see `write`; {} if another program wrote the file
  crc32: int  # of mean and covariance

  @property
  def channels(self) -> int:
    """Of the images behind; 0: unknown."""
    return self.protocol.get("channels", 0)

  @property
  def number(self) -> int | None:
    """How many images are behind; None: unknown."""
    return self.protocol.get("real")


def read(path: pathlib.Path, what: str) -> SavedStatistics | None:
  """Reads saved statistics; None if the file is none of statistics, or holds images too.

  Raises:
    InputError: they are damaged, or no statistics.
  """
  if not zipfile.is_zipfile(path):
    return None
  with guarded(what), zipfile.ZipFile(path) as archive:
    headers = array_files.read_headers(archive, what)
    if not {"mu", "sigma"} <= headers.keys() or any(
      len(header.shape) in (3, 4) for header in headers.values()
    ):
      return None
    width = headers["mu"].shape[0] if len(headers["mu"].shape) == 1 else 0
    numeric = all(headers[name].dtype.kind == "f" for name in ("mu", "sigma"))
    if not 0 < width <= MOST_FEATURES or headers["sigma"].shape != (width, width) or not numeric:
      raise InputError(
        f"{what} holds mu {list(headers['mu'].shape)} and sigma {list(headers['sigma'].shape)}; saved "
        "statistics are mu [D] and sigma [D, D], float"
      )
    mean, covariance = (_array(archive, name).astype(np.float64) for name in ("mu", "sigma"))
    protocol = _protocol(archive, what) if "protocol" in headers else {}
  if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
    raise InputError(f"{what} holds numbers that are not finite; save the statistics again")
  check_covariance(covariance, what)
  number = protocol.get("real", 2)
  moments = Moments(number, mean, (covariance + covariance.T) / 2 * (number - 1))
  return SavedStatistics(
    str(path), moments, protocol, zlib.crc32(covariance.tobytes(), zlib.crc32(mean.tobytes()))
  )


def check_covariance(covariance: np.ndarray, what: str) -> None:
  """Refuses a finite matrix [D, D] that is no covariance.

  Raises:
    InputError: it is not symmetric, or not positive semi-definite.
  """
  problem = ""
  if np.abs(covariance - covariance.T).max() > TOLERANCE * np.abs(covariance).max():
    problem = "is not symmetric"
  else:
    values = scipy.linalg.eigvalsh(covariance, check_finite=False)
    if values[0] < -TOLERANCE * max(values[-1], 0):
      problem = f"has the eigenvalue {values[0]:.3g} beside {values[-1]:.3g}"
  if problem:
    raise InputError(f"{what} holds a sigma that {problem}: it is no covariance; save the statistics again")


def _protocol(archive: zipfile.ZipFile, what: str) -> dict[str, Any]:
  """Reads the protocol that `write` stored.

  Raises:
    InputError: it is something else.
  """
  found: Any = None
  if archive.getinfo("protocol.npy").file_size < MOST_TEXT:
    with contextlib.suppress(ValueError, RecursionError):
      found = json.loads(str(_array(archive, "protocol")))
  wrong = not isinstance(found, dict) or any(
    not isinstance(found.get(name), kinds) or isinstance(found[name], bool) for name, kinds in KINDS.items()
  )
  if wrong or found["real"] < 2 or found["channels"] not in (1, 3):
    raise InputError(
      f"{what} holds a protocol that gengap has not written; save the statistics again, or only mu and sigma"
    )
  return found


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
  """Reads an array whose header was checked."""
  return np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)


def write(path: pathlib.Path, moments: Moments, protocol: dict[str, Any]) -> None:
  """Writes statistics of real images.

  Args:
    path: of the file.
    moments: of their features.
    protocol: features, split, real (how many images), real_crc32, image_size, channels, resized, ...
  """
  file = io.BytesIO()
  text = np.array(json.dumps(protocol, sort_keys=True))
  np.savez(file, mu=moments.mean, sigma=moments.covariance, number=moments.number, protocol=text)
  paths.write(path, file.getvalue())


def check(
  found: SavedStatistics, features: dict[str, Any] | None, width: int, shape: tuple[int, ...]
) -> None:
  """Refuses statistics of other features than those of an evaluation, or of images of another shape.

  Args:
    found: the statistics.
    features: protocol of the feature extractor.
    width: how many features it gives of an image.
    shape: [H, W, C] of the images to evaluate.

  Raises:
    InputError: they differ.
  """
  what = f"--reference={found.source}"
  if len(found.moments.mean) != width:
    raise InputError(
      f"{what} holds statistics of {len(found.moments.mean)} features, and the extractor gives {width} "
      f"({(features or {}).get('network')}); choose the extractor of the file with --features"
    )
  if not found.protocol:
    return
  if found.protocol.get("features") != features:
    raise InputError(
      f"{what} holds statistics by {json.dumps(found.protocol.get('features'))}, and this evaluation uses "
      f"{json.dumps(features)}; choose the extractor of the file, or save the statistics again"
    )
  size, channels = found.protocol["image_size"], found.protocol["channels"]
  if (size, channels) != (image_size(shape), shape[2]):
    raise InputError(
      f"{what} holds statistics of images of {size} pixels a side and {channels} channels, and those to "
      f"evaluate have {image_size(shape)} and {shape[2]}; give --image_size={size} --channels={channels}"
    )


def image_size(shape: tuple[int, ...]) -> int | list[int]:
  """Returns the side of square images, or [H, W], of a shape [H, W, C]."""
  return shape[0] if shape[0] == shape[1] else list(shape[:2])
