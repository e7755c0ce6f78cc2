"""What is scored: samples of a run, drawn by seeds, or images that are given."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from gengap.data.progress import progress
from gengap.data.scale import to_uint8
from gengap.errors import InputError
from gengap.evaluation.image_statistics import PIECE, in_pieces
from gengap.evaluation.quantities import Drawn
from gengap.features.types import Images
from gengap.run import Run


class Samples(NamedTuple):
  """Draws of samples, and what describes them."""

  draws: Sequence[Iterator[Images]]  # each yields its images in pieces [n, H, W, C] uint8
  subject: dict[str, Any]  # what is scored, and how samples are drawn
  seeds: tuple[int, ...] = ()  # of the draws; () for images


def of_run(run: Run, number: int, seeds: Sequence[int]) -> Samples:
  """Returns draws of `number` samples of a run, one for each seed."""
  subject = {
    "step": run.step,
    "weights": "ema" if run.config.ema else "last",
    "drawn": (Drawn.DECODER_MEANS if run.method.density else Drawn.GENERATOR_OUTPUT).value,
    "labels": run.label_frequencies,
    "seeds": list(seeds),
  }
  return Samples([draw(run, number, seed) for seed in seeds], subject, tuple(seeds))


def of_images(images: np.ndarray, number: int, seed: int = 0) -> Samples:
  """Returns images [N, H, W, C] uint8 as one draw; `number` of them, drawn by a seed, if there are more."""
  if number < len(images):
    images = images[np.sort(np.random.default_rng(seed).permutation(len(images))[:number])]
  subject = {"drawn": Drawn.GIVEN_IMAGES.value, "images": len(images), "crc32": zlib.crc32(images.tobytes())}
  return Samples([in_pieces(images, "images")], subject)


def draw(run: Run, number: int, seed: int) -> Iterator[Images]:
  """Yields samples of a run in pieces, as uint8.

  Raises:
    InputError: they are not finite.
  """
  with progress(f"generating samples of seed {seed}", number) as bar:
    for start in range(0, number, PIECE):
      key = jax.random.fold_in(jax.random.key(seed), start)
      images = np.asarray(run.sample(key, min(PIECE, number - start)))
      if not np.isfinite(images).all():
        raise InputError(f"the samples of step {run.step} are not finite; judge an earlier step")
      yield to_uint8(images)
      bar.update(len(images))
