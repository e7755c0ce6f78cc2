"""Variational autoencoder (Kingma and Welling, 2014, "Auto-Encoding Variational Bayes").

  L = E -log p(x | z) + beta KL(q(z | x) || p(z)),    z = mu + sigma e,    e ~ N(0, I)

with q(z | x) = N(mu(x), sigma(x)^2), p(z) = N(0, I) and p(x | z) = N(decoder(z), scale^2). Both terms are
summed over dimensions and averaged over the batch. beta other than 1 is Higgins et al. (2017).
"""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gengap.method import Array, Batch, Keys, Method, Nets, Params, Spec, Turn
from gengap.methods import parts


class Autoencoder(nn.Module):
  """An encoder to (mean, log std) and a decoder, as one player."""

  encoder: nn.Module
  decoder: nn.Module

  def encode(self, x: Array, train: bool) -> tuple[Array, Array]:
    """[B, H, W, C] -> mean and log std of q(z | x), each [B, D]."""
    mean, log_variance = jnp.split(self.encoder(x, train=train), 2, axis=-1)
    return mean, 0.5 * log_variance

  def decode(self, z: Array, train: bool) -> Array:
    """[B, D] -> mean of p(x | z), [B, H, W, C]."""
    return self.decoder(z, train=train)

  def __call__(self, x: Array, noise: Array, train: bool) -> tuple[Array, Array, Array]:
    """Returns a reconstruction through one sample z, and q's mean and log std."""
    mean, log_std = self.encode(x, train)
    return self.decode(mean + jnp.exp(log_std) * noise, train), mean, log_std


def kl_to_prior(mean: Array, log_std: Array) -> Array:
  """KL(N(mean, exp(log_std)^2) || N(0, I)) in nats: [B, D] -> [B] (Kingma and Welling, appendix B)."""
  return 0.5 * jnp.sum(mean**2 + jnp.exp(2 * log_std) - 2 * log_std - 1.0, axis=-1)


def build(
  spec: Spec,
  network: str = "conv",
  width: int = 32,
  latent_dim: int = 1024,
  beta: float | dict = 1.0,
  scale: float = math.sqrt(0.5),
  learning_rate: float = 1e-3,
  b1: float = 0.9,
  b2: float = 0.999,
  clip_norm: float = 1.0,
) -> Method:
  """Builds the method.

  Args:
    spec: of the data.
    network: family of the encoder (two outputs for each latent: mean and log variance) and the decoder.
    width: of both networks, in the family's own unit.
    latent_dim: of z.
    beta: weight of the KL; a number, or a schedule such as
      {"schedule": "linear", "start": 0.0, "stop": 1.0, "steps": 3900}.
    scale: standard deviation of p(x | z). The default, sqrt(1/2), makes -log p(x | z) the plain squared
      error plus a constant; the loss leaves the constant out, the logged ELBO has it.
    learning_rate: of Adam.
    b1: Adam's first decay.
    b2: Adam's second decay.
    clip_norm: largest global norm of a gradient; 0 clips nothing.

  Raises:
    InputError: a value outside its range.
  """
  parts.positive(width=width, latent_dim=latent_dim, scale=scale)
  weight = parts.schedule("beta", beta)
  family = parts.family(network)
  model: Any = Autoencoder(
    encoder=family.encoder(outputs=2 * latent_dim, width=width, dtype=spec.dtype),
    decoder=family.decoder(shape=spec.shape, width=width, dtype=spec.dtype),
  )
  log_normaliser = math.prod(spec.shape) * math.log(scale * math.sqrt(2 * math.pi))

  def init(key: Array, batch: Batch) -> Nets:
    noise = jnp.zeros((len(batch.image), latent_dim))
    return {"vae": model.init(key, batch.image, noise, train=False)}

  def loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    (output, mean, log_std), changed = model.apply(
      nets["vae"] | {"params": params},
      batch.image,
      parts.normal(keys, latent_dim),
      train=True,
      mutable=["batch_stats"],
    )
    error = jnp.sum((batch.image - output) ** 2, axis=(1, 2, 3))
    distortion = jnp.mean(error) / (2 * scale**2)
    rate = jnp.mean(kl_to_prior(mean, log_std))
    metrics = {
      "reconstruction": distortion,
      "kl": rate,
      "elbo": -(distortion + log_normaliser + rate),  # nats, all constants, beta = 1
      "beta": weight(step),
    }
    return distortion + weight(step) * rate, ({"vae": changed}, metrics)

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    del label
    return parts.clip_to_image(model.apply(nets["vae"], z, train=False, method="decode"))

  def encode(nets: Nets, x: Array) -> tuple[Array, Array]:
    return model.apply(nets["vae"], x, train=False, method="encode")

  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(Turn("vae", loss, parts.adam(learning_rate, b1, b2, clip_norm=clip_norm)),),
    generate=generate,
    represent={"mean": lambda n, x: encode(n, x)[0], "log_std": lambda n, x: encode(n, x)[1]},
  )
