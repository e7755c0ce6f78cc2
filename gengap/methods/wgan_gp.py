"""Wasserstein GAN with gradient penalty.

Gulrajani et al. (2017), "Improved Training of Wasserstein GANs", equation 3; the critic D minimises

  L = E D(G(z)) - E D(x) + lambda E penalty(||grad D(m)||),    m = e x + (1 - e) G(z),    e ~ U[0, 1]

with one e per image, and the generator minimises -E D(G(z)).
"""

from typing import Any

import jax
import jax.numpy as jnp

from gengap.method import Array, Batch, Keys, Method, Nets, Params, Spec, Turn
from gengap.methods import parts

PENALTIES = {
  "two_sided": lambda norm: (norm - 1.0) ** 2,  # equation 3: the critic's slope is 1
  "zero_centred": lambda norm: norm,  # the norm itself, pulled towards 0
}


def build(
  spec: Spec,
  network: str = "resnet",
  width: int = 128,
  latent_dim: int = 128,
  n_critic: int = 5,
  penalty: str = "two_sided",
  penalty_weight: float = 10.0,
  learning_rate: float = 2e-4,
  critic_learning_rate: float = 2e-4,
  b1: float = 0.0,
  b2: float = 0.9,
  decay_steps: int = 0,
  critic_decay_steps: int = 0,
) -> Method:
  """Builds the method.

  Args:
    spec: of the data.
    network: family of the generator (its decoder) and the critic (its encoder, one output).
    width: of both networks, in the family's own unit.
    latent_dim: of z.
    n_critic: critic updates for each generator update.
    penalty: "two_sided", (||grad|| - 1)^2, or "zero_centred", ||grad||.
    penalty_weight: lambda.
    learning_rate: of the generator's Adam.
    critic_learning_rate: of the critic's Adam.
    b1: Adam's first decay, of both players.
    b2: Adam's second decay, of both players.
    decay_steps: generator updates until its learning rate has fallen linearly to 0; 0 keeps it.
    critic_decay_steps: the same in critic updates.

  Raises:
    InputError: a value outside its range.
  """
  parts.positive(width=width, latent_dim=latent_dim, n_critic=n_critic, penalty_weight=penalty_weight)
  penalise = parts.choose("penalty", penalty, PENALTIES)
  decoder, encoder = parts.family(network)
  generator: Any = decoder(shape=spec.shape, width=width, dtype=spec.dtype)
  critic: Any = encoder(outputs=1, width=width, dtype=spec.dtype)
  critic32: Any = encoder(outputs=1, width=width, dtype="float32")  # the penalty's, in any dtype

  def init(key: Array, batch: Batch) -> Nets:
    g, d = jax.random.split(key)
    z = jnp.zeros((len(batch.image), latent_dim))
    return {
      "generator": generator.init(g, z, train=False),
      "critic": critic.init(d, batch.image, train=False),
    }

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    del label
    return jnp.tanh(generator.apply(nets["generator"], z, train=False))

  def play(variables, z):
    raw, changed = generator.apply(variables, z, train=True, mutable=["batch_stats"])
    return jnp.tanh(raw), changed

  def critic_loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    del step
    latent_keys, mix_keys = parts.split(keys)
    fake, _ = play(nets["generator"], parts.normal(latent_keys, latent_dim))
    scores = critic.apply({"params": params}, jnp.concatenate([batch.image, fake]), train=True)
    real_score, fake_score = jnp.split(scores, 2)
    wasserstein = jnp.mean(real_score) - jnp.mean(fake_score)

    e = parts.uniform(mix_keys)[:, None, None, None]
    mixed = e * batch.image + (1 - e) * fake
    slope = jax.grad(lambda x: critic32.apply({"params": params}, x, train=True).sum())(mixed)
    norm = jnp.sqrt(jnp.sum(slope**2, axis=(1, 2, 3)) + 1e-12)
    cost = jnp.mean(penalise(norm))
    metrics = {"wasserstein": wasserstein, "penalty": cost, "slope": jnp.mean(norm)}
    return -wasserstein + penalty_weight * cost, ({}, metrics)

  def generator_loss(params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    del batch, step
    variables = nets["generator"] | {"params": params}
    fake, changed = play(variables, parts.normal(keys, latent_dim))
    score = jnp.mean(critic.apply(nets["critic"], fake, train=True))
    return -score, ({"generator": changed}, {})

  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(
      Turn("critic", critic_loss, parts.adam(critic_learning_rate, b1, b2, critic_decay_steps), n_critic),
      Turn("generator", generator_loss, parts.adam(learning_rate, b1, b2, decay_steps)),
    ),
    generate=generate,
    represent={"critic": lambda nets, x: critic.apply(nets["critic"], x, train=False)},
  )
