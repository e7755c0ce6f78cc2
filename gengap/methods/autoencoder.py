"""From a model of p(x | z) and q(z | x) to a method: the loss of every autoencoder.

The loss is the reconstruction plus the cost of a regulariser (see `elbo`). Besides the regulariser's numbers
it logs

  reconstruction    E -log p(x | z) in nats, as the loss has it
  elbo              nats per image, all constants, beta = 1
  bits              -elbo in bits per dimension, of 8-bit images, or of bits if p(x | z) is of bits

and, if the variance of p(x | z) is the best one for the batch,

  scale             the square root of this variance, which the loss uses. `elbo` and `bits` use the moving
                    average of the batches before, as evaluation does
"""

import functools
import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import optax

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
)
from gengap.methods import common, kl
from gengap.methods.elbo import Regulariser
from gengap.methods.likelihoods import Likelihood

DECAY = 0.99  # of the moving average of the best variance, once enough steps are behind


def log_scale_of(module: nn.Module, likelihood: Likelihood) -> Array:
  """Declares the log scale [] of all pixels in a module: a weight, half the log of a kept variance, or 0."""
  if likelihood.learned_scale:
    return module.param("log_scale", nn.initializers.zeros, ())
  if likelihood.best_variance:
    return 0.5 * jnp.log(module.variable("batch_stats", "variance", jnp.ones, ()).value)
  return jnp.zeros(())


def keep_variance(changed: dict[str, Any], variance: Array, step: Array) -> dict[str, Any]:
  """Moves the kept variance towards a batch's, with decay min(DECAY, (1 + t) / (10 + t)) at step t."""
  decay = jnp.minimum(DECAY, (1.0 + step) / (10.0 + step))
  statistics = changed["batch_stats"]
  moved = decay * statistics["variance"] + (1 - decay) * variance
  return {**changed, "batch_stats": {**statistics, "variance": moved}}


class LatentModel(NamedTuple):
  """p(x | z) and q(z | x) as one player.

  `model` is a module of images, noise [B, latent_dim] and `train` -> q(z | x), a sample, and the decoder's
  outputs and log scale. It has the methods `encode`, `code` and `decode`, as `vae.Autoencoder` has them.
  """

  player: str
  model: Any
  latent_dim: int
  likelihood: Likelihood
  regulariser: Regulariser | None  # None for a plain autoencoder
  sample: bool  # whether z is drawn from q(z | x); otherwise it is the mean
  dimensions: int  # of an image

  @property
  def constant(self) -> float:
    """The nats of -log p(x | z) that the likelihood leaves out."""
    return self.likelihood.constant * self.dimensions

  def bits(self, log_prob: Any) -> Any:
    """Returns bits per dimension of log p(x) in nats."""
    return self.likelihood.bits(log_prob, self.dimensions)

  def init(self, key: Key, batch: Batch) -> Nets:
    """Returns the player's variables."""
    noise = jnp.zeros((len(batch.image), self.latent_dim))
    return {self.player: self.model.init(key, batch.image, noise, train=False)}

  def loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """The reconstruction and the cost of the regulariser."""
    data_keys, noise_keys = common.split(keys)
    x = self.likelihood.target(batch.image, data_keys)
    noise = (
      common.normal(noise_keys, self.latent_dim) if self.sample else jnp.zeros((len(x), self.latent_dim))
    )
    variables = nets[self.player] | {"params": params}
    (q, sample, (outputs, log_scale)), changed = self.model.apply(
      variables, x, noise, train=True, mutable=["batch_stats"]
    )
    reconstruction = distortion = -jnp.mean(self.likelihood.log_prob(outputs, log_scale, x))
    metrics = {}
    if self.likelihood.best_variance:
      variance = self.likelihood.best_variance(outputs, x)
      reconstruction = -jnp.mean(self.likelihood.log_prob(outputs, 0.5 * jnp.log(variance), x))
      metrics["scale"] = jnp.sqrt(variance)
      changed = keep_variance(changed, variance, step)
    loss, metrics = reconstruction, metrics | {"reconstruction": reconstruction}
    if self.regulariser:
      cost, numbers = self.regulariser(q, sample, common.fold(keys, 2), step)
      if self.sample:
        elbo = -(distortion + self.constant + numbers["kl"])
        metrics |= {"elbo": elbo, "bits": self.bits(elbo)}
      else:
        del numbers["kl_sample"]  # there is no sample
      loss, metrics = reconstruction + cost, metrics | numbers
    return loss, ({self.player: changed}, metrics)

  def generate(self, nets: Nets, z: Array, label: Array) -> Array:
    """Returns the expected images of latents [B, latent_dim]."""
    del label
    outputs, _ = self.model.apply(nets[self.player], z, train=False, method="decode")
    return common.clip_to_image(self.likelihood.mean(outputs))

  def draw(self, nets: Nets, z: Array, keys: Keys) -> Array:
    """Draws from p(x | z) of latents [B, latent_dim]."""
    outputs, log_scale = self.model.apply(nets[self.player], z, train=False, method="decode")
    return self.likelihood.draw(outputs, log_scale, keys)

  def sample_posterior(self, nets: Nets, image: Array, keys: Keys, temperature: Array) -> Array:
    """Draws from q(z | x) of images; the temperature scales the noise of every latent, before any flow."""
    data_keys, noise_keys = common.split(keys)
    x = self.likelihood.target(image, data_keys)
    noise = temperature * common.normal(noise_keys, self.latent_dim)
    return self.model.apply(nets[self.player], x, noise, train=False)[1].z

  def encode(self, nets: Nets, image: Array, method: str = "encode") -> Any:
    """Returns q(z | x) of images, or what another method of the model makes of them."""
    x = self.likelihood.target(image, None)
    return self.model.apply(nets[self.player], x, train=False, method=method)

  def log_joint(self, nets: Nets, x: Array, z: Array) -> Array:
    """Log p(x, z), [B]."""
    outputs, log_scale = self.model.apply(nets[self.player], z, train=False, method="decode")
    return self.likelihood.log_prob(outputs, log_scale, x) - self.constant + kl.log_prior(z)

  def elbo_terms(self, nets: Nets, x: Array, keys: Keys) -> tuple[Array, Array, Array]:
    """Log p(x | z) [B], log p(z) - log q(z | x) [B] and z, at one z ~ q each."""
    noise = common.normal(keys, self.latent_dim)
    q, sample, (outputs, log_scale) = self.model.apply(nets[self.player], x, noise, train=False)
    log_p = self.likelihood.log_prob(outputs, log_scale, x) - self.constant
    return log_p, -kl.of_sample(q.log_std, *sample), sample.z

  def posterior(self, nets: Nets, x: Array) -> tuple[Array, Array]:
    """Mean and log standard deviation of q(z | x), [B, latent_dim] each."""
    q = self.model.apply(nets[self.player], x, train=False, method="encode")
    return q.mean, q.log_std


def assemble(
  spec: Spec,
  player: str,
  model: Any,
  latent_dim: int,
  likelihood: Likelihood,
  tx: optax.GradientTransformation,
  regulariser: Regulariser | None = None,
  sample: bool = False,
  encodes: Encoding = Encoding.CODE,
  alarms: tuple[Alarm, ...] = (),
) -> Method:
  """Builds a method of one player.

  Args:
    spec: of the data.
    player: its name.
    model: see `LatentModel`.
    latent_dim: of z.
    likelihood: p(x | z).
    tx: the optimiser.
    regulariser: of q(z | x); None for a plain autoencoder.
    sample: whether z is drawn from q(z | x).
    encodes: what `model.encode` gives.
    alarms: of numbers that the regulariser logs.
  """
  whole = LatentModel(player, model, latent_dim, likelihood, regulariser, sample, math.prod(spec.shape))
  represent, density = {"code": functools.partial(whole.encode, method="code")}, None
  if regulariser:
    posterior = whole.posterior if encodes is Encoding.GAUSSIAN else None
    density = Density(
      likelihood.observes,
      likelihood.target,
      whole.elbo_terms,
      whole.log_joint,
      whole.bits,
      posterior,
      whole.draw,
    )
    represent |= {
      "mean": lambda nets, x: whole.encode(nets, x).mean,
      "log_std": lambda nets, x: whole.encode(nets, x).log_std,
    }
  return Method(
    latent_dim=latent_dim,
    init=whole.init,
    turns=(Turn(player, whole.loss, tx),),
    generate=whole.generate,
    represent=represent,
    kind=Kind.VARIATIONAL if regulariser else Kind.AUTOENCODER,
    encodes=encodes,
    density=density,
    sample_posterior=whole.sample_posterior if regulariser else None,
    alarms=alarms,
  )
