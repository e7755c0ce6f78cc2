"""Feature extractors that a user gives: functions of images, checked wherever they are called.

Numbers of different extractors must never be compared. What a function depends on (globals, closures,
weights, other modules) cannot be listed reliably, so a function is identified by its name, its source and the
features that it returns for fixed images.
"""

import functools
import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gengap.data.scale import to_uint8
from gengap.errors import InputError, suggest
from gengap.features.types import FeatureExtractor, Images

TRIAL = 3  # images that an extractor is tried on before any work
DIGITS = 5  # of features in their hash
REPEATS = 1e-4  # largest difference of two calls, relative to the largest feature: rounding on a GPU


def from_function(function: Callable[[Images], Any], name: str = "", **about: Any) -> FeatureExtractor:
  """Returns the extractor of a function, whose protocol has its name and the SHA-256 of its source.

  `tried` adds the hash of its features of `probe_images`. Two functions of one name and source that differ
  for other images only have the same protocol, and so have two whose features agree in `DIGITS` digits: state
  in `about` what tells them apart.

  Args:
    function: images [n, H, W, C] uint8 -> features [n, D], of which row i depends on image i alone.
    name: of the extractor; "" takes the function's.
    **about: what else its features depend on, such as the hash of a file that it reads. It becomes part of
      the protocol of scores.
  """
  named = name or f"{getattr(function, '__module__', '')}:{of_object(function)}"

  def extract(images: Images) -> np.ndarray:
    return function(images if images.dtype == np.uint8 else to_uint8(images))

  return FeatureExtractor(
    {"network": named, "source": sha256(source(function)), **about}, extract, keep=False
  )


def of_object(value: Any) -> str:
  """Returns the name of a function, class, partial function or other callable object."""
  if isinstance(value, functools.partial):
    return of_object(value.func)
  return getattr(value, "__qualname__", type(value).__qualname__)


def coerced(given: Any) -> FeatureExtractor:
  """Returns an extractor, or a function, as an extractor.

  Raises:
    InputError: it is neither, or the extractor does not say what it is.
  """
  if isinstance(given, FeatureExtractor):
    if not isinstance(given.protocol, Mapping) or not given.protocol.get("network"):
      raise InputError(
        'features: the protocol of a FeatureExtractor must name it: {"network": NAME, ...}, with all that '
        "its features depend on"
      )
    try:
      json.dumps(given.protocol)
    except (TypeError, ValueError) as error:
      raise InputError(f"features: the protocol {given.protocol} is no JSON ({error})") from error
    return given
  if not callable(given):
    raise InputError(
      f"features is {type(given).__name__}; it must be a name, a FeatureExtractor, or a function of images "
      "[n, H, W, C] uint8 that returns features [n, D]"
    )
  return from_function(given)


def imported(reference: str) -> Any:
  """Returns what "package.module:name" stands for.

  Raises:
    InputError: it cannot be imported.
  """
  module, _, name = reference.partition(":")
  if not module or not name:
    raise InputError("it must be package.module:name")
  try:
    found = importlib.import_module(module)
  except InputError:
    raise
  except Exception as error:  # whatever the user's module raises
    why = f"it raised {type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
      why = f"there is no module {error.name!r} in this folder or in $PYTHONPATH"
    raise InputError(f"{module} cannot be imported: {why}") from error
  for part in name.split("."):
    if not hasattr(found, part):
      raise InputError(f"{module} has no {part!r}{suggest(part, vars(found))}")
    found = getattr(found, part)
  return found


def tried(extractor: FeatureExtractor, images: Images) -> FeatureExtractor:
  """Tries an extractor on a few images, and returns it with checks of all that it returns later.

  Its width becomes part of its protocol. If the protocol may leave something out (`keep` is False, as for
  functions), so does the hash of its features of `probe_images`.

  Raises:
    InputError: it fails, returns anything but finite numbers [n, D], or other numbers for the same images.
  """
  who = f"--features={extractor.protocol['network']}"
  probes = probe_images(images.shape[1:])
  few = np.asarray(images[:TRIAL])
  if not len(few):  # only statistics of real images are there
    few = probes[:TRIAL]
  found = called_twice(extractor.extract, few, who)
  if extractor.classify:
    called(extractor.classify, found, f"{who}: classify")
  width = found.shape[1]
  protocol = dict(extractor.protocol) | {"width": width}
  if not extractor.keep:
    found = called_twice(extractor.extract, probes, f"{who}, called with noise and patterns,", width)
    protocol["outputs"] = hash_of_features(found)

  def extract(images: Images) -> np.ndarray:
    return called(extractor.extract, images, who, width)

  return extractor._replace(protocol=protocol, extract=extract, keep=False)


def called_twice(
  function: Callable[[Images], Any], images: Images, who: str, width: int | None = None
) -> np.ndarray:
  """Returns what `called` returns, after a second call with the same images.

  Raises:
    InputError: see `called`; or the second call returned other features.
  """
  found = called(function, images.copy(), who, width).copy()  # a function may write into either
  again = called(function, images.copy(), who, found.shape[1])
  if np.abs(again - found).max() > REPEATS * np.abs(found).max():
    raise InputError(
      f"{who} is not deterministic: two calls returned different features of the same images. Fix its seed, "
      "and switch dropout and other training modes off"
    )
  return found


def called(function: Callable[[Any], Any], x: np.ndarray, who: str, width: int | None = None) -> np.ndarray:
  """Returns what a user's function returns for images or features [n, ...]: float32 or float64 [n, D].

  Raises:
    InputError: it raises an error, or returns something else, or another width.
  """
  try:
    found = np.asarray(function(x))
    if found.dtype != np.float64 and found.dtype.kind in "biufV":  # V: bfloat16
      found = found.astype(np.float32)
  except InputError:
    raise
  except Exception as error:  # whatever the user's code raises
    raise InputError(
      f"{who} failed on {x.dtype} of shape {x.shape}: {type(error).__name__}: {error}"
    ) from error
  if found.dtype.kind != "f" or found.ndim != 2 or len(found) != len(x) or not found.size:
    raise InputError(
      f"{who} returned {found.dtype} of shape {found.shape} for {len(x)} images; it must return numbers "
      f"[{len(x)}, D], one row for each image"
    )
  if width not in (None, found.shape[1]):
    raise InputError(f"{who} returned features of width {found.shape[1]}, and {width} of earlier images")
  if bad := int((~np.isfinite(found).all(1)).sum()):
    raise InputError(f"{who} returned numbers that are not finite for {bad} of {len(x)} images")
  return found


def source(function: Callable[..., Any]) -> str:
  """Returns the source of a function, or of the class of another callable object; "" if there is none."""
  while isinstance(function, functools.partial):
    function = function.func
  for target in (getattr(function, "__code__", function), type(function)):  # the code of a wrapper is its own
    try:
      return inspect.getsource(target)
    except (OSError, TypeError):  # built in, or typed into an interpreter
      continue
  return ""


def probe_images(shape: tuple[int, ...]) -> Images:
  """Returns eight images [8, H, W, C] uint8 of noise and patterns, the same for each shape (H, W, C)."""
  size = int(np.prod(shape))
  noise = np.frombuffer(hashlib.shake_256(b"probe images").digest(8 * size), np.uint8).reshape(8, *shape)
  height, width = shape[:2]
  rows, columns = np.arange(height)[:, None], np.arange(width)
  blocks = noise[:, rows * 4 // height, columns * 4 // width]
  ramp = (200 * (rows / height + columns / width) / 2).astype(np.uint8)[..., None]
  black_and_white = np.where(noise[7] < 128, 0, 255).astype(np.uint8)
  dark, bright = noise[2] // 4, 192 + noise[3] // 4
  return np.stack([*noise[:2], dark, bright, *blocks[4:6], ramp + noise[6] // 8, black_and_white])


def hash_of_features(features: np.ndarray) -> str:
  """Returns the SHA-256 of features [n, D] and of their differences from the first row, in `DIGITS` digits.

  Digits are relative to the largest value of a column, so that small columns count. Differences count beside
  a large constant. Rounding absorbs most differences between machines of one platform. Where one remains,
  equal functions have different protocols, and are not compared.
  """
  found = features.astype(np.float64)
  return sha256(f"{features.shape} {rounded(found)} {rounded(found - found[0])}")


def rounded(x: np.ndarray) -> tuple[list[int], list[int]]:
  """Returns the binary exponents [D] of the largest values of columns of x [n, D], and digits [n D]."""
  _, exponent = np.frexp(np.abs(x).max(0))
  digits = np.round(np.ldexp(x, -exponent) * 10**DIGITS).astype(int)
  return exponent.tolist(), digits.ravel().tolist()


def sha256(text: str) -> str:
  """Returns the SHA-256 of a text."""
  return hashlib.sha256(text.encode()).hexdigest()
