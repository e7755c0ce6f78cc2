"""VQ-VAE with an autoregressive prior (van den Oord et al. 2017, arXiv:1711.00937).

An image becomes a grid of codes, each that of the vector e of a codebook which is nearest to one output of
the encoder. A step has two turns:

  prior    -log P(codes), of a causal transformer over the codes in raster order
  vq_vae   -log p(x | e) + commitment |encoder(x) - sg(e)|^2, whose gradient passes through e as if e were the
           encoder's output (equation 3). Both terms are sums over an image; section 3.2 there has the mean
           over codes, which is too weak beside a log-likelihood in nats: the codebook collapses

The codebook follows moving averages (see `codebook`). `code_model` has the model and its ELBO. vq_vae logs
reconstruction, elbo and bits as other autoencoders do (see `autoencoder`), and

  kl                -log P(codes), which is KL(q(z | x) || p(z))
  commitment        the second term, before its weight
  perplexity        of the codes of the whole batch, from 1 to the number of codes
  dead_codes        codes that hardly occur (see `codebook.DEAD`), before any are restarted
"""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gengap.errors import InputError
from gengap.method import (
  Alarm,
  Array,
  Batch,
  Encoding,
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
from gengap.methods.code_model import PLAYER, PRIOR, CodeModel
from gengap.networks import causal_transformer, code_grid

COLLAPSE = Alarm(
  f"{PLAYER}/perplexity",
  threshold=2.0,
  since=1000,
  batch=16,
  text="the codebook has collapsed: the perplexity of the codes is {value:.2g}",
)


class Losses(NamedTuple):
  """The losses of both players."""

  model: CodeModel
  commitment: float
  decay: float
  restart: bool

  def prior(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The cross-entropy of the codes in nats per image."""
    del step
    x = self.model.likelihood.target(batch.image, common.split(keys)[0])
    codes = self.model.encode(nets, x)[1]
    return -jnp.mean(self.model.log_prior(nets | {PRIOR: {"params": params}}, codes)), ({}, {})

  def autoencoder(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The reconstruction and the commitment, and the new codebook."""
    del step
    data_keys, restart_keys = common.split(keys)
    x = self.model.likelihood.target(batch.image, data_keys)
    now = nets | {PLAYER: nets[PLAYER] | {"params": params}}
    vectors, codes = self.model.encode(now, x)
    quantised = self.model.book(nets).lookup(codes)
    commitment = jnp.mean(jnp.sum((vectors - quantised) ** 2, (1, 2)))
    outputs, log_scale = self.model.decode(now, vectors + lax.stop_gradient(quantised - vectors))
    reconstruction = -jnp.mean(self.model.likelihood.log_prob(outputs, log_scale, x))
    rate = -jnp.mean(self.model.log_prior(nets, codes))
    elbo = -(reconstruction + self.model.constant + rate)
    noise = common.noise(jax.random.uniform, restart_keys, (self.model.length,))
    whole = whole_batch((lax.stop_gradient(vectors), codes, noise))
    every, drawn, numbers = (v.reshape(-1, *v.shape[2:]) for v in whole)
    moved = codebook.update(self.model.book(nets), every, drawn, numbers, self.decay, self.restart)
    metrics = {
      "reconstruction": reconstruction,
      "commitment": commitment,
      "kl": rate,
      "elbo": elbo,
      "bits": self.model.bits(elbo),
      "perplexity": codebook.perplexity(moved.hits),
      "dead_codes": moved.dead.sum().astype(jnp.float32),
    }
    changed = {PLAYER: {"codebook": moved.book._asdict()}}
    return reconstruction + self.commitment * commitment, (changed, metrics)


def check(codes: int, prior_width: int, **at_least_one: int) -> None:
  """Raises InputError unless the sizes are whole numbers that the networks can have."""
  common.whole(codes=codes, prior_width=prior_width, **at_least_one)
  if not 2 <= codes <= inverse_transform.MOST:
    raise InputError(f"config.method_args.codes is {codes}; it must be from 2 to {inverse_transform.MOST}")
  if prior_width >= 2 * causal_transformer.HEAD and prior_width % causal_transformer.HEAD:
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
    likelihood: p(x | codes), as in `vae.build`, but for "gaussian_optimal".
    prior_width: width of the transformer, a multiple of 32 or less than 64.
    prior_layers: blocks of the transformer.
    learning_rate: of the autoencoder's Adam.
    prior_learning_rate: of the prior's Adam.
    b1: Adam's first decay, of both.
    b2: Adam's second decay, of both.
    clip_norm: largest global norm of a gradient of either; 0 disables clipping.

  Raises:
    InputError: a value outside its range, a likelihood that keeps a variance, or an image that is too small
      for the halvings.
  """
  check(codes, prior_width, width=width, halvings=halvings, code_dim=code_dim, prior_layers=prior_layers)
  kl.not_negative(commitment=commitment)
  common.rate(decay=decay)
  grid = code_grid.grid_of(spec.shape, halvings)
  p = likelihoods.find(likelihood)
  if p.best_variance:
    raise InputError(
      f"config.method_args.likelihood is {likelihood!r}, whose variance 'vq_vae' does not keep; "
      "use 'gaussian_global', or another one"
    )
  sides: Any = dict(width=width, halvings=halvings, dtype=spec.dtype)
  model = code_grid.Autoencoder(
    code_grid.Encoder(code_dim, **sides),
    code_grid.Decoder(spec.shape[-1] * p.each, **sides),
    learned_scale=p.learned_scale,
  )
  prior = causal_transformer.CausalTransformer(codes, math.prod(grid), prior_width, prior_layers)
  whole = CodeModel(model, prior, p, grid, code_dim, math.prod(spec.shape))
  losses = Losses(whole, commitment, decay, restart)
  adam = functools.partial(common.adam, b1=b1, b2=b2, clip_norm=clip_norm)
  return Method(
    latent_dim=whole.length,
    init=whole.init,
    turns=(
      Turn(PRIOR, losses.prior, adam(prior_learning_rate, prefix="prior_")),
      Turn(PLAYER, losses.autoencoder, adam(learning_rate)),
    ),
    generate=whole.generate,
    represent={"code": whole.code},
    kind=Kind.VARIATIONAL,
    encodes=Encoding.CODE,
    density=whole.density(),
    sample_posterior=whole.sample_posterior,
    alarms=(COLLAPSE,),
    piecewise_constant=True,
  )
