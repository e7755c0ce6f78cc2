"""VQ-VAE with an autoregressive prior (van den Oord et al. 2017, arXiv:1711.00937).

An image becomes a grid of codes, each that of the vector e of a codebook which is nearest to one output of
the encoder. A step has two turns:

  prior    -log P(codes), of a causal transformer over the codes in raster order
  vq_vae   -log p(x | e) + commitment |encoder(x) - sg(e)|^2, whose gradient passes through e as if e were the
           encoder's output (equation 3; the mean over the codes of an image, as in section 3.2)

The codebook follows moving averages (see `codebook`). The codes are a function of z ~ N(0, I), one number for
each code (see `inverse_transform`). So log p(x | codes(x)) + log P(codes(x)) is an ELBO, exactly: q(z | x) is
N(0, I) within the cells of the codes of x. Besides its terms, vq_vae logs

  kl                -log P(codes), which is KL(q(z | x) || p(z))
  commitment        the second term, before its weight
  perplexity        of the codes of the whole batch, from 1 to the number of codes
  dead_codes        codes that hardly occur (see `codebook.DEAD`), before any are restarted
"""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gengap.errors import InputError
from gengap.method import (
  Alarm,
  Array,
  Batch,
  Density,
  Encoding,
  Key,
  Keys,
  Kind,
  Method,
  Nets,
  Params,
  Spec,
  Turn,
  whole_batch,
)
from gengap.methods import codebook, common, inverse_transform, kl, likelihoods
from gengap.methods.codebook import Codebook
from gengap.methods.likelihoods import Likelihood
from gengap.networks import causal_transformer, code_grid
from gengap.networks.causal_transformer import CausalTransformer

PRIOR, PLAYER = "prior", "vq_vae"
COLLAPSE = Alarm(
  f"{PLAYER}/perplexity",
  threshold=2.0,
  since=1000,
  batch=16,
  text="the codebook has collapsed: the perplexity of the codes is {value:.2g}",
)


class Autoencoder(nn.Module):
  """The encoder, the decoder, and the scale of p(x | codes) if it is learned."""

  encoder: nn.Module
  decoder: nn.Module
  learned_scale: bool

  def encode(self, x: Array) -> Array:
    """Returns a vector for each code of images [B, H, W, C]: [B, h, w, D]."""
    return self.encoder(x)

  @nn.compact
  def decode(self, vectors: Array) -> tuple[Array, Array]:
    """Returns the decoder's outputs [B, H, W, each * C] for vectors [B, h, w, D], and the log scale."""
    start = nn.initializers.zeros
    log_scale = self.param("log_scale", start, ()) if self.learned_scale else jnp.zeros(())
    return self.decoder(vectors), log_scale

  def __call__(self, x: Array) -> tuple[Array, Array]:
    """Returns `decode` of `encode`, without a codebook."""
    return self.decode(self.encode(x))


class VQVAE(NamedTuple):
  """Both networks, and the functions of which the method consists."""

  model: Any  # an Autoencoder
  prior: CausalTransformer
  likelihood: Likelihood
  grid: tuple[int, int]  # height and width
  code_dim: int
  dimensions: int  # of an image
  commitment: float
  decay: float
  restart: bool

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

  def prior_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The cross-entropy of the codes in nats per image."""
    del step
    x = self.likelihood.target(batch.image, common.split(keys)[0])
    codes = self.encode(nets, x)[1]
    return -jnp.mean(self.log_prior(nets | {PRIOR: {"params": params}}, codes)), ({}, {})

  def loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The reconstruction and the commitment, and the new codebook."""
    del step
    data_keys, restart_keys = common.split(keys)
    x = self.likelihood.target(batch.image, data_keys)
    now = nets | {PLAYER: nets[PLAYER] | {"params": params}}
    vectors, codes = self.encode(now, x)
    quantised = self.book(nets).lookup(codes)
    commitment = jnp.mean(jnp.sum((vectors - quantised) ** 2, -1))
    outputs, log_scale = self.decode(now, vectors + lax.stop_gradient(quantised - vectors))
    reconstruction = -jnp.mean(self.likelihood.log_prob(outputs, log_scale, x))
    rate = -jnp.mean(self.log_prior(nets, codes))
    elbo = -(reconstruction + self.constant + rate)
    noise = common.noise(jax.random.uniform, restart_keys, (self.length,))
    whole = whole_batch((lax.stop_gradient(vectors), codes, noise))
    of_vectors = (v.reshape(-1, *v.shape[2:]) for v in whole)
    moved = codebook.update(self.book(nets), *of_vectors, self.decay, self.restart)
    metrics = {
      "reconstruction": reconstruction,
      "commitment": commitment,
      "kl": rate,
      "elbo": elbo,
      "bits": self.bits(elbo),
      "perplexity": codebook.perplexity(moved.hits),
      "dead_codes": moved.dead.sum().astype(jnp.float32),
    }
    changed = {PLAYER: {"codebook": moved.book._asdict()}}
    return reconstruction + self.commitment * commitment, (changed, metrics)

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


def check(codes: int, prior_width: int, **at_least_one: int) -> None:
  """Raises InputError unless the sizes are whole numbers that the networks can have."""
  for name, value in {"codes": codes, "prior_width": prior_width, **at_least_one}.items():
    common.counts(name, (value,), least=1)
  if not 2 <= codes <= inverse_transform.MOST:
    raise InputError(f"config.method_args.codes is {codes}; it must be from 2 to {inverse_transform.MOST}")
  if prior_width % max(1, prior_width // causal_transformer.HEAD):
    raise InputError(
      f"config.method_args.prior_width is {prior_width}; it must be a multiple of {causal_transformer.HEAD}, "
      f"or less than {2 * causal_transformer.HEAD}"
    )


def build(
  spec: Spec,
  width: int = 128,
  halvings: int = 2,
  codes: int = 256,
  code_dim: int = 64,
  commitment: float = 0.25,
  decay: float = 0.99,
  restart: bool = True,
  likelihood: str | Mapping[str, Any] = "squared_error",
  prior_width: int = 128,
  prior_layers: int = 3,
  learning_rate: float = 1e-3,
  prior_learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds a VQ-VAE with an autoregressive prior; its latent_dim is the number of codes of an image.

  Args:
    spec: of the data. The prior computes in float32, whatever the dtype.
    width: channels of the encoder's and the decoder's widest maps.
    halvings: how often the image's sides are halved on the way to the grid of codes.
    codes: size of the codebook.
    code_dim: dimension of its vectors.
    commitment: weight of the distance between the encoder's outputs and their codes.
    decay: of the codebook's moving averages.
    restart: whether dead codes are replaced by outputs of the encoder.
    likelihood: p(x | codes), as in `vae.build`.
    prior_width: width of the transformer, a multiple of 32 or less than 64.
    prior_layers: blocks of the transformer.
    learning_rate: of the autoencoder's Adam.
    prior_learning_rate: of the prior's Adam.
    b1: Adam's first decay, of both.
    b2: Adam's second decay, of both.
    clip_norm: largest global norm of a gradient of either; 0 disables clipping.

  Raises:
    InputError: a value outside its range, or the image is too small for the halvings.
  """
  check(codes, prior_width, width=width, halvings=halvings, code_dim=code_dim, prior_layers=prior_layers)
  kl.not_negative(commitment=commitment)
  common.rate(decay=decay)
  grid = code_grid.grid_of(spec.shape, halvings)
  p = likelihoods.find(likelihood)
  sides = dict(width=width, halvings=halvings, dtype=spec.dtype)
  model = Autoencoder(
    code_grid.Encoder(code_dim, **sides),
    code_grid.Decoder(spec.shape[-1] * p.each, **sides),
    learned_scale=p.learned_scale,
  )
  prior = CausalTransformer(codes, math.prod(grid), prior_width, prior_layers)
  whole = VQVAE(model, prior, p, grid, code_dim, math.prod(spec.shape), commitment, decay, restart)
  adam = functools.partial(common.adam, b1=b1, b2=b2, clip_norm=clip_norm)
  return Method(
    latent_dim=whole.length,
    init=whole.init,
    turns=(
      Turn(PRIOR, whole.prior_loss, adam(prior_learning_rate, prefix="prior_")),
      Turn(PLAYER, whole.loss, adam(learning_rate)),
    ),
    generate=whole.generate,
    represent={"code": whole.code},
    kind=Kind.VARIATIONAL,
    encodes=Encoding.CODE,
    density=whole.density(),
    sample_posterior=whole.sample_posterior,
    alarms=(COLLAPSE,),
  )
