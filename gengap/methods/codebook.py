"""A codebook that follows moving averages (van den Oord et al. 2017, arXiv:1711.00937, appendix A.1).

  N_k <- decay N_k + (1 - decay) n_k,    m_k <- decay m_k + (1 - decay) sum of the vectors of code k,

and code k stands for e_k = m_k / N_k, where n_k is how many vectors of the batch are nearest to e_k. Only N
and m are stored. Both are linear in the data, so a moving average of them (config.ema) is again a codebook.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gengap.method import Array, Key

LEAST = 1e-6  # of N, since both moving averages of an unused code decay to 0
DEAD = 0.02  # a code with a smaller N than this times that of equally frequent codes is dead
RESTARTED = 2 * DEAD  # N of a restarted code, in the same unit: at decay 0.99, it is dead again in 69 batches
HIGHEST = lax.Precision.HIGHEST


class Codebook(NamedTuple):
  """Moving averages of K codes."""

  counts: Array  # [K], N
  sums: Array  # [K, D], m

  @property
  def vectors(self) -> Array:
    """The vector of every code, [K, D]."""
    return self.sums / self.counts[:, None]

  def lookup(self, codes: Array) -> Array:
    """Returns the vectors of codes [...]: [..., D]."""
    return jnp.take(self.vectors, codes, axis=0)


def init(key: Key, codes: int, dim: int) -> Codebook:
  """Returns random vectors, of an N so small that the first batch replaces them."""
  return Codebook(jnp.full(codes, LEAST), LEAST * jax.random.normal(key, (codes, dim)) * dim**-0.5)


def nearest(vectors: Array, x: Array) -> Array:
  """Returns the index of the nearest of vectors [K, D] to each x [..., D]: [...] int32."""
  product = jnp.matmul(x, vectors.T, precision=HIGHEST)
  return jnp.argmin(jnp.sum(vectors**2, -1) - 2 * product, -1).astype(jnp.int32)


def perplexity(hits: Array) -> Array:
  """The exponential of the entropy of codes that occur `hits` [K] times each: from 1 to K."""
  share = hits / hits.sum()
  return jnp.exp(-jnp.sum(jax.scipy.special.xlogy(share, share)))


class Update(NamedTuple):
  """A codebook after a batch."""

  book: Codebook
  hits: Array  # [K], how many vectors of the batch had each code
  dead: Array  # [K], whether the code is dead


def update(book: Codebook, x: Array, codes: Array, noise: Array, decay: float, restart: bool) -> Update:
  """Moves a codebook towards a batch.

  Args:
    book: before.
    x: [N, D], the vectors of the whole batch.
    codes: [N], the code of each.
    noise: [N], a random number for each, from which restarted codes are chosen.
    decay: of both moving averages.
    restart: whether a dead code becomes a random one of the vectors (Dhariwal et al. 2020, arXiv:2005.00341,
      section 3.1).
  """
  number, mean = len(book.counts), len(x) / len(book.counts)
  one_hot = jax.nn.one_hot(codes, number)
  hits = one_hot.sum(0)
  counts = decay * book.counts + (1 - decay) * hits
  sums = decay * book.sums + (1 - decay) * jnp.matmul(one_hot.T, x, precision=HIGHEST)
  dead = counts < DEAD * mean
  if restart:
    chosen = x[jnp.argsort(noise)[jnp.arange(number) % len(x)]]
    count = RESTARTED * mean
    counts = jnp.where(dead, count, counts)
    sums = jnp.where(dead[:, None], count * chosen, sums)
  unused = counts < LEAST  # would underflow
  kept = Codebook(jnp.where(unused, book.counts, counts), jnp.where(unused[:, None], book.sums, sums))
  return Update(kept, hits, dead)
