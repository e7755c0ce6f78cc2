"""Two players, a generator and a critic, whatever they want of each other (`gan`) and however they are made.

The numbers that show whether the game is healthy come out of the turns themselves, with no pass of their own:

  critic/real, critic/fake       mean scores of real and of generated images
  critic/margin                  their difference; of wgan and wgan_gp it is the Wasserstein estimate
  critic/accuracy                share of images on the right side of the loss's boundary, where it has one
  critic/ranking                 how often a real image scores above a generated one; 0.5 is by chance
  critic/penalty, critic/slope   penalty before its weight, mean |grad D| between real and generated images
  critic/diversity               mean distance between generated images over that between real ones
  generator/image_gradient       mean |d loss_i / d image_i|: what the generator gets to learn from
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gengap.errors import InputError
from gengap.method import Array, Batch, Key, Keys, Method, Metrics, Nets, Params, Spec, Turn, whole_batch
from gengap.methods import common
from gengap.methods.gan import Objective
from gengap.networks import spectral
from gengap.networks.players import Critic, Generator

CONDITIONS = ("none", "one_hot", "projection")
SPECTRAL_NORM = {"none": (), "critic": ("critic",), "both": ("critic", "generator")}


class Game(NamedTuple):
  """The losses of both players, and what they share."""

  objective: Objective
  generator: Any
  critic: Any
  latent_dim: int

  def paint(self, variables, keys: Keys, label: Array) -> tuple[Array, Any]:
    """Returns generated images, one for each key, and the generator's new batch statistics."""
    z = common.normal(keys, self.latent_dim)
    return self.generator.apply(variables, z, label, train=True, mutable=["batch_stats"])

  def critic_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """Scores real images against as many generated ones of the same classes."""
    del step
    latent_keys, mix_keys, real_keys, fake_keys, mixed_keys = common.split(keys, 5)
    fake, _ = self.paint(spectral.normalised(nets["generator"]), latent_keys, batch.label)
    own = spectral.advance(nets["critic"] | {"params": params})
    weights = spectral.normalised(own)
    images, labels, both = (
      jnp.concatenate(x) for x in ((batch.image, fake), (batch.label, batch.label), (real_keys, fake_keys))
    )
    real_score, fake_score = jnp.split(self.critic.apply(weights, images, labels, both), 2)
    loss = self.objective.critic(real_score, fake_score)
    seen = scores(real_score, fake_score, self.objective.boundary)
    seen["diversity"] = diversity(fake, batch.image)
    if self.objective.penalty:
      e = common.uniform(mix_keys)[:, None, None, None]
      mixed = e * batch.image + (1 - e) * fake
      critic = self.critic.clone(body=self.critic.body.clone(dtype=jnp.float32))  # in any dtype
      slope = jax.grad(lambda x: critic.apply(weights, x, batch.label, mixed_keys).sum())(mixed)
      norm = lengths(slope)
      penalty = jnp.mean(self.objective.penalty(norm))
      loss += self.objective.penalty_weight * penalty
      seen |= {"penalty": penalty, "slope": jnp.mean(norm)}
    return loss, (kept(critic=own), seen)

  def generator_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """Scores generated images of the batch's classes."""
    del step
    latent_keys, critic_keys = common.split(keys)
    own = spectral.advance(nets["generator"] | {"params": params})
    image, changed = self.paint(spectral.normalised(own), latent_keys, batch.label)
    weights = spectral.normalised(nets["critic"])

    def judged(image: Array) -> Array:
      return self.objective.generator(self.critic.apply(weights, image, batch.label, critic_keys))

    # The chain rule in two parts, so that the middle can be logged: value and gradient are those of `judged`.
    loss, pull = jax.value_and_grad(judged)(lax.stop_gradient(image))
    loss += jnp.sum(pull * (image - lax.stop_gradient(image)))
    one_each = len(image) * pull.reshape(len(image), -1)  # the loss is a mean over images
    seen = {"image_gradient": jnp.mean(jnp.linalg.norm(one_each, axis=1))}
    return loss, (kept(generator=own | changed), seen)


def kept(**players) -> Nets:
  """Returns what a turn changes beside weights: batch statistics and vectors of the power iteration."""
  return {
    player: {name: variables[name] for name in ("batch_stats", "spectral") if name in variables}
    for player, variables in players.items()
  }


def lengths(x: Array) -> Array:
  """Euclidean norm of every example, [B, ...] -> [B], with a derivative at 0."""
  return jnp.sqrt(jnp.sum(x**2, axis=range(1, x.ndim)) + 1e-12)


def scores(real: Array, fake: Array, boundary: float | None) -> Metrics:
  """Returns what the critic's scores [B] of real and generated images say of it."""
  seen = {
    "real": jnp.mean(real),
    "fake": jnp.mean(fake),
    "margin": jnp.mean(real) - jnp.mean(fake),
    "ranking": jnp.mean(0.5 * (1 + jnp.sign(real - fake))),  # the i-th of each: B independent pairs
  }
  if boundary is not None:
    seen["accuracy"] = 0.5 * (jnp.mean(real > boundary) + jnp.mean(fake <= boundary))
  return seen


def diversity(fake: Array, real: Array) -> Array:
  """Mean distance between the batch's generated images over that between its real ones; NaN for one image."""
  fake, real = lax.stop_gradient(whole_batch((fake, real)))
  return mean_distance(fake) / mean_distance(real)


def mean_distance(images: Array) -> Array:
  """Mean Euclidean distance of the pairs among images [B, ...]; NaN if there is only one."""
  x = images.reshape(len(images), -1)
  square = jnp.sum(x**2, -1)
  products = jnp.dot(x, x.T, precision="highest")
  distances = jnp.sqrt(jnp.maximum(square[:, None] + square - 2 * products, 0))
  pairs = 1 - jnp.eye(len(x))
  return jnp.sum(distances * pairs) / jnp.sum(pairs)


def clip_weights(bound: float) -> optax.GradientTransformation:
  """Ends a chain of updates with one that leaves every weight in [-bound, bound]."""

  def update(updates, state, params=None):
    return jax.tree.map(lambda move, w: jnp.clip(w + move, -bound, bound) - w, updates, params), state

  return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def build(
  spec: Spec,
  objective: Objective,
  network: str = "resnet",
  width: int = 128,
  latent_dim: int = 128,
  n_critic: int = 1,
  learning_rate: float = 2e-4,
  critic_learning_rate: float = 2e-4,
  b1: float = 0.0,
  b2: float = 0.9,
  decay_steps: int = 0,
  critic_decay_steps: int = 0,
  condition: str = "none",
  spectral_norm: str = "none",
  attention: bool = False,
  dropout: float = 0.0,
) -> Method:
  """Builds the method.

  Args:
    spec: of the data.
    objective: what the players want.
    network: family of the generator (its decoder) and the critic (its encoder).
    width: of both networks, in the family's own unit.
    latent_dim: of z.
    n_critic: critic updates for each generator update.
    learning_rate: of the generator's Adam.
    critic_learning_rate: of the critic's Adam; other than the generator's it makes the two-time-scale
      update rule of Heusel et al. (2017, arXiv:1706.08500).
    b1: Adam's first decay, of both players.
    b2: Adam's second decay, of both players.
    decay_steps: generator updates until its learning rate has fallen linearly to 0; 0 keeps it.
    critic_decay_steps: the same in critic updates.
    condition: "none", or how both players are told the class: "one_hot" or "projection".
    spectral_norm: of the kernels of "none", the "critic" or "both".
    attention: whether both networks have self-attention on the maps of half the image's side.
    dropout: rate in the critic, in both players' turns; 0 drops nothing.

  Raises:
    InputError: a value outside its range, or an option that the network or the data have not.
  """
  common.positive(width=width, latent_dim=latent_dim, n_critic=n_critic)
  common.rate(dropout=dropout)
  common.choose("condition", condition, dict.fromkeys(CONDITIONS))
  if condition != "none" and spec.num_classes < 2:
    raise InputError(
      f"config.method_args.condition is {condition!r}, and the data have no classes to tell the players, or "
      "only one; use several, such as those of mnist, or condition='none'"
    )
  told: dict[str, Any] = dict(condition=condition, num_classes=spec.num_classes)
  shared = dict(width=width, dtype=spec.dtype)
  decoder = common.network(network, "decoder", attention=attention)
  encoder = common.network(network, "encoder", attention=attention, dropout=dropout)
  outputs = 1 + spec.num_classes if condition == "projection" else 1
  generator: Any = Generator(decoder(shape=spec.shape, **shared), **told)
  critic: Any = Critic(encoder(outputs=outputs, **shared), **told)
  normalised = common.choose("spectral_norm", spectral_norm, SPECTRAL_NORM)
  game = Game(objective, generator, critic, latent_dim)

  def init(key: Key, batch: Batch) -> Nets:
    g, d, u = jax.random.split(key, 3)
    z = jnp.zeros((len(batch.image), latent_dim))
    nets = {
      "generator": generator.init(g, z, batch.label, train=False),
      "critic": critic.init(d, batch.image, batch.label),
    }
    for player in normalised:
      nets[player] = {**nets[player], "spectral": spectral.init(u, nets[player]["params"])}
    return nets

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    return generator.apply(spectral.normalised(nets["generator"]), z, label, train=False)

  def judge(nets: Nets, x: Array) -> Array:
    label = jnp.zeros(len(x), jnp.int32)  # not looked at
    return critic.apply(spectral.normalised(nets["critic"]), x, label)[:, None]

  critic_tx = common.adam(critic_learning_rate, b1, b2, critic_decay_steps, prefix="critic_")
  if objective.clip:
    critic_tx = optax.chain(critic_tx, clip_weights(objective.clip))
  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(
      Turn("critic", game.critic_loss, critic_tx, n_critic),
      Turn("generator", game.generator_loss, common.adam(learning_rate, b1, b2, decay_steps)),
    ),
    generate=generate,
    represent={"critic": judge} if condition == "none" else {},
    conditional=condition != "none",
  )


def game(objective: Callable[..., Objective], **preset: Any) -> Callable[..., Method]:
  """Returns the builder of a method: it takes the objective's arguments and those of `build`.

  Args:
    objective: a function in `gan`; its arguments need defaults, since they become fields of the config.
    **preset: other defaults than those of `build`.

  Raises:
    TypeError: an argument without a default, or a preset that `build` does not take.
  """
  own = inspect.signature(objective).parameters
  (spec, _, *shared) = inspect.signature(build).parameters.values()
  for p in own.values():
    if p.default is p.empty:
      raise TypeError(f"argument {p.name} of {objective.__name__} needs a default")
  for name in preset.keys() - {p.name for p in shared}:
    raise TypeError(f"{name} is no argument of a GAN: {', '.join(p.name for p in shared)}")

  @functools.wraps(objective)
  def builder(spec: Spec, **args: Any) -> Method:
    mine = {name: value for name, value in args.items() if name in own}
    rest = {name: value for name, value in args.items() if name not in own}
    return build(spec, objective(**mine), **(preset | rest))

  shared = [p.replace(default=preset.get(p.name, p.default)) for p in shared]
  keyword = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own.values(), *shared)]
  builder.__signature__ = inspect.Signature([spec, *keyword])  # type: ignore[attr-defined]
  return builder
