"""Codebooks, and codes as a function of Gaussian latents, beside float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, ndtr

from gengap.methods import codebook, inverse_transform
from gengap.methods.codebook import Codebook

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(300, 16)) * np.linspace(0, 12, 300)[:, None]  # flat to very peaked


def test_the_nearest_code_is_that_of_the_smallest_distance():
  vectors, x = RNG.normal(size=(9, 5)), RNG.normal(size=(4, 7, 5))
  distance = ((x[:, :, None] - vectors) ** 2).sum(-1)
  np.testing.assert_array_equal(codebook.nearest(jnp.float32(vectors), jnp.float32(x)), distance.argmin(-1))


@pytest.mark.parametrize("restart", [False, True])
def test_a_codebook_follows_moving_averages_and_restarts_dead_codes(restart):
  """Equations 6 to 8 of van den Oord et al. (2017), appendix A.1, over three batches."""
  decay, x, noise = 0.6, RNG.normal(size=(3, 200, 4)), RNG.uniform(size=(3, 200))
  x[..., 0] += 3  # far from the fifth code, which no vector gets
  vectors = np.concatenate([x[0, :4], [[-9.0, 0, 0, 0]]])
  counts, sums = np.ones(5), vectors.copy()
  book = Codebook(jnp.float32(counts), jnp.float32(sums))
  died = False
  for batch, numbers in zip(x, noise, strict=True):
    codes = ((batch[:, None] - sums / counts[:, None]) ** 2).sum(-1).argmin(-1)
    update = codebook.update(book, jnp.float32(batch), jnp.int32(codes), jnp.float32(numbers), decay, restart)
    for k in range(5):
      n = (codes == k).sum()
      assert update.hits[k] == n
      counts[k] = decay * counts[k] + (1 - decay) * n
      sums[k] = decay * sums[k] + (1 - decay) * batch[codes == k].sum(0)
      dead = counts[k] < codebook.DEAD * 200 / 5
      assert bool(update.dead[k]) == dead
      if dead and restart:
        died = True
        counts[k], sums[k] = 1.6, 1.6 * batch[np.argsort(numbers)[k]]
    book = update.book
    np.testing.assert_allclose(book.counts, counts, rtol=1e-5)
    np.testing.assert_allclose(book.vectors, sums / counts[:, None], rtol=1e-4, atol=1e-5)
  assert died == restart


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_the_vector_of_an_unused_code_stays_finite_and_the_same(decay):
  book = codebook.init(jax.random.key(0), 2, 3)
  x, codes = jnp.ones((8, 3)), jnp.zeros(8, jnp.int32)
  step = jax.jit(lambda book: codebook.update(book, x, codes, jnp.arange(8.0), decay, False).book)
  now = book
  for _ in range(1000):
    now = step(now)
  np.testing.assert_allclose(now.vectors, jnp.stack([jnp.ones(3), book.vectors[1]]), rtol=1e-3)


def test_a_moving_average_of_a_codebook_is_a_codebook():
  """config.ema averages N and m: each vector is the mean of its own, weighted by how often it occurred."""
  books = [codebook.init(jax.random.key(i), 4, 3) for i in (0, 1)]
  books = [Codebook(n * book.counts, n * book.sums) for n, book in zip((1e6, 3e6), books, strict=True)]
  mean = jax.tree.map(lambda a, b: (a + b) / 2, *books)
  np.testing.assert_allclose(mean.vectors, (books[0].vectors + 3 * books[1].vectors) / 4, rtol=1e-5)


def test_perplexity():
  hits = np.array([5, 1, 0, 2])
  p = hits[hits > 0] / 8
  assert codebook.perplexity(jnp.float32(hits)) == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-6)
  assert codebook.perplexity(jnp.array([7.0, 0, 0])) == 1


def test_probabilities_are_the_lengths_of_both_cells():
  codes = np.broadcast_to(np.arange(16), (300, 16))
  found = inverse_transform.log_prob(
    jnp.broadcast_to(jnp.float32(LOGITS)[:, None], (300, 16, 16)), jnp.int32(codes)
  )
  p = (1 - 1e-6) * np.exp(log_softmax(LOGITS, -1)) + 1e-6 / 16
  np.testing.assert_allclose(found, np.log(p), rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(np.exp(np.float64(found)).sum(-1), 1, rtol=1e-5)


def test_codes_have_their_probabilities():
  """Over 40,000 equidistant u, every code is drawn as often as its cells are long."""
  u = (np.arange(40_000) + 0.5) / 40_000
  z = jnp.float32(jax.scipy.special.ndtri(jnp.float32(u)))
  for logits in LOGITS[::60]:
    drawn = inverse_transform.draw(jnp.broadcast_to(jnp.float32(logits), (len(u), 16)), z)
    share = np.bincount(np.asarray(drawn), minlength=16) / len(u)
    np.testing.assert_allclose(share, np.exp(log_softmax(logits)), atol=1e-4)


def test_zero_gives_the_most_probable_code_and_both_tails_rare_ones():
  zero, best = inverse_transform.draw(jnp.float32(LOGITS), jnp.zeros(300)), LOGITS.argmax(-1)
  np.testing.assert_array_equal(zero[1:], best[1:])
  for z in (-4.5, 4.5):
    rare = np.asarray(inverse_transform.draw(jnp.float32(LOGITS), jnp.full(300, z)))
    p = np.exp(log_softmax(LOGITS, -1))
    assert np.mean(p[np.arange(300), rare] < 1 / 16) > 0.95


def every_code():
  """Logits [300 * 16, 16], and each of their codes."""
  return jnp.repeat(jnp.float32(LOGITS), 16, 0), jnp.tile(jnp.arange(16), 300)


def test_the_middle_gives_the_code_under_rounding_errors_too():
  """For every code of every distribution, ties and probabilities of 1e-20 included."""
  logits, codes = every_code()
  z = inverse_transform.middle(logits, codes)
  assert np.isfinite(z).all()
  for seed in range(3):
    error = 1e-5 * jax.random.normal(jax.random.key(seed), logits.shape)
    np.testing.assert_array_equal(inverse_transform.draw(logits + error, z), codes)
  assert log_softmax(LOGITS, -1).min() < -40


def test_a_probable_code_is_represented_by_the_middle_of_its_first_cell():
  logits = np.log([0.5, 0.3, 0.2])
  z = inverse_transform.middle(jnp.broadcast_to(jnp.float32(logits), (3, 3)), jnp.arange(3))
  np.testing.assert_allclose(ndtr(np.float64(z)), [0.45, 0.85, 0.1], atol=1e-5)


def test_samples_are_uniform_within_the_cells():
  p = np.array([0.5, 0.3, 0.2])
  u = (np.arange(1000) + 0.5) / 1000
  noise = jnp.float32(jax.scipy.special.ndtri(jnp.float32(u)))
  for code, (start, length) in enumerate([(0.2, 0.5), (0.7, 0.3), (0.0, 0.2)]):
    logits, codes = jnp.broadcast_to(jnp.log(jnp.float32(p)), (1000, 3)), jnp.full(1000, code)
    z = inverse_transform.sample(logits, codes, noise)
    np.testing.assert_allclose(ndtr(np.float64(z)), start + length * u, atol=1e-5)
    calm = inverse_transform.sample(logits, codes, 0.1 * noise)
    assert np.abs(ndtr(np.float64(calm)) - start - length / 2).max() < 0.2 * length


def test_nearly_all_samples_give_the_code():
  logits, codes = every_code()
  z = inverse_transform.sample(logits, codes, jax.random.normal(jax.random.key(0), codes.shape))
  assert np.isfinite(z).all()
  again = np.asarray(inverse_transform.draw(logits, z))
  likely = log_softmax(LOGITS, -1).reshape(-1)  # of every code
  assert np.mean((again == codes)[likely > -10]) > 0.999
