"""Builds methods of two players, a generator and a critic, from an `Objective` and a family of networks."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gengap.errors import InputError
from gengap.method import Array, Batch, Key, Kind, Method, Nets, Spec, Turn
from gengap.methods import common, gan_metrics, penalties
from gengap.methods import diff_augment as augmentation
from gengap.methods.adversarial_losses import AdversarialLosses
from gengap.methods.gan import Objective
from gengap.networks import spectral
from gengap.networks.players import Critic, Generator

CONDITIONS = ("none", "one_hot", "projection")
SPECTRAL_NORM = {"none": (), "critic": ("critic",), "both": ("critic", "generator")}
LONGEST_INTERVAL = 1000  # steps between penalties; in use are 4 to 16


class Pair(NamedTuple):
  """A generator and a critic."""

  generator: Any
  critic: Any
  latent_dim: int
  normalised: tuple[str, ...]  # players whose kernels are divided by their spectral norms

  def init(self, key: Key, batch: Batch) -> Nets:
    """Returns the variables of both."""
    g, d, u = jax.random.split(key, 3)
    z = jnp.zeros((len(batch.image), self.latent_dim))
    nets = {
      "generator": self.generator.init(g, z, batch.label, train=False),
      "critic": self.critic.init(d, batch.image, batch.label),
    }
    for player in self.normalised:
      nets[player] = {**nets[player], "spectral": spectral.init(u, nets[player]["params"])}
    return nets

  def generate(self, nets: Nets, z: Array, label: Array) -> Array:
    """Returns the images of latents [B, latent_dim] and classes [B]."""
    return self.generator.apply(spectral.normalised(nets["generator"]), z, label, train=False)

  def score(self, nets: Nets, x: Array) -> Array:
    """Returns the scores [B, 1] of images, of a critic without classes."""
    label = jnp.zeros(len(x), jnp.int32)  # unused
    return self.critic.apply(spectral.normalised(nets["critic"]), x, label)[:, None]


def pair(
  spec: Spec,
  network: str,
  width: int,
  latent_dim: int,
  condition: str,
  spectral_norm: str,
  attention: bool,
  dropout: float,
) -> Pair:
  """Builds both players; see `build` for the arguments and errors."""
  common.choose("condition", condition, dict.fromkeys(CONDITIONS))
  if condition != "none" and spec.num_classes < 2:
    raise InputError(
      f"config.method_args.condition is {condition!r}, but the data have no classes, or only one; "
      "use data with several, such as mnist, or condition='none'"
    )
  conditioning: dict[str, Any] = dict(condition=condition, num_classes=spec.num_classes)
  shared = dict(width=width, dtype=spec.dtype)
  decoder = common.network(network, "decoder", attention=attention)
  encoder = common.network(network, "encoder", attention=attention, dropout=dropout)
  outputs = 1 + spec.num_classes if condition == "projection" else 1
  normalised = common.choose("spectral_norm", spectral_norm, SPECTRAL_NORM)
  if normalised and common.family(network).zero_kernels:
    raise InputError(
      f"config.method_args.spectral_norm is {spectral_norm!r}, but kernels of network {network!r} "
      "start at 0 and cannot be divided by their norms; use spectral_norm='none'"
    )
  return Pair(
    Generator(decoder(shape=spec.shape, **shared), **conditioning),
    Critic(encoder(outputs=outputs, **shared), **conditioning),
    latent_dim,
    normalised,
  )


def check_interval(interval: int, chosen: tuple[penalties.Penalty, ...]) -> None:
  """Raises InputError unless an interval is a whole number within bounds, and 1 without penalties."""
  common.whole(penalty_interval=interval)
  if interval > LONGEST_INTERVAL:
    raise InputError(
      f"config.method_args.penalty_interval is {interval}; it must be at most {LONGEST_INTERVAL}"
    )
  if interval > 1 and not chosen:
    raise InputError(
      f"config.method_args.penalty_interval is {interval}, but there is no penalty; "
      "leave it at 1, or set config.method_args.penalty"
    )


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
  penalty: str = "none",
  penalty_weight: float = 10.0,
  gamma: float = 10.0,
  penalty_interval: int = 1,
  diff_augment: tuple[str, ...] = (),
) -> Method:
  """Builds a GAN.

  Args:
    spec: of the data.
    objective: the losses of both players.
    network: family of the generator (its decoder) and the critic (its encoder), one of
      `networks.NETWORKS`.
    width: of both networks, in the family's own unit.
    latent_dim: of z.
    n_critic: critic updates for each generator update.
    learning_rate: of the generator's Adam.
    critic_learning_rate: of the critic's Adam; two different rates are the two-time-scale update rule of
      Heusel et al. (2017, arXiv:1706.08500).
    b1: Adam's first decay, of both players.
    b2: Adam's second decay, of both players.
    decay_steps: generator updates over which its learning rate falls linearly to 0; 0 keeps it constant.
    critic_decay_steps: the same for the critic, in critic updates.
    condition: how both players get the class: "none" (they do not), "one_hot" or "projection".
    spectral_norm: whose kernels are normalised: "none", "critic" or "both" players.
    attention: whether both networks have self-attention on the maps of half the image's side.
    dropout: rate in the critic, in both players' turns; 0 disables it.
    penalty: on the gradient of the critic, one of `penalties.PENALTIES`; an objective's own one is added.
    penalty_weight: lambda, of the penalties of WGAN-GP.
    gamma: of R1 and R2.
    penalty_interval: k; the penalties are computed in every k-th step only, times k (lazy regularisation,
      Karras et al. 2020, arXiv:1912.04958, appendix B). Adam's settings are not adjusted as there: loss and
      penalty share one update, so there are as many updates as without an interval.
    diff_augment: which of `diff_augment.OPERATIONS` change the images that the critic gets.

  Raises:
    InputError: a value outside its range, or an option that the network or the data lack.
  """
  common.positive(width=width, latent_dim=latent_dim, n_critic=n_critic)
  common.rate(dropout=dropout)
  players = pair(spec, network, width, latent_dim, condition, spectral_norm, attention, dropout)
  named = penalties.build(penalty, penalty_weight=penalty_weight, gamma=gamma)
  chosen = tuple(p for p in (named, objective.penalty) if p)
  check_interval(penalty_interval, chosen)
  augment = augmentation.build(diff_augment)
  losses = AdversarialLosses(
    objective, players.generator, players.critic, latent_dim, chosen, penalty_interval, augment
  )
  critic_tx = common.adam(critic_learning_rate, b1, b2, critic_decay_steps, prefix="critic_")
  if objective.clip:
    critic_tx = optax.chain(critic_tx, common.clip_weights(objective.clip))
  return Method(
    latent_dim=latent_dim,
    init=players.init,
    turns=(
      Turn(
        "critic",
        losses.critic_loss,
        critic_tx,
        n_critic,
        penalty_interval,
        losses.critic_loss_between if penalty_interval > 1 else None,
      ),
      Turn("generator", losses.generator_loss, common.adam(learning_rate, b1, b2, decay_steps)),
    ),
    generate=players.generate,
    represent={"critic": players.score} if condition == "none" else {},
    kind=Kind.ADVERSARIAL,
    conditional=condition != "none",
    alarms=(gan_metrics.collapse_alarm("critic"), gan_metrics.gradient_alarm("generator")),
  )
