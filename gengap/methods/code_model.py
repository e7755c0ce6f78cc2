"""A model of images by codes: a grid of them for each image, and an autoregressive prior over the grid.

The codes are a function of z ~ N(0, I), one number for each code (see `inverse_transform`). q(z | x) is
N(0, I) within the cells of the codes of x, so log p(x | codes(x)) + log P(codes(x)) is an ELBO, exactly.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gengap.method import Array, Batch, Density, Key, Keys, Nets
from gengap.methods import codebook, common, inverse_transform, kl
from gengap.methods.codebook import Codebook
from gengap.methods.likelihoods import Likelihood

PRIOR, PLAYER = "prior", "vq_vae"


class CodeModel(NamedTuple):
  """p(x | codes), P(codes) and codes(x): the networks of both players, and their functions."""

  model: Any  # a code_grid.Autoencoder
  prior: Any  # a CausalTransformer
  likelihood: Likelihood
  grid: tuple[int, int]  # height and width
  code_dim: int
  dimensions: int  # of an image

  @property
  def length(self) -> int:
    """The number of codes of an image."""
    return math.prod(self.grid)

  @property
  def constant(self) -> float:
    """The nats of -log p(x | codes) that the likelihood leaves out."""
    return self.likelihood.constant * self.dimensions

  def bits(self, log_prob: Any) -> Any:
    """Returns bits per dimension of log p(x) in nats."""
    return self.likelihood.bits(log_prob, self.dimensions)

  def init(self, key: Key, batch: Batch) -> Nets:
    """Returns both players' variables, and the codebook."""
    of_model, of_prior, of_codes = jax.random.split(key, 3)
    prior = self.prior.init(of_prior, jnp.zeros((1, self.length), jnp.int32))
    book = codebook.init(of_codes, self.prior.codes, self.code_dim)
    model = self.model.init(of_model, batch.image)
    return {PRIOR: prior, PLAYER: model | {"codebook": book._asdict()}}

  def book(self, nets: Nets) -> Codebook:
    """Returns the codebook."""
    return Codebook(**nets[PLAYER]["codebook"])

  def encode(self, nets: Nets, x: Array) -> tuple[Array, Array]:
    """Returns the encoder's outputs [B, length, D] for x, and the code of each [B, length]."""
    vectors = self.model.apply({"params": nets[PLAYER]["params"]}, x, method="encode")
    vectors = vectors.reshape(len(x), self.length, self.code_dim)
    return vectors, codebook.nearest(self.book(nets).vectors, vectors)

  def decode(self, nets: Nets, vectors: Array) -> tuple[Array, Array]:
    """Returns the decoder's outputs for vectors [B, length, D], and the log scale."""
    grid = vectors.reshape(len(vectors), *self.grid, self.code_dim)
    return self.model.apply({"params": nets[PLAYER]["params"]}, grid, method="decode")

  def decode_codes(self, nets: Nets, codes: Array) -> tuple[Array, Array]:
    """Returns the decoder's outputs for codes [B, length], and the log scale."""
    return self.decode(nets, self.book(nets).lookup(codes))

  def logits(self, nets: Nets, codes: Array) -> Array:
    """Returns the prior's logits [B, length, codes] of each code given those before it."""
    return self.prior.apply({"params": nets[PRIOR]["params"]}, codes)

  def log_prior(self, nets: Nets, codes: Array) -> Array:
    """Log P(codes) in nats, [B]."""
    return inverse_transform.log_prob(self.logits(nets, codes), codes).sum(-1)

  def codes(self, nets: Nets, z: Array) -> Array:
    """Returns the codes of z [B, length]: [B, length] int32."""
    variables = {"params": nets[PRIOR]["params"]}

    def one(carry, now):
      position, at = now
      logits, past = self.prior.apply(variables, *carry, position, method="step")
      code = inverse_transform.draw(logits, at)
      return (code, past), code

    start = jnp.zeros(len(z), jnp.int32), self.prior.no_past(len(z))
    return lax.scan(one, start, (jnp.arange(self.length), z.T))[1].T

  def generate(self, nets: Nets, z: Array, label: Array) -> Array:
    """Returns the expected images of latents [B, length]."""
    del label
    outputs, _ = self.decode_codes(nets, self.codes(nets, z))
    return common.clip_to_image(self.likelihood.mean(outputs))

  def code(self, nets: Nets, image: Array) -> Array:
    """Returns a z [B, length] that gives the codes of images."""
    codes = self.encode(nets, self.likelihood.target(image, None))[1]
    return inverse_transform.middle(self.logits(nets, codes), codes)

  def sample_posterior(self, nets: Nets, image: Array, keys: Keys, temperature: Array) -> Array:
    """Draws from q(z | x) of images; below temperature 1, z is nearer to the middle of its cells."""
    data_keys, noise_keys = common.split(keys)
    codes = self.encode(nets, self.likelihood.target(image, data_keys))[1]
    noise = temperature * common.normal(noise_keys, self.length)
    return inverse_transform.sample(self.logits(nets, codes), codes, noise)

  def elbo_terms(self, nets: Nets, x: Array, keys: Keys) -> tuple[Array, Array, Array]:
    """Log p(x | z) [B], log p(z) - log q(z | x) [B] and z, at one z ~ q each; only z is random."""
    codes = self.encode(nets, x)[1]
    logits = self.logits(nets, codes)
    log_p = self.likelihood.log_prob(*self.decode_codes(nets, codes), x) - self.constant
    z = inverse_transform.sample(logits, codes, common.normal(keys, self.length))
    return log_p, inverse_transform.log_prob(logits, codes).sum(-1), z

  def log_joint(self, nets: Nets, x: Array, z: Array) -> Array:
    """Log p(x, z), [B]."""
    outputs, log_scale = self.decode_codes(nets, self.codes(nets, z))
    return self.likelihood.log_prob(outputs, log_scale, x) - self.constant + kl.log_prior(z)

  def draw(self, nets: Nets, z: Array, keys: Keys) -> Array:
    """Draws from p(x | z) of latents [B, length]."""
    return self.likelihood.draw(*self.decode_codes(nets, self.codes(nets, z)), keys)

  def density(self) -> Density:
    """Returns the bound on log p(x)."""
    p = self.likelihood
    return Density(p.observes, p.target, self.elbo_terms, self.log_joint, self.bits, None, self.draw)
