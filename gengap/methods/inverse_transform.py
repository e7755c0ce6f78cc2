"""Codes of an autoregressive prior as a function of z ~ N(0, I), and back, by inverse transform sampling.

u = Phi(z) is uniform, and divided into one cell for each code, as long as the code is probable. Code i is
that of the cell of z_i, given the codes before it. So the codes are a latent variable model with the prior
N(0, I), whose q(z | codes) is N(0, I) within the cells of these codes, and log p(z) - log q(z | codes) is
log P(codes).

The most probable code has the cell in the middle, and the others lie the further out the less probable they
are. So z = 0 gives the most probable code at every position, and a small temperature gives probable codes.

float32 cannot represent cells that are too short, and rounding errors may exchange the cells of codes of
nearly equal probability. Hence each code has a second cell: u < ESCAPE is divided evenly among all codes, in
fixed order. It is a tail, where float32 has a small absolute error. P(code) is the length of both cells.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import ndtr, ndtri

from gengap.method import Array

ESCAPE = 1e-6
SHORT = 1e-3  # cells shorter than this are not used to represent a code
TIE = 1e-4  # relative difference of probabilities that rounding may turn around
MOST = 4096  # codes
SMALLEST, LARGEST = 1e-30, 1 - 2**-24  # u whose z is finite in float32


def log_prob(logits: Array, codes: Array) -> Array:
  """Log probability in nats of codes [...] with logits [..., K]: [...]."""
  log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), codes[..., None], -1)[..., 0]
  escape = jnp.log(ESCAPE / logits.shape[-1])
  return jnp.logaddexp(jnp.log1p(-ESCAPE) + log_p, escape)


def arrange(p: Array) -> Array:
  """Returns the codes from the left to the right cell, by their probabilities [..., K]: [..., K] int32.

  They rise to the middle and fall from there. One sort of integers, the probability in the upper bits and the
  code in the lower, takes a tenth of the time of a sort of pairs on the CPU.
  """
  number = p.shape[-1]
  bits = (number - 1).bit_length()
  rounded = (lax.bitcast_convert_type(p, jnp.int32) >> bits) << bits
  rising = lax.sort(rounded | jnp.arange(number, dtype=jnp.int32), is_stable=False) & (2**bits - 1)
  return rising[..., np.r_[0:number:2, np.arange(1, number, 2)[::-1]]]


def draw(logits: Array, z: Array) -> Array:
  """Returns the code of each z [...] by logits [..., K]: [...] int32."""
  p, number, u = jax.nn.softmax(logits), logits.shape[-1], ndtr(z)[..., None]
  order = arrange(p)
  edges = jnp.cumsum(jnp.take_along_axis(p, order, -1), -1)[..., :-1]
  place = jnp.sum(edges <= (u - ESCAPE) / (1 - ESCAPE), -1, keepdims=True)
  escaped = jnp.clip(u / ESCAPE * number, 0, number - 1).astype(jnp.int32)
  return jnp.where(u < ESCAPE, escaped, jnp.take_along_axis(order, place, -1))[..., 0]


def cells(logits: Array, codes: Array) -> tuple[Array, Array, Array]:
  """Returns where the first cell of codes [...] begins, its length, and whether float32 can represent it."""
  p, codes = jax.nn.softmax(logits), codes[..., None]
  order = arrange(p)
  arranged = jnp.take_along_axis(p, order, -1)
  before = jnp.arange(p.shape[-1]) < jnp.argmax(order == codes, -1, keepdims=True)
  start = ESCAPE + (1 - ESCAPE) * jnp.sum(arranged * before, -1)
  own = jnp.take_along_axis(p, codes, -1)
  rounding = TIE + 2.0 ** ((p.shape[-1] - 1).bit_length() - 22)  # the second term is of `arrange`
  alone = jnp.sum(jnp.abs(p - own) <= rounding * own, -1) == 1
  own = own[..., 0]
  return start, (1 - ESCAPE) * own, alone & (own > SHORT)


def middle(logits: Array, codes: Array) -> Array:
  """Returns a z [...] that gives codes [...], and gives them under rounding errors too.

  It is the middle of the first cell, or that of the second where float32 cannot represent the first.
  """
  start, length, representable = cells(logits, codes)
  second = ESCAPE * (codes + 0.5) / logits.shape[-1]
  return ndtri(jnp.where(representable, start + 0.5 * length, second))


def sample(logits: Array, codes: Array, noise: Array) -> Array:
  """Returns a draw of z [...] from N(0, 1) within both cells of codes [...], by standard normal noise [...].

  Noise of a smaller standard deviation concentrates z around the middle of the cells. Rounding errors may
  move z into a neighbouring cell.
  """
  start, length, _ = cells(logits, codes)
  second = ESCAPE / logits.shape[-1]
  at = ndtr(noise) * (length + second)
  u = jnp.where(at < second, second * codes + at, start + at - second)
  return ndtri(jnp.clip(u, SMALLEST, LARGEST))
