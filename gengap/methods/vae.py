"""Autoencoders, plain and variational (Kingma and Welling, 2014, "Auto-Encoding Variational Bayes").

  L = E -log p(x | z) + beta KL(q(z | x) || p(z)),    z = mu + sigma e,    e ~ N(0, I)

with q(z | x) = N(mu(x), sigma(x)^2), or what a flow makes of it, and p(z) = N(0, I). `likelihoods` has the
choices of p(x | z), `posteriors` those of the flow, and `kl` those of beta. Both terms are summed over
dimensions and averaged over the batch. What is logged:

  reconstruction    E -log p(x | z) in nats, as the loss has it
  kl, kl_sample     closed form, and its estimate from the one z of each image; with a flow, both the estimate
  elbo              nats an image, all constants, beta = 1
  bits              -elbo in bits a dimension, of 8-bit images (of binarised ones where they are)
  active_units      latents whose mean varies over the batch by more than 0.01
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import flax.linen as nn
import jax.numpy as jnp
import optax

from gengap.errors import InputError
from gengap.method import Array, Batch, Density, Key, Keys, Method, Metrics, Nets, Params, Spec, Turn
from gengap.methods import kl, likelihoods, parts, posteriors
from gengap.methods.likelihoods import Likelihood
from gengap.methods.posteriors import Gaussian, Sample
from gengap.step import mean_over_devices

# q(z | x), a sample of it, the step -> what it costs in nats, and numbers to log
Cost: TypeAlias = Callable[[Gaussian, Sample, Array], tuple[Array, Metrics]]


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


def assemble(
  spec: Spec,
  player: str,
  network: str,
  width: int,
  latent_dim: int,
  p: Likelihood,
  tx: optax.GradientTransformation,
  cost: Cost | None = None,
  sample: bool = False,
  flow: nn.Module | None = None,
) -> Method:
  """Builds an autoencoder of one player; a variational one where there is a cost of q(z | x).

  Raises:
    InputError: a value outside its range.
  """
  parts.positive(width=width, latent_dim=latent_dim)
  height, width_, channels = spec.shape
  outputs = (2 * latent_dim if cost else latent_dim) + (posteriors.CONTEXT if flow else 0)
  family, common = parts.family(network), dict(width=width, dtype=spec.dtype)
  model: Any = Autoencoder(
    encoder=family.encoder(outputs=outputs, **common),
    decoder=family.decoder(shape=(height, width_, channels * p.each), **common),
    latent_dim=latent_dim,
    variational=cost is not None,
    learned_scale=p.learned_scale,
    flow=flow,
  )
  dimensions = math.prod(spec.shape)

  def init(key: Key, batch: Batch) -> Nets:
    noise = jnp.zeros((len(batch.image), latent_dim))
    return {player: model.init(key, batch.image, noise, train=False)}

  def loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    data_keys, noise_keys = parts.split(keys)
    x = p.observe(batch.image, data_keys)
    noise = parts.normal(noise_keys, latent_dim) if sample else jnp.zeros((len(x), latent_dim))
    variables = nets[player] | {"params": params}
    (q, drawn, (numbers, log_scale)), changed = model.apply(
      variables, x, noise, train=True, mutable=["batch_stats"]
    )
    value = -jnp.mean(p.log_prob(numbers, log_scale, x))
    seen = {"reconstruction": value}
    if cost:
      paid, described = cost(q, drawn, step)
      elbo = -(value + p.constant * dimensions + described["kl"])
      value += paid
      seen |= described | {"elbo": elbo, "bits": p.bits(elbo, dimensions)} if sample else described
    return value, ({player: changed}, seen)

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    del label
    numbers, _ = model.apply(nets[player], z, train=False, method="decode")
    return parts.clip_to_image(p.mean(numbers))

  def look(method: str, nets: Nets, x: Array) -> Any:
    return model.apply(nets[player], p.observe(x, None), train=False, method=method)

  def log_weight(nets: Nets, x: Array, keys: Keys) -> Array:
    noise = parts.normal(keys, latent_dim)
    q, drawn, (numbers, log_scale) = model.apply(nets[player], x, noise, train=False)
    log_p = p.log_prob(numbers, log_scale, x) - p.constant * dimensions
    return log_p - kl.of_sample(q.log_std, *drawn)

  represent = {"code": functools.partial(look, "code")}
  if cost:
    represent |= {
      "mean": lambda nets, x: look("encode", nets, x).mean,
      "log_std": lambda nets, x: look("encode", nets, x).log_std,
    }
  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(Turn(player, loss, tx),),
    generate=generate,
    represent=represent,
    density=Density(p.observe, log_weight) if cost else None,
  )


def autoencoder(
  spec: Spec,
  network: str = "conv",
  width: int = 32,
  latent_dim: int = 128,
  likelihood: str | Mapping[str, Any] = "squared_error",
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
  tx = parts.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  return assemble(spec, "ae", network, width, latent_dim, likelihoods.find(likelihood), tx)


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

  def cost(q: Gaussian, drawn: Sample, step: Array) -> tuple[Array, Metrics]:
    seen = {}
    if sample:
      seen["kl_sample"] = mean_over_devices(jnp.mean(kl.of_sample(q.log_std, *drawn)))
    if layers:
      paid, priced = price(seen["kl_sample"], step)
      return paid, seen | priced | {"kl": seen["kl_sample"]}
    units = mean_over_devices(jnp.mean(kl.to_prior(q.mean, q.log_std), 0))
    moments = mean_over_devices((jnp.mean(q.mean, 0), jnp.mean(q.mean**2, 0)))
    paid, priced = price(kl.spared(units, free_bits), step)
    return paid, seen | priced | {"kl": units.sum(), "active_units": kl.active_units(*moments)}

  tx = parts.adam(learning_rate, b1, b2, clip_norm=clip_norm)
  return assemble(
    spec, "vae", network, width, latent_dim, likelihoods.find(likelihood), tx, cost, sample, layers
  )
