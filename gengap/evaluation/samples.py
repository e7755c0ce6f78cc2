"""What is scored: samples of a run, drawn by seeds, or images that are given."""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from gengap.data.image_sets import ImageSet
from gengap.data.progress import progress
from gengap.data.scale import to_uint8
from gengap.errors import InputError
from gengap.evaluation.pieces import PIECE, Pieces
from gengap.evaluation.quantities import Drawn
from gengap.evaluation.sampler import Sampler
from gengap.evaluation.sources import SUFFIXES
from gengap.features.types import Images


class Samples(NamedTuple):
  """Draws of samples, and what describes them."""

  draws: Sequence[Iterator[Images]]  # each yields its images in pieces [n, H, W, C] uint8
  subject: dict[str, Any]  # what is scored, and how samples are drawn
  seeds: tuple[int, ...] = ()  # of the draws; () for images of which all are used
  protocol: dict[str, Any] = {}  # of how they are drawn, where that is not the default


def of_run(sampler: Sampler, number: int, seeds: Sequence[int]) -> Samples:
  """Returns draws of `number` samples of a run, one for each seed."""
  run, how = sampler.run, sampler.sampling
  subject = {
    "step": run.step,
    "weights": "ema" if run.config.ema else "last",
    "drawn": how.drawn(run).value,
    "labels": run.label_frequencies,
    "seeds": list(seeds),
  } | ({"codes": how.origin} if how.origin else {})
  return Samples([draw(sampler, number, seed) for seed in seeds], subject, tuple(seeds), sampler.protocol)


def of_images(
  images: np.ndarray | ImageSet, number: int, seed: int = 0, name: str = "", family: str = "other"
) -> Samples:
  """Returns images as one draw; `number` of them, drawn by a seed, if there are more.

  In the subject, crc32 is of the images that are drawn, complete when they have been read. source_crc32 is of
  all stored ones, whatever is drawn of them and however they are resized.
  """
  index, seeds = np.arange(len(images)), ()
  if number < len(images):
    seeds = (seed,)
    index = np.sort(np.random.default_rng(seed).permutation(len(images))[:number])
  subject: dict[str, Any] = {"drawn": Drawn.GIVEN_IMAGES.value, "images": len(index), "crc32": 0}
  source = images.source if isinstance(images, ImageSet) else ""
  subject |= {"name": name or name_of(source), "family": family, "source": source, "available": len(images)}
  subject |= {"source_crc32": images.crc32} if isinstance(images, ImageSet) else {}
  pieces = Pieces(images, index, "images")

  def read() -> Iterator[Images]:
    yield from pieces
    subject["crc32"] = pieces.crc32

  return Samples([read()], subject, seeds)


def name_of(source: str) -> str:
  """Returns the name of a file or folder of images, without a suffix of files of images."""
  name = pathlib.PurePath(source).name
  return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def draw(sampler: Sampler, number: int, seed: int, temperature: float | None = None) -> Iterator[Images]:
  """Yields samples of a run in pieces, as uint8.

  Args:
    sampler: of the run.
    number: of samples.
    seed: of the draw.
    temperature: in the place of the sampler's own.

  Raises:
    InputError: they are not finite.
  """
  with progress(f"generating samples of seed {seed}", number) as bar:
    for start in range(0, number, PIECE):
      key = jax.random.fold_in(jax.random.key(seed), start)
      images = np.asarray(sampler.images(key, min(PIECE, number - start), temperature))
      if not np.isfinite(images).all():
        raise InputError(f"the samples of step {sampler.run.step} are not finite; judge an earlier step")
      yield to_uint8(images)
      bar.update(len(images))
