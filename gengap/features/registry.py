"""The feature extractors by name, and how to add one.

def brightness(images):  # [n, H, W, C] uint8 -> [n, D]
return images.mean((1, 2))

register_feature_extractor("brightness", lambda: brightness)
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gengap.errors import InputError, suggest
from gengap.features import dinov2, functions, inception, pixels
from gengap.features.types import FeatureExtractor

TAKES = ("weights", "resize", "classifier")  # what an evaluation can give to a builder


class Registered(NamedTuple):
  """How a feature extractor is built."""

  build: Callable[..., Any]  # the values that `takes` names, by keyword -> FeatureExtractor, or a function
  takes: tuple[str, ...] = ()  # of TAKES
  rgb: bool = False  # whether the network sees three channels, so that a grey image is repeated
  own: bool = False  # whether gengap defines it, so that its protocol tells all


def of_dinov2(size: str) -> Registered:
  """Returns a size of DINOv2, one of `vision_transformer.SIZES`."""
  return Registered(lambda weights: dinov2.extractor(weights, size), takes=("weights",), rgb=True, own=True)


EXTRACTORS: dict[str, Registered] = {
  "inception": Registered(
    lambda weights, resize: inception.extractor(weights, resize),
    takes=("weights", "resize"),
    rgb=True,
    own=True,
  ),
  "dinov2": of_dinov2("vits14"),
  "dinov2_vitb14": of_dinov2("vitb14"),
  "dinov2_vitl14": of_dinov2("vitl14"),
  "classifier": Registered(lambda classifier: classifier, takes=("classifier",), own=True),
  "pixels": Registered(lambda: pixels.extractor(), own=True),
}


def register_feature_extractor(name: str, build: Callable[..., Any], takes: Sequence[str] = ()) -> None:
  """Adds a feature extractor, which `features=name` and `--features=name` then select.

  Args:
    name: letters, digits and _. A name that was registered before is replaced, but not gengap's own.
    build: called when the extractor is needed. Returns a `FeatureExtractor`, or a function of images
      [n, H, W, C] uint8 that returns features [n, D].
    takes: what `build` takes, by keyword: "weights", the file of weights (`pretrained.find`); "resize", the
      value of `--resize`; "classifier", the extractor of the given classifier.

  Raises:
    InputError: the name is not allowed, `build` is no function, or `takes` is no list of these.
  """
  if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
    raise InputError(f"the name of a feature extractor is {name!r}; it must be letters, digits and _")
  if name in EXTRACTORS and EXTRACTORS[name].own:
    raise InputError(f"the feature extractor {name!r} is gengap's own; choose another name")
  if not callable(build):
    raise InputError(
      f"the builder of feature extractor {name!r} is {type(build).__name__}; it must be a function that "
      "returns a FeatureExtractor, or a function of images"
    )
  if not isinstance(takes, list | tuple):
    raise InputError(f'takes is {takes!r}: takes must be a list, such as ["weights"]')
  for what in takes:
    if what not in TAKES:
      raise InputError(f"takes={what!r}: builders take {', '.join(TAKES)}{suggest(what, TAKES)}")
  EXTRACTORS[name] = Registered(functools.partial(built, name, build), tuple(takes))


def built(name: str, build: Callable[..., Any], **given: Any) -> Any:
  """Returns what a user's builder returns.

  Raises:
    InputError: it raises an error.
  """
  try:
    return build(**given)
  except InputError:
    raise
  except Exception as error:  # whatever the user's code raises
    raise InputError(
      f"the builder of feature extractor {name!r}, called with {', '.join(given) or 'no arguments'}, failed: "
      f"{type(error).__name__}: {error}"
    ) from error


def find(features: Any) -> Registered:
  """Returns how to build what `features` stands for.

  Args:
    features: a registered name, "package.module:name", a `FeatureExtractor`, or a function of images.

  Raises:
    InputError: there is no such extractor.
  """
  if isinstance(features, str) and features in EXTRACTORS:
    return EXTRACTORS[features]
  if isinstance(features, str) and ":" not in features:
    known = tuple(EXTRACTORS)
    raise InputError(
      f"--features={features} is none of {', '.join(known)}, and no package.module:name"
      f"{suggest(features, known)}"
    )
  if not isinstance(features, str):
    extractor = functions.coerced(features)
    return Registered(lambda: extractor)
  try:
    extractor = functions.coerced(functions.imported(features))
  except InputError as error:
    raise InputError(f"--features={features}: {error}") from error
  return Registered(lambda: extractor)


def build(registered: Registered, images: Any, **given: Any) -> FeatureExtractor:
  """Returns an extractor; one of a user is tried on images first.

  Args:
    registered: from `find`.
    images: [N, H, W, C], some of those whose features will be computed.
    **given: value of each of TAKES.

  Raises:
    InputError: the builder refuses what it is given, or a user's extractor does not work.
  """
  found = registered.build(**{name: given[name] for name in registered.takes})
  return found if registered.own else functions.tried(functions.coerced(found), images)
