"""Autoencoding beyond pixels: a VAE whose likelihood is of a critic's features (Larsen et al. 2016).

arXiv:1512.09300, algorithm 1. With x a real image, x~ = Dec(z) at z ~ q(z | x), x_p = Dec(z) at z ~ N(0, I),
f the features of the critic's layer l, D what the critic says before the sigmoid s:

  L_prior = KL(q(z | x) || p(z))
  L_llike = -log N(f(x); f(x~), I)
  L_GAN   = log s(D(x)) + log(1 - s(D(x~))) + log(1 - s(D(x_p)))

  encoder: min L_prior + L_llike,    critic: max L_GAN,    decoder: min gamma L_llike - L_GAN

Two things differ from there: the decoder ascends log s(D) of its images in place of descending
log(1 - s(D)), and the constant of L_llike is left out. Logged, beside what `adversarial` and `elbo` log under
the same names:

  feature_error    L_llike, without its constant
  pixel_error      squared error of x~ in [-1, 1], summed over pixels: what no player minimises
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gengap.errors import InputError
from gengap.method import Array, Batch, Key, Keys, Method, Metrics, Nets, Params, Spec, Turn
from gengap.methods import common, elbo, kl
from gengap.methods.adversarial import diversity, kept, scores
from gengap.methods.gan import log_sigmoid
from gengap.networks.players import Critic, Generator


class Game(NamedTuple):
  """The losses of the three players."""

  encoder: Any
  decoder: Any
  critic: Any
  latent_dim: int
  layer: int
  gamma: float

  def encode(self, variables, x: Array) -> tuple[Array, Array]:
    """[B, H, W, C] -> mean and log standard deviation of q(z | x), [B, D] each."""
    mean, log_variance = jnp.split(self.encoder.apply(variables, x, train=False), 2, -1)
    return mean, 0.5 * log_variance

  def paint(self, variables, z: Array) -> tuple[Array, Any]:
    """Returns images, and the decoder's new batch statistics."""
    label = jnp.zeros(len(z), jnp.int32)  # not looked at
    return self.decoder.apply(variables, z, label, train=True, mutable=["batch_stats"])

  def judge(self, variables, x: Array, keys: Keys) -> tuple[Array, Array]:
    """Returns the critic's scores [B] and features [B, F]."""
    label = jnp.zeros(len(x), jnp.int32)
    score, seen = self.critic.apply(variables, x, label, keys, mutable=["intermediates"])
    stages = seen["intermediates"]["body"]["stage"]
    if self.layer >= len(stages):
      raise InputError(
        f"config.method_args.layer is {self.layer}, and this critic has {len(stages)} stages, counted from 0"
      )
    return score, stages[self.layer].astype(jnp.float32).reshape(len(x), -1)

  def copies(self, variables, q: tuple[Array, Array], keys: Keys) -> tuple[Array, Array, Any]:
    """Returns x~ of a posterior and x_p, painted as one batch, and the decoder's new batch statistics."""
    here, anywhere = common.split(keys)
    mean, log_std = q
    z = mean + jnp.exp(log_std) * common.normal(here, self.latent_dim)
    images, changed = self.paint(variables, jnp.concatenate([z, common.normal(anywhere, self.latent_dim)]))
    copy, fake = jnp.split(images, 2)
    return copy, fake, changed

  def compare(self, nets: Nets, x: Array, copy: Array, keys: Keys) -> tuple[Array, Array, Metrics]:
    """Returns L_llike, the score of the copies, and numbers to log."""
    _, wanted = self.judge(nets["critic"], x, keys)
    score, found = self.judge(nets["critic"], copy, keys)
    error = jnp.mean(0.5 * jnp.sum((wanted - found) ** 2, -1))
    pixels = jnp.mean(jnp.sum((x - copy) ** 2, (1, 2, 3)))
    return error, score, {"feature_error": error, "pixel_error": pixels}

  def encoder_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """L_prior + L_llike."""
    del step
    draw_keys, critic_keys = common.split(keys)
    q = self.encode(nets["encoder"] | {"params": params}, batch.image)
    copy, *_ = self.copies(nets["decoder"], q, draw_keys)
    error, _, seen = self.compare(nets, batch.image, copy, critic_keys)
    units, active = elbo.told(*q)
    return units.sum() + error, ({}, seen | {"kl": units.sum(), "active_units": active})

  def critic_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """-L_GAN."""
    del step
    draw_keys, real_keys, copy_keys, fake_keys = common.split(keys, 4)
    copy, fake, _ = self.copies(nets["decoder"], self.encode(nets["encoder"], batch.image), draw_keys)
    images, noises = (
      jnp.concatenate(x) for x in ((batch.image, copy, fake), (real_keys, copy_keys, fake_keys))
    )
    score, _ = self.judge(nets["critic"] | {"params": params}, images, noises)
    real, copied, faked = jnp.split(score, 3)
    value = -jnp.mean(log_sigmoid(real) + log_sigmoid(-copied) + log_sigmoid(-faked))
    seen = scores(real, faked, boundary=0.0)
    return value, ({}, seen | {"diversity": diversity(fake, batch.image)})

  def decoder_loss(self, params: Params, nets: Nets, batch: Batch, keys: Keys, step: Array):
    """Gamma L_llike, and both kinds of images to pass as real."""
    del step
    draw_keys, copy_keys, fake_keys = common.split(keys, 3)
    own = nets["decoder"] | {"params": params}
    copy, fake, changed = self.copies(own, self.encode(nets["encoder"], batch.image), draw_keys)
    error, copied, seen = self.compare(nets, batch.image, copy, copy_keys)
    faked, _ = self.judge(nets["critic"], fake, fake_keys)
    fooled = -jnp.mean(log_sigmoid(copied)) - jnp.mean(log_sigmoid(faked))
    return self.gamma * error + fooled, (kept(decoder=own | changed), seen)


def build(
  spec: Spec,
  network: str = "dcgan",
  width: int = 64,
  latent_dim: int = 128,
  layer: int = 1,
  gamma: float = 1e-2,
  attention: bool = False,
  learning_rate: float = 2e-4,
  critic_learning_rate: float = 2e-4,
  b1: float = 0.5,
  b2: float = 0.999,
) -> Method:
  """Builds the method: encoder, critic and decoder in turn.

  Args:
    spec: of the data.
    network: family of all three: its encoder is the VAE's and the critic, its decoder the decoder.
    width: of all three, in the family's own unit.
    latent_dim: of z.
    layer: the stage of the critic whose features are compared, counted from 0 at the image.
    gamma: weight of the features in the decoder's loss; the encoder's is 1.
    attention: whether all three have self-attention on the maps of half the image's side.
    learning_rate: of the encoder's and the decoder's Adam.
    critic_learning_rate: of the critic's Adam.
    b1: Adam's first decay, of all.
    b2: Adam's second decay, of all.

  Raises:
    InputError: a value outside its range, or an option that the network has not.
  """
  common.positive(width=width, latent_dim=latent_dim)
  kl.not_negative(gamma=gamma, layer=layer)
  shared = dict(width=width, dtype=spec.dtype)
  down = common.network(network, "encoder", attention=attention)
  up = common.network(network, "decoder", attention=attention)
  told: dict[str, Any] = dict(condition="none", num_classes=spec.num_classes)
  encoder: Any = down(outputs=2 * latent_dim, **shared)
  decoder: Any = Generator(up(shape=spec.shape, **shared), **told)
  critic: Any = Critic(down(outputs=1, **shared), **told)
  game = Game(encoder, decoder, critic, latent_dim, layer, gamma)

  def init(key: Key, batch: Batch) -> Nets:
    e, d, c = jax.random.split(key, 3)
    z = jnp.zeros((len(batch.image), latent_dim))
    return {
      "encoder": encoder.init(e, batch.image, train=False),
      "critic": critic.init(c, batch.image, batch.label),
      "decoder": decoder.init(d, z, batch.label, train=False),
    }

  def generate(nets: Nets, z: Array, label: Array) -> Array:
    return decoder.apply(nets["decoder"], z, label, train=False)

  def half(index: int) -> Callable[[Nets, Array], Array]:
    return lambda nets, x: game.encode(nets["encoder"], x)[index]

  def judge(nets: Nets, x: Array) -> Array:
    return critic.apply(nets["critic"], x, jnp.zeros(len(x), jnp.int32))[:, None]

  return Method(
    latent_dim=latent_dim,
    init=init,
    turns=(
      Turn("encoder", game.encoder_loss, common.adam(learning_rate, b1, b2)),
      Turn("critic", game.critic_loss, common.adam(critic_learning_rate, b1, b2, prefix="critic_")),
      Turn("decoder", game.decoder_loss, common.adam(learning_rate, b1, b2)),
    ),
    generate=generate,
    represent={"code": half(0), "mean": half(0), "log_std": half(1), "critic": judge},
  )
