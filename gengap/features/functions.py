"""Feature extractors that a user gives: functions of images, checked wherever they are called.

Numbers of different extractors must never be compared, so a function is described by its name and by a hash
of its code and of the values that the code uses from outside.
"""

import functools
import hashlib
import importlib
import inspect
import json
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gengap.data.scale import to_uint8
from gengap.errors import InputError, suggest
from gengap.features.types import FeatureExtractor, Images

TRIAL = 3  # images that an extractor is tried on before any work


def from_function(function: Callable[[Images], Any], name: str = "", **about: Any) -> FeatureExtractor:
  """Returns the extractor of a function.

  Args:
    function: images [n, H, W, C] uint8 -> features [n, D], of which row i depends on image i alone.
    name: of the extractor; "" takes the function's.
    **about: what else its features depend on, such as the hash of a file that it reads. It becomes part of
      the protocol of scores.
  """
  named = name or f"{getattr(function, '__module__', '')}:{of_object(function)}"

  def extract(images: Images) -> np.ndarray:
    return function(images if images.dtype == np.uint8 else to_uint8(images))

  return FeatureExtractor({"network": named, "source": digest(function), **about}, extract)


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

  Its width becomes part of its protocol.

  Raises:
    InputError: it fails, or returns anything but finite numbers [n, D].
  """
  who = f"--features={extractor.protocol['network']}"
  few = np.asarray(images[:TRIAL])
  if not len(few):  # only statistics of real images are there
    few = np.random.default_rng(0).integers(0, 256, (TRIAL, *images.shape[1:]), dtype=np.uint8)
  found = called(extractor.extract, few, who)
  if extractor.classify:
    called(extractor.classify, found, f"{who}: classify")
  width = found.shape[1]

  def extract(images: Images) -> np.ndarray:
    return called(extractor.extract, images, who, width)

  protocol = dict(extractor.protocol) | {"width": width}
  return extractor._replace(protocol=protocol, extract=extract, keep=False)


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


def digest(function: Callable[..., Any]) -> str:
  """Returns the SHA-256 of a function's source and of the values that it uses from outside.

  These are what it closes over, its defaults, the arguments of a partial function, the attributes of an
  object, and the functions and values of its own package that it names. Files that it reads and code of other
  packages are not seen.
  """
  target = inspect.unwrap(function)
  package = (getattr(target, "__module__", None) or "").partition(".")[0]
  return hashlib.sha256(b"\0".join(content(target, package, set()))).hexdigest()


def content(value: Any, package: str, seen: set[int]) -> Iterator[bytes]:
  """Yields what distinguishes a value from others, the same in every process."""
  if value is None or isinstance(value, str | bytes | int | float | complex):
    yield repr(value).encode()
  elif id(value) in seen:
    return
  elif isinstance(value, types.CodeType):
    yield value.co_code + repr(value.co_names).encode()
    yield from content(value.co_consts, package, seen)
  elif isinstance(value, types.ModuleType):
    yield value.__name__.encode()
  else:
    seen.add(id(value))
    for part in inside(value, package):
      yield from content(part, package, seen)


def inside(value: Any, package: str) -> Iterator[Any]:
  """Yields the parts of a value: of containers, arrays, functions, classes and objects."""
  value = inspect.unwrap(value) if callable(value) else value
  if isinstance(value, Mapping):
    yield from (part for key in sorted(value, key=repr) for part in (key, value[key]))
  elif isinstance(value, list | tuple):
    yield from value
  elif isinstance(value, set | frozenset):
    yield from sorted(value, key=repr)
  elif isinstance(value, functools.partial):
    yield from (value.func, value.args, value.keywords)
  elif inspect.ismethod(value):
    yield from (value.__func__, value.__self__)
  elif inspect.isfunction(value) or inspect.isclass(value):
    yield f"{value.__module__}.{value.__qualname__}"
    if (value.__module__ or "").partition(".")[0] == package:
      yield from code(value)
  elif (array := as_array(value)) is not None:
    yield f"{array.dtype}{array.shape}"
    yield array.tobytes()
  else:
    yield type(value)
    yield getattr(value, "__dict__", None)


def code(value: Any) -> Iterator[Any]:
  """Yields the source of a function or class, and what a function uses from outside."""
  try:
    yield inspect.getsource(value)
  except (OSError, TypeError):  # typed into an interpreter
    yield getattr(value, "__code__", None)
  if inspect.isfunction(value):
    outside = inspect.getclosurevars(value)
    yield from (outside.nonlocals, outside.globals, value.__defaults__, value.__kwdefaults__)


def as_array(value: Any) -> np.ndarray | None:
  """Returns an array of NumPy, JAX or PyTorch as one of NumPy; None for anything else."""
  if not hasattr(value, "__array__"):
    return None
  try:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
  except (TypeError, ValueError, RuntimeError):
    return None
