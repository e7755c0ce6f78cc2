"""Everything that is measured of a run beside its samples: diagnostics of autoencoders, speed of sampling."""

import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from gengap.data import pixels
from gengap.errors import InputError
from gengap.evaluation import autoencoders, speed
from gengap.logs import log
from gengap.method import Key
from gengap.run import Run

Numbers: TypeAlias = dict[str, Any]

ROW = 8  # images beside each other in a picture
DEFAULT_IMAGES = 1000


class Inputs(NamedTuple):
  """What diagnostics look at."""

  images: np.ndarray  # [n, H, W, C] in [-1, 1], of the test split
  others: np.ndarray  # the same, of another data set
  outside: str  # name of that data set
  importance_samples: int
  pictures: pathlib.Path | None = None  # beginning of the names of pictures; None: none are drawn


class Diagnostic(NamedTuple):
  """A block of numbers of a run."""

  compute: Callable[[Run, Key, Inputs], Numbers]
  suits: Callable[[Run], bool]
  on_images: bool = True  # whether it looks at test images


def picture(run: Run, images: np.ndarray, inputs: Inputs, name: str) -> None:
  """Draws up to four full rows of images and, below each row, their reconstructions."""
  if not inputs.pictures:
    return
  columns, rows = min(ROW, len(images)), []
  for i in range(0, min(4, len(images) // columns) * columns, columns):
    rows += [images[i : i + columns], run.reconstruct(images[i : i + columns])]
  path = inputs.pictures.with_name(f"{inputs.pictures.name}_{name}.png")
  log.save_png(path, pixels.tile(np.concatenate(rows), columns=columns))


def reconstructions(run: Run, key: Key, inputs: Inputs) -> Numbers:
  """Mean squared error of a pixel in [-1, 1], and a picture."""
  del key
  picture(run, inputs.images, inputs, "reconstructions")
  return autoencoders.mean_and_error("pixel_error", autoencoders.pixel_errors(run, inputs.images))


def outside(run: Run, key: Key, inputs: Inputs) -> Numbers:
  """See `autoencoders.outside`; with a picture of the other images' reconstructions."""
  picture(run, inputs.others, inputs, "outside")
  return {"dataset": inputs.outside} | autoencoders.outside(run, key, inputs.images, inputs.others)


def has_density(run: Run) -> bool:
  """Whether a run has a likelihood of images."""
  return run.method.density is not None


DIAGNOSTICS: Mapping[str, Diagnostic] = {
  "posterior": Diagnostic(
    lambda run, key, inputs: autoencoders.posterior(run, key, inputs.images), has_density
  ),
  "likelihood": Diagnostic(
    lambda run, key, inputs: autoencoders.likelihood(run, key, inputs.images, inputs.importance_samples),
    has_density,
  ),
  "amortisation": Diagnostic(
    lambda run, key, inputs: autoencoders.amortisation(run, key, inputs.images),
    lambda run: bool(run.method.density and run.method.density.posterior),
  ),
  "outside": Diagnostic(outside, has_density),
  "reconstructions": Diagnostic(reconstructions, lambda run: run.method.encodes is not None),
  "sampling": Diagnostic(
    lambda run, key, inputs: speed.sampling(run), lambda run: bool(run.method.generate), on_images=False
  ),
}
ON_IMAGES = frozenset(name for name, diagnostic in DIAGNOSTICS.items() if diagnostic.on_images)


def inputs(
  run: Run, names: list[str], num_images: int | None, outside: str, samples: int, seed: int
) -> Inputs:
  """Returns what the named diagnostics look at.

  Args:
    run: the run.
    names: of DIAGNOSTICS.
    num_images: how many images; None: 1,000, or all if there are fewer.
    outside: name of the other data set.
    samples: importance samples of the likelihood.
    seed: of the choice of images.

  Raises:
    InputError: there are fewer images, or a data set is missing.
  """
  none = np.empty((0, *run.spec.shape), np.float32)
  if not ON_IMAGES & set(names):
    return Inputs(none, none, outside, samples)
  number = num_images or min(DEFAULT_IMAGES, len(autoencoders.test_data(run).image))
  images = autoencoders.test_images(run, number, seed) if number > 1 else none
  if "outside" not in names:
    return Inputs(images, none, outside, samples)
  number = min(max(number, 2), len(autoencoders.test_data(run, outside).image))
  others = autoencoders.test_images(run, number, seed, outside) if number > 1 else none
  return Inputs(images, others, outside, samples)


def compute(name: str, run: Run, inputs: Inputs, seed: int) -> Numbers:
  """Returns the numbers of a diagnostic, and a reason where they cannot be computed or are not finite."""
  sets = (inputs.images, inputs.others)[: 2 if name == "outside" else 1] if name in ON_IMAGES else ()
  if any(len(images) < 2 for images in sets):
    return {"reason": f"{name} needs at least 2 images of the test split"}
  key = jax.random.fold_in(jax.random.key(seed), list(DIAGNOSTICS).index(name))
  try:
    found = DIAGNOSTICS[name].compute(run, key, inputs)
  except InputError as error:
    return {"reason": str(error)}
  wrong = [key for key, value in found.items() if isinstance(value, float) and not math.isfinite(value)]
  return found | ({"reason": f"not finite: {', '.join(wrong)}"} if wrong else {})
