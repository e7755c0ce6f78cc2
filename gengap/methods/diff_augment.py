"""Differentiable augmentation of the images that a critic gets (Zhao et al. 2020, arXiv:2006.10738).

The same kinds of random changes are applied to real and to generated images, in the critic's and in the
generator's turn, so that a critic cannot memorise few training images and the generator does not learn the
changes. Every image has its own. With u uniform on [0, 1), a number of its own in each place, and images x in
[-1, 1]:

  color          brightness, x + u - 1/2; saturation, the difference of each pixel from its mean over channels
                 times 2 u; then contrast, the difference from the image's mean times u + 1/2
  translation    by up to 1/8 of the side along each axis, in whole pixels; zeros where there was no image
  cutout         a square of half the side is set to zero, whose centre is anywhere in the image

The numbers are those of the paper's published code. Grey images have no saturation to change.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from gengap.errors import InputError
from gengap.method import Array, Keys
from gengap.methods import common


def color(x: Array, u: Array) -> Array:
  """Changes brightness, saturation and contrast of images [B, H, W, C] by u [B, 3] in [0, 1)."""
  brightness, saturation, contrast = (u[:, i, None, None, None] for i in range(3))
  x = x + brightness - 0.5
  if x.shape[-1] > 1:
    grey = jnp.mean(x, -1, keepdims=True)
    x = grey + 2 * saturation * (x - grey)
  mean = jnp.mean(x, (1, 2, 3), keepdims=True)
  return mean + (contrast + 0.5) * (x - mean)


def translation(x: Array, u: Array) -> Array:
  """Moves images [B, H, W, C] by up to an eighth of the side, down and to the right by u [B, 2] in [0, 1)."""
  most = jnp.array([eighth(side) for side in x.shape[1:3]])
  return move(x, jnp.floor(u * (2 * most + 1)).astype(jnp.int32) - most)


def eighth(side: int) -> int:
  """Returns an eighth of a side in whole pixels."""
  return int(side / 8 + 0.5)


@jax.custom_vjp
def move(x: Array, pixels: Array) -> Array:
  """Moves images [B, H, W, C] down and to the right by pixels [B, 2], at most an eighth of the side.

  Its derivative is written out because it is the same function of the opposite direction. JAX would scatter,
  which takes XLA's CPU backend several times as long. There is no derivative in forward mode.
  """
  h, w = (eighth(side) for side in x.shape[1:3])
  padded = jnp.pad(x, ((0, 0), (h, h), (w, w), (0, 0)))

  def one(image: Array, by: Array) -> Array:
    return lax.dynamic_slice(image, (h - by[0], w - by[1], 0), x.shape[1:])

  return jax.vmap(one)(padded, pixels)


move.defvjp(lambda x, pixels: (move(x, pixels), pixels), lambda pixels, g: (move(g, -pixels), None))


def cutout(x: Array, u: Array) -> Array:
  """Sets a square of half the side to 0 in images [B, H, W, C], with its centre at u [B, 2] in [0, 1)."""
  outside = []
  for axis, side in enumerate(x.shape[1:3]):
    half = int(side / 2 + 0.5)
    first = jnp.floor(u[:, axis] * (side + 1 - half % 2)).astype(jnp.int32) - half // 2
    place = jnp.arange(side) - first[:, None]
    outside.append((place < 0) | (place >= half))
  return x * (outside[0][:, :, None, None] | outside[1][:, None, :, None])


OPERATIONS: Mapping[str, tuple[Callable[[Array, Array], Array], int]] = {  # with how many numbers each takes
  "color": (color, 3),
  "translation": (translation, 2),
  "cutout": (cutout, 2),
}


SEVERAL = "('color', 'translation'), in quotes on a command line"


def build(names: Sequence[str]) -> Callable[[Array, Keys], Array]:
  """Returns the augmentation that config.method_args.diff_augment names: images, keys -> images.

  The operations are applied in the order of OPERATIONS. Each draws the same numbers whether the others are on
  or off.

  Args:
    names: in OPERATIONS; none leaves the images as they are.

  Raises:
    InputError: no list of names, an unknown name, or one twice.
  """
  if isinstance(names, str):
    raise InputError(f"config.method_args.diff_augment is {names!r}; it must be a list, such as ({names!r},)")
  for name in names:
    if "," in str(name):  # a command line makes a list of one text of it
      raise InputError(f"config.method_args.diff_augment is {name!r}; several are given as {SEVERAL}")
    common.choose("diff_augment", name, OPERATIONS)
  if len(set(names)) < len(names):
    raise InputError(f"config.method_args.diff_augment names an operation twice: {', '.join(names)}")

  def augment(x: Array, keys: Keys) -> Array:
    u = common.noise(jax.random.uniform, keys, (sum(number for _, number in OPERATIONS.values()),))
    for name, (operation, number) in OPERATIONS.items():
      if name in names:
        x = operation(x, u[:, :number])
      u = u[:, number:]
    return x

  return augment if names else unchanged


def unchanged(x: Array, keys: Keys) -> Array:
  """Returns images as they are."""
  del keys
  return x
