"""Autoencoders with one layer of latents, plain and variational (Kingma and Welling, 2014).

q(z | x) = N(mu(x), sigma(x)^2), or a flow of `posteriors` from it. `autoencoder` has the loss.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Encoding, Method, Spec
from gengap.methods import common, elbo, kl, likelihoods, posteriors
from gengap.methods.autoencoder import assemble, log_scale_of
from gengap.methods.elbo import Regulariser
from gengap.methods.likelihoods import Likelihood
from gengap.methods.posteriors import Gaussian, Sample

PLAYER = "vae"
COLLAPSE = elbo.collapse_alarm(PLAYER)


class Autoencoder(nn.Module):
  """An encoder and a decoder as one player, and the scale of p(x | z) if all pixels share one."""

  encoder: nn.Module
  decoder: nn.Module
  latent_dim: int
  likelihood: Likelihood
  variational: bool = True
  flow: nn.Module | None = None

  def encode(self, x: Array, train: bool) -> Gaussian:
    """Returns q(z | x) of images [B, H, W, C]; its log_std is -inf if the model is not variational."""
    outputs = self.encoder(x, train=train)
    if not self.variational:
      return Gaussian(outputs, jnp.full_like(outputs, -jnp.inf), outputs[:, :0])
    mean, log_variance, context = jnp.split(outputs, (self.latent_dim, 2 * self.latent_dim), axis=-1)
    return Gaussian(mean, 0.5 * log_variance, context)

  def draw(self, q: Gaussian, noise: Array) -> Sample:
    """Returns the z of standard normal noise [B, D]."""
    z = q.mean + jnp.exp(q.log_std) * noise
    return Sample(noise, *(self.flow(z, q.context) if self.flow else (z, jnp.zeros(len(z)))))

  def code(self, x: Array, train: bool) -> Array:
    """Returns the z of zero noise [B, D] for images [B, H, W, C]."""
    q = self.encode(x, train)
    return self.draw(q, jnp.zeros_like(q.mean)).z

  @nn.compact
  def decode(self, z: Array, train: bool) -> tuple[Array, Array]:
    """Returns the decoder's outputs [B, H, W, each * C] for latents [B, D], and the log scale."""
    return self.decoder(z, train=train), log_scale_of(self, self.likelihood)

  def __call__(self, x: Array, noise: Array, train: bool) -> tuple[Gaussian, Sample, tuple[Array, Array]]:
    """Returns q(z | x), its sample for noise [B, D], and `decode` of that sample."""
    q = self.encode(x, train)
    sample = self.draw(q, noise)
    return q, sample, self.decode(sample.z, train)


def network_pair(
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
  """Returns the model that the builders' arguments describe; `outputs` are those of the encoder.

  Raises:
    InputError: a value outside its range, or an option that the network lacks.
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
    likelihood=p,
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
  """Builds a plain autoencoder, which minimises the reconstruction from a code without noise or prior.

  Its arguments are those of `build`. Its codes do not follow N(0, I), so draws of it decode to poor samples.

  Raises:
    InputError: a value outside its range.
  """
  p = likelihoods.find(likelihood)
  model = network_pair(spec, p, network, width, latent_dim, latent_dim, attention, skips, variational=False)
  return assemble(spec, "ae", model, latent_dim, p, common.adam(learning_rate, b1, b2, clip_norm=clip_norm))


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
    network: family of the encoder (two outputs for each latent: mean and log variance) and the decoder, one
      of `networks.NETWORKS`.
    width: of both networks, in the family's own unit.
    latent_dim: of z.
    likelihood: p(x | z); one of `likelihoods.LIKELIHOODS`, or a mapping with its settings, such as
      {"likelihood": "gaussian", "scale": 0.1}.
    beta: weight of the KL; a number, or a mapping with a schedule, one of `kl.SCHEDULES`, such as
      {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 3900}.
    free_bits: the least KL in nats of every latent, in the mean over the batch; 0 sets none.
    flow: of q(z | x); one of `posteriors.FLOWS`, or a mapping with its settings, such as
      {"flow": "iaf", "layers": 4, "width": 128}.
    sample: whether z is drawn from q(z | x); otherwise it is the mean.
    attention: whether both networks have self-attention on the maps of half the image's side.
    skips: latent skip connections: how many linear functions of z each stage of the decoder gets besides the
      output of the stage before it; () for none.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 disables clipping.

  Raises:
    InputError: a value outside its range.
  """
  kl.not_negative(free_bits=free_bits)
  weight = kl.weight(beta)
  layers = posteriors.find(flow)(latent_dim)
  if layers and (free_bits or not sample):
    raise InputError(
      "config.method_args.flow: with a flow the KL is known from samples alone, and not per latent; "
      "use sample=True and free_bits=0"
    )

  p = likelihoods.find(likelihood)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  if layers:
    outputs = 2 * latent_dim + posteriors.CONTEXT
    model = network_pair(spec, p, network, width, latent_dim, outputs, attention, skips, flow=layers)
    regulariser, encodes, alarms = elbo.sampled(weight), Encoding.FLOW, ()
  else:
    model = network_pair(spec, p, network, width, latent_dim, 2 * latent_dim, attention, skips)
    regulariser, encodes, alarms = elbo.closed_form(weight, free_bits), Encoding.GAUSSIAN, (COLLAPSE,)
  return assemble(spec, PLAYER, model, latent_dim, p, tx, regulariser, sample, encodes, alarms)


def regularised(
  spec: Spec,
  regulariser: Regulariser,
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
  """Builds a variational autoencoder with a Gaussian q(z | x) and any regulariser.

  Args:
    spec: of the data.
    regulariser: of q(z | x); it must also log "active_units" (see `elbo.Regulariser`).
    network: as in `build`, like all arguments below.
    width: of both networks.
    latent_dim: of z.
    likelihood: p(x | z).
    attention: whether both networks have self-attention.
    skips: latent skip connections.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient.

  Raises:
    InputError: a value outside its range.
  """
  p = likelihoods.find(likelihood)
  model = network_pair(spec, p, network, width, latent_dim, 2 * latent_dim, attention, skips)
  tx = common.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  gaussian, alarms = Encoding.GAUSSIAN, (COLLAPSE,)
  return assemble(
    spec, PLAYER, model, latent_dim, p, tx, regulariser, sample=True, encodes=gaussian, alarms=alarms
  )
