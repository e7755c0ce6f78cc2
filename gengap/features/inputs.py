"""Turns images of any sizes into the input of a network."""

import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gengap.errors import InputError

Array: TypeAlias = jax.Array
Scale: TypeAlias = Callable[[Array], Array]  # [N, H, W, C], 0 to 255 -> [N, side, side, C]


def scaled(
  images: np.ndarray | Sequence[np.ndarray], scale: Scale, side: int, network: str
) -> Array | np.ndarray:
  """Returns images as [N, side, side, 3] float32; on the device if all images have one size.

  Args:
    images: [N, H, W, C] uint8, or float in [-1, 1], which is not rounded; or a list of [H, W, C] of any
      sizes. A single channel is repeated three times.
    scale: resizes images and scales their values.
    side: of its results, in pixels.
    network: its name, for messages.

  Raises:
    InputError: an image is not [H, W, 1] or [H, W, 3], or neither uint8 nor float in [-1, 1].
  """
  alike: dict[tuple[int, ...], list[int]] = {}
  for i, image in enumerate(images):
    image = np.asarray(image)
    shape, dtype = image.shape, image.dtype
    if len(shape) != 3 or shape[-1] not in (1, 3) or 0 in shape:
      raise InputError(f"image {i} has shape {shape}; {network} wants [H, W, 3], or a single channel")
    if dtype != np.uint8 and not (dtype.kind == "f" and abs(image).max() <= 1):
      raise InputError(f"image {i} is {dtype}; {network} wants uint8, from 0 to 255, or float in [-1, 1]")
    alike.setdefault(shape, []).append(i)
  images = [image if image.dtype == np.uint8 else (image + 1) * 127.5 for image in map(np.asarray, images)]
  if len(alike) == 1:
    return compiled(scale, side)(np.stack(images))
  found = np.empty((len(images), side, side, 3), np.float32)
  for indices in alike.values():
    found[indices] = compiled(scale, side)(np.stack([images[i] for i in indices]))
  return found


@functools.cache
def compiled(scale: Scale, side: int) -> Callable[[np.ndarray], Array]:
  """Returns the compiled function from images [N, H, W, C], 0 to 255, to [N, side, side, 3]."""
  return jax.jit(lambda images: jnp.broadcast_to(scale(images), (len(images), side, side, 3)))
