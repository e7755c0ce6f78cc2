"""Autoencoders with one layer of latents, plain and variational (Kingma and Welling, 2014).

q(z | x) = N(mu(x), sigma(x)^2), or what a flow of `posteriors` makes of it. `elbo` has the loss, and what is
logged of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Method, Spec
from gengap.methods import common, elbo, kl, likelihoods, posteriors
from gengap.methods.likelihoods import Likelihood
from gengap.methods.posteriors import Gaussian, Sample


class Autoencoder(nn.Module):
  """An encoder and a decoder as one player, and the scale of p(x | z) where one is learned."""

  encoder: nn.Module
  decoder: nn.Module
  latent_dim: int
  variational: bool = True
  learned_scale: bool = False
  flow: nn.Module | None = None

  def encode(self, x: Array, train: bool) -> Gaussian:
    """[B, H, W, C] -> q(z | x); all on its mean if not variational."""
    numbers = self.encoder(x, train=train)
    if not self.variational:
      return Gaussian(numbers, jnp.full_like(numbers, -jnp.inf), numbers[:, :0])
    mean, log_variance, context = jnp.split(numbers, (self.latent_dim, 2 * self.latent_dim), axis=-1)
    return Gaussian(mean, 0.5 * log_variance, context)

  def draw(self, q: Gaussian, noise: Array) -> Sample:
    """Returns the z that noise [B, D] makes."""
    z = q.mean + jnp.exp(q.log_std) * noise
    return Sample(noise, *(self.flow(z, q.context) if self.flow else (z, jnp.zeros(len(z)))))

  def code(self, x: Array, train: bool) -> Array:
    """[B, H, W, C] -> the z of no noise [B, D]."""
    q = self.encode(x, train)
    return self.draw(q, jnp.zeros_like(q.mean)).z

  @nn.compact
  def decode(self, z: Array, train: bool) -> tuple[Array, Array]:
    """[B, D] -> the decoder's numbers [B, H, W, each * C], and the log scale."""
    start = nn.initializers.zeros
    log_scale = self.param("log_scale", start, ()) if self.learned_scale else jnp.zeros(())
    return self.decoder(z, train=train), log_scale

  def __call__(self, x: Array, noise: Array, train: bool) -> tuple[Gaussian, Sample, tuple[Array, Array]]:
    """Returns q(z | x), the sample that noise [B, D] makes, and what `decode` makes of that."""
    q = self.encode(x, train)
    sample = self.draw(q, noise)
    return q, sample, self.decode(sample.z, train)


def pair(
  spec: Spec,
  p: Likelihood,
  network: str,
  width: int,
  latent_dim: int,
  outputs: int,
  attention: bool,
  skips: Sequence[int],
  **rest: Any,
) -> Autoencoder:
  """Returns the model that the builders' arguments describe; `outputs` is the encoder's.

  Raises:
    InputError: a value outside its range, or an option that the network has not.
  """
  common.positive(width=width, latent_dim=latent_dim)
  common.counts("skips", skips, least=0)
  height, columns, colours = spec.shape
  encoder = common.network(network, "encoder", attention=attention)
  decoder = common.network(network, "decoder", attention=attention, skips=tuple(skips))
  return Autoencoder(
    encoder=encoder(outputs=outputs, width=width, dtype=spec.dtype),
    decoder=decoder(shape=(height, columns, colours * p.each), width=width, dtype=spec.dtype),
    latent_dim=latent_dim,
    learned_scale=p.learned_scale,
    **rest,
  )


def autoencoder(
  spec: Spec,
  network: str = "conv",
  width: int = 32,
  latent_dim: int = 128,
  likelihood: str | Mapping[str, Any] = "squared_error",
  attention: bool = False,
  skips: Sequence[int] = (),
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds a plain autoencoder: the reconstruction alone, of a code without noise or prior.

  Its arguments are those of `build`. Its codes do not lie where N(0, I) does; the samples of its runs show
  what that means.

  Raises:
    InputError: a value outside its range.
  """
  p = likelihoods.find(likelihood)
  model = pair(spec, p, network, width, latent_dim, latent_dim, attention, skips, variational=False)
  return elbo.assemble(
    spec, "ae", model, latent_dim, p, common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  )


def build(
  spec: Spec,
  network: str = "conv",
  width: int = 32,
  latent_dim: int = 1024,
  likelihood: str | Mapping[str, Any] = "squared_error",
  beta: float | Mapping[str, Any] = 1.0,
  free_bits: float = 0.0,
  flow: str | Mapping[str, Any] = "none",
  sample: bool = True,
  attention: bool = False,
  skips: Sequence[int] = (),
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds a variational autoencoder.

  Args:
    spec: of the data.
    network: family of the encoder (two outputs for each latent: mean and log variance) and the decoder.
    width: of both networks, in the family's own unit.
    latent_dim: of z.
    likelihood: a name in `likelihoods.LIKELIHOODS`, or a mapping with its settings, such as
      {"likelihood": "gaussian", "scale": 0.1}.
    beta: weight of the KL; a number, or a mapping with a schedule in `kl.SCHEDULES`, such as
      {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 3900}.
    free_bits: nats that every latent pays at least, in the mean over the batch; 0 frees none.
    flow: of q(z | x), a name in `posteriors.FLOWS`, or a mapping with its settings, such as
      {"flow": "iaf", "layers": 4, "width": 128}.
    sample: whether z is drawn from q(z | x); otherwise it is the mean.
    attention: whether both networks have self-attention on the maps of half the image's side.
    skips: latent skip connections: how many linear functions of z each stage of the decoder gets beside what
      the one before it makes; () has none.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 clips nothing.

  Raises:
    InputError: a value outside its range.
  """
  kl.not_negative(free_bits=free_bits)
  price = kl.price(beta)
  layers = posteriors.find(flow)(latent_dim)
  if layers and (free_bits or not sample):
    raise InputError(
      "config.method_args.flow: with a flow the KL is known from samples alone, and not of each latent; "
      "use sample=True and free_bits=0"
    )

  p = likelihoods.find(likelihood)
  outputs = 2 * latent_dim + (posteriors.CONTEXT if layers else 0)
  model = pair(spec, p, network, width, latent_dim, outputs, attention, skips, flow=layers)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  cost = elbo.sampled(price) if layers else elbo.closed_form(price, free_bits)
  return elbo.assemble(spec, "vae", model, latent_dim, p, tx, cost, sample, gaussian=not layers)
